"""`sightpost outbox`: what waits for the registry, out of it and into it. Every command is safe beside the running gateway.

Exit codes: 0 done, 1 not done or not all of it (what is left stays where it was), 2 wrong settings or wrong use.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer

from gateway import cli
from gateway.options import Config, Json, print_json, settings_of
from gateway.status.words import count, printable, size, span
from sync import outbox_upkeep as upkeep
from sync import store_file
from sync.outbox_files import NotReadable, read_file, write_export
from sync.outbox_stat import stat
from sync.salvage import salvage
from sync.store import OutboxDamaged, OutboxUnavailable, Store

MOST_LISTED = 10_000
NOT_DONE = 1

outbox_app = typer.Typer(help="What waits for the registry.", no_args_is_help=True)

Limit = Annotated[int, typer.Option("-n", "--limit", help="List at most so many.", min=1, max=MOST_LISTED)]


@outbox_app.command("stat")
def outbox_stat(config: Config = cli.SETTINGS, as_json: Json = False) -> None:
    """Say what the outbox file holds, with or without a running gateway. Exit code 1: there is none, or it cannot be read."""
    with _opened(config) as store:
        now = stat(store)
    if as_json:
        print_json(asdict(now))
        return
    typer.echo(f"{now.waiting:,} waiting, of {now.last:,} in epoch {now.epoch}; acknowledged up to {now.acked:,}")
    typer.echo(f"{size(now.used_bytes)} of {size(now.quota_bytes)} used; {now.dead:,} refused by the registry")
    for row in now.dropped:
        typer.echo(f"{count(row.records, 'record')} dropped for room ({row.reason}), each declared to the registry")
    if now.alarm:
        typer.echo(now.alarm)
    if now.set_aside:
        typer.echo(f"Could not be read and waits for `sightpost outbox recover`: {', '.join(now.set_aside)}")


@outbox_app.command("ls")
def outbox_ls(config: Config = cli.SETTINGS, limit: Limit = 50, as_json: Json = False) -> None:
    """List what waits, the oldest first. Exit code 1: there is no outbox, or it cannot be read."""
    with _opened(config) as store:
        waiting = stat(store).waiting
        listed = [_said(row) for row in _first(upkeep.rows(store, sent=False, dead=False), limit)]
    if as_json:
        print_json({"waiting": waiting, "records": listed})
        return
    for row in listed:
        typer.echo(
            f"{row['seq']:>10}  {span(row['age_s']):>12}  {row['kind']:<10} {row['what']:<10} {printable(row['identity'], 60)}"
        )
    if waiting > len(listed):
        typer.echo(f"{waiting - len(listed):,} more numbers wait.")
    if not waiting:
        typer.echo("Nothing waits.")


@outbox_app.command("export")
def outbox_export(
    file: Annotated[Path, typer.Argument(help="Is made (0600); one that is there is not replaced.")],
    config: Config = cli.SETTINGS,
    as_json: Json = False,
) -> None:
    """Write all that waits, was sent or was refused into a file of JSON lines. Nothing leaves the outbox.

    Exit code 1: it could not be written; then there is no file.
    """
    with _opened(config) as store:
        exported = _exported(store, file, upkeep.rows(store))
    _tell(as_json, {"exported": exported, "file": str(file)}, f"{count(exported, 'record')} exported to {file}.")


@outbox_app.command("import")
def outbox_import(
    file: Annotated[Path, typer.Argument(help="An export, or the outbox.db of another card.")],
    sent: Annotated[bool, typer.Option("--sent", help="Also what its registry had acknowledged.")] = False,
    config: Config = cli.SETTINGS,
    as_json: Json = False,
) -> None:
    """Take in what waited in an export or on the card of a replaced gateway. The file stays as it is.

    Records keep their event_id: what is here already is passed over, and what the registry has it takes for a repeat.
    Exit code 1: not all of it could be taken in; run it again later, and it goes on.
    """
    taken = upkeep.TakenIn()
    bad_lines: list[str] = []
    with _opened(config) as store:
        _refuse_own(file, store)
        try:
            upkeep.take_in(store, read_file(file, store.path.parent, bad_lines, sent=sent), taken)
            why = ""
        except OutboxUnavailable as exc:
            why = str(exc)
    raise typer.Exit(_tell_taken(as_json, file, taken, why, bad_lines))


@outbox_app.command("recover")
def outbox_recover(
    file: Annotated[
        Path | None, typer.Argument(help="A damaged outbox.db; without it all that the gateway has set aside.")
    ] = None,
    config: Config = cli.SETTINGS,
    as_json: Json = False,
) -> None:
    """Save what can still be read of stores that could not, and take it in. It works on a copy and needs room for two.

    A store that the gateway had set aside is then called `.recovered-...`; delete it when you like.
    Exit code 1: not all of it could be taken in; run it again later, and it goes on.
    """
    with _opened(config) as store:
        aside = store_file.set_aside_stores(store.path)
        if not (files := aside if file is None else [file]):
            _tell(as_json, {"recovered": []}, "No store has been set aside.")
            return
        code = 0
        for damaged in files:
            _refuse_own(damaged, store)
            taken = upkeep.TakenIn()
            why = ""
            try:
                upkeep.take_in(store, salvage(damaged, store.path.parent), taken)
            except OutboxUnavailable as exc:
                why = str(exc)
            if not why and damaged in aside:
                store_file.mark_recovered(damaged)
            code = max(code, _tell_taken(as_json, damaged, taken, why, []))
    raise typer.Exit(code)


@outbox_app.command("dead")
def outbox_dead(
    event_id: Annotated[str | None, typer.Argument(help="One of them, for --retry.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Send them, or the one named, once more.")] = False,
    export: Annotated[Path | None, typer.Option("--export", help="Write them all into this new file (0600).")] = None,
    config: Config = cli.SETTINGS,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List what the registry has refused, newest first, with its reason; it is kept for 30 days.

    With --retry a record goes to the end of the queue, its event_id unchanged. Exit code 1: none has that event_id, or no room.
    """
    wanted = _uuid(event_id)
    if (event_id is not None and not retry) or (retry and export is not None):
        typer.echo("An EVENT_ID goes with --retry; --export goes alone.")
        raise typer.Exit(cli.BAD_SETTINGS)
    with _opened(config) as store:
        if export is not None:
            exported = _exported(store, export, upkeep.rows(store, waiting=False, sent=False))
            _tell(as_json, {"exported": exported, "file": str(export)}, f"{count(exported, 'record')} exported to {export}.")
        elif retry:
            again = upkeep.send_again(store, wanted.bytes if wanted else None)
            _tell(as_json, {"retried": again}, f"{count(again, 'record')} to be sent again.")
            raise typer.Exit(NOT_DONE if wanted and not again else 0)
        else:
            _list_dead(store, limit, as_json)


