"""What goes in and out as a whole: tables, backups, and what is deleted because it is old."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from registry.commands.options import Config, Json, print_rows
from registry.commands.roof import operator, ready


def import_(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX; the first row names the columns.")],
    columns: Annotated[
        list[str] | None, typer.Option("--map", metavar="HEADER=FIELD", help="What a column is; `HEADER=` leaves it out.")
    ] = None,
    make: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Make what is missing: category, home_location, supplier, model, cost_center."),
    ] = None,
    create_places: Annotated[
        bool, typer.Option("--create-places", help="The same as --make category --make home_location.")
    ] = False,
    days: Annotated[str | None, typer.Option(help="dmy or mdy: how 3/4/2024 is meant.")] = None,
    decimals: Annotated[str | None, typer.Option(help="What stands before decimals, point or comma.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="An empty cell takes the value away.")] = False,
    number: Annotated[bool, typer.Option("--number", help="Rows with neither number nor code are new assets.")] = False,
    trust: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Its codes are right, however much they look like 1.23E+11.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Write without asking.")] = False,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Write the rest although some rows have errors.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Check a table of assets, say what would change and what is wrong, and write it once that is confirmed. Twice is as good as
    once."""
    with ready(config):
        from registry.importing.command import import_file
        from registry.importing.options import read_options

        places = ["category", "home_location"] if create_places else []
        options = read_options(
            {"days": days, "decimals": decimals, "clear": clear, "number": number, "make": [*places, *(make or [])],
             "trust": trust or []}
        )  # fmt: skip
        status = import_file(
            by=operator(), path=file, columns=columns or [], options=options, dry_run=dry_run, confirmed=confirm,
            leave_out=leave_out, as_json=as_json,
        )  # fmt: skip
        raise typer.Exit(status)


def export(
    file: Annotated[Path, typer.Argument(help="A file to write, .csv or .xlsx.")],
    column: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Only these columns, in this order.")] = None,
    config: Config = None,
) -> None:
    """Write all assets as a table. Imported again, it changes nothing."""
    with ready(config):
        from registry.importing.command import export_file

        print(f"{export_file(by=operator(), path=file, wanted=column or []):,} assets are in {file}.")


def backup(
    to: Annotated[Path, typer.Argument(help="A file to write, or a folder: then the name is made of the time.")],
    config: Config = None,
) -> None:
    """Write database, files and keys into one file, while everything runs. Whoever has it has the registry: keep it as secret."""
    with ready(config) as configuration:
        from registry.backup import make

        print(make(configuration, to))


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Although there is a registry with data; it is put aside.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Make a backup the registry. Stop the registry first."""
    with ready(config) as configuration:
        from registry.restore import read_manifest
        from registry.restore import restore as put_back

        made_at = read_manifest(file)["made_at"]
        if replace and not yes:
            typer.confirm(f"Replace everything by the state of {made_at}?", abort=True)
        print("\n".join(put_back(configuration, file, replace=replace)))


def prune(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="What is older than this day (UTC).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Delete what is old: entries of the log of changes, unknown tags unseen since, what gateways sent in vain, files of assets
    disposed of, and sightings that only confirmed where a thing was. Of these a summary of each month stays."""
    with ready(config):
        from registry import retention

        moment = before.replace(tzinfo=UTC)
        counts = retention.count(moment) if dry_run else retention.prune(moment)
        print_rows([{"kind": kind, "would_go" if dry_run else "deleted": number} for kind, number in counts.items()], as_json)
