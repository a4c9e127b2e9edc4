"""What the commands of `sightpost` have in common: the settings they are given, and how they answer."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway import cli
from gateway.problems import read
from gateway.settings import Settings
from gateway.status.words import printable

Config = Annotated[Path, typer.Option("-c", "--config", help="The settings of the gateway.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def settings_of(config: Path) -> Settings:
    """Return the settings; with problems print them all and leave with code 2."""
    reading = read(config)
    if reading.settings is None:
        for problem in reading.problems:
            typer.echo(problem)
        raise typer.Exit(cli.BAD_SETTINGS)
    return reading.settings


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, default=str))


def print_words(said: dict[str, object]) -> None:
    typer.echo("  ".join(printable(str(value), 200) for value in said.values()))