def _list_dead(store: Store, limit: int, as_json: bool) -> None:
    rows = upkeep.dead(store, store.cursor().last + 1, limit)
    said = [
        {
            "event_id": str(row.event_id),
            "kind": row.kind,
            "identity": _identity(row.body)[1],
            "age_s": _age_s(row.died_wall_ms),
            "code": row.code,
            "text": row.text,
        }
        for row in rows
    ]
    if as_json:
        print_json({"dead": stat(store).dead, "records": said})
        return
    for row in said:
        why = f"{printable(str(row['code']), 40)}: {printable(str(row['text']), 120)}"
        typer.echo(f"{row['event_id']}  {span(float(str(row['age_s']))):>10}  {printable(str(row['identity']), 40):<40} {why}")
    if not said:
        typer.echo("Nothing was refused.")


@contextmanager
def _opened(config: Path) -> Iterator[Store]:
    """The store of the gateway, opened beside it; whatever is wrong with it is a sentence and exit code 1."""
    from gateway.app import outbox_path, quota_bytes

    settings = settings_of(config)
    path = outbox_path(settings)
    try:
        if not path.exists():
            typer.echo(f"There is no outbox yet at {path}. Start the gateway once: it makes one.")
            raise typer.Exit(NOT_DONE)
        store = Store(path, quota_bytes(settings), 0, "")  # never set aside here: the gateway may be at work on it
        try:
            yield store
        finally:
            store.close()
    except NotReadable as exc:
        typer.echo(str(exc))
        raise typer.Exit(NOT_DONE) from None
    except (OutboxDamaged, OutboxUnavailable, OSError, sqlite3.DatabaseError) as exc:
        typer.echo(str(exc) if isinstance(exc, OutboxUnavailable) else f"{path} cannot be used: {exc}")
        raise typer.Exit(NOT_DONE) from None


