"""The options that commands share, and how they print."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.configuration import CONFIG_VARIABLE

Config = Annotated[
    Path | None, typer.Option("-c", "--config", envvar=CONFIG_VARIABLE, help="registry.toml; without one all defaults hold.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for title in rows[0] if rows else ():
        table.add_column(title.replace("_", " "))
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    Console().print(table if rows else "There are none.")