def _refuse_own(file: Path, store: Store) -> None:
    if file.exists() and file.samefile(store.path):
        typer.echo(f"{file} is the outbox of this gateway itself; a damaged one is set aside when the gateway starts.")
        raise typer.Exit(cli.BAD_SETTINGS)


def _exported(store: Store, file: Path, found: Iterator[upkeep.Row]) -> int:
    try:
        return write_export(file, store.cursor().epoch, time.time_ns() // 1_000_000, found)
    except FileExistsError:
        typer.echo(f"{file} exists, and an export never replaces a file; name another one.")
    except OSError as exc:
        typer.echo(f"{file} cannot be written: {exc.strerror or exc}")
    raise typer.Exit(NOT_DONE)


def _tell_taken(as_json: bool, file: Path, taken: upkeep.TakenIn, why: str, bad_lines: list[str]) -> int:
    """Say it; return the exit code."""
    said = {"file": str(file), **asdict(taken), "why": why, "bad_lines": bad_lines}
    words = f"{file}: {count(taken.taken, 'record')} taken in, {taken.known:,} known already."
    if taken.refused:
        words += f" {count(taken.refused, 'record')} damaged beyond use."
    for line in bad_lines[:10]:
        words += f"\n{line}"
    if len(bad_lines) > 10:
        words += f"\nand {len(bad_lines) - 10:,} more lines"
    if why:
        words += f"\nThen it ended: {why}. Run it again later: it goes on where it ended."
    _tell(as_json, said, words)
    return NOT_DONE if why or bad_lines else 0


def _tell(as_json: bool, said: dict[str, object], words: str) -> None:
    print_json(said) if as_json else typer.echo(words)


def _first(rows: Iterator[upkeep.Row], limit: int) -> Iterator[upkeep.Row]:
    for _, row in zip(range(limit), rows, strict=False):
        yield row


def _said(row: upkeep.Row) -> dict[str, Any]:
    what, identity = _identity(row.stored.body)
    return {
        "seq": row.seq,
        "epoch": row.epoch,
        "event_id": str(UUID(bytes=row.stored.event_id)),
        "age_s": _age_s(row.stored.wall_ms),
        "kind": row.stored.kind,
        "what": what,
        "identity": identity,
    }


class _Told(msgspec.Struct):
    kind: str = ""
    identity: str = ""


_told = msgspec.json.Decoder(_Told)


def _identity(body: bytes) -> tuple[str, str]:
    """Return (arrived, moved ..., identity) of a location event; empty text for anything else."""
    try:
        told = _told.decode(body)
    except (msgspec.DecodeError, ValueError):
        return "", ""
    return told.kind, told.identity


def _age_s(wall_ms: int) -> float:
    return max(0.0, time.time() - wall_ms / 1000)


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        typer.echo(f"{printable(text or '', 60)} is not an event_id; `sightpost outbox dead` lists them.")
        raise typer.Exit(cli.BAD_SETTINGS) from None
