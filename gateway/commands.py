"""The commands of `sightpost` for people and scripts. Every one takes --json; cli.py says what the exit codes mean."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import cli
from gateway.options import Config, Json, print_json, print_words, settings_of
from gateway.outbox_commands import outbox_app
from gateway.problems import Reading, read
from gateway.settings import Settings
from gateway.status.words import count, printable

ASK_WITHIN_S = 5.0

app = typer.Typer(
    help="The gateway of a site: readers in, location events out to the registry.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
readers_app = typer.Typer(help="What can be read from.", invoke_without_command=True)
app.add_typer(readers_app, name="readers")
app.add_typer(outbox_app, name="outbox")


@app.command()
def run(config: Config = cli.SETTINGS) -> None:
    """Be the gateway until SIGTERM or Ctrl-C. Exit code 2: the settings are wrong, or the status page's port is taken."""
    raise typer.Exit(cli.run(config))


@app.command()
def check(config: Config = cli.SETTINGS, as_json: Json = False) -> None:
    """Name every problem of the settings at once. Exit code 0: none (there may be warnings), 2: some."""
    from gateway.readers import refused

    reading = read(config)
    problems = list(reading.problems)
    said = {problem.key for problem in problems}
    problems += [problem for problem in refused(reading.readers, config) if problem.key not in said]
    if as_json:
        print_json(
            {
                "ok": not problems,
                "problems": [{"file": p.file, "key": p.key, "text": p.text} for p in problems],
                "warnings": [{"file": w.file, "key": w.key, "text": w.text} for w in reading.warnings],
            }
        )
    else:
        for problem in problems:
            typer.echo(problem)
        for warning in reading.warnings:
            typer.echo(f"warning: {warning}")
        typer.echo(_verdict(len(problems), reading))
    raise typer.Exit(cli.BAD_SETTINGS if problems else 0)


def _verdict(problems: int, reading: Reading) -> str:
    if problems:
        return f"{count(problems, 'problem')}."
    settings = reading.settings
    assert settings is not None
    parts = (count(len(settings.readers), "reader"), count(len(settings.zones), "zone"), count(len(settings.doors), "door"))
    return f"Good: {', '.join(parts)}."


@readers_app.callback()
def readers(context: typer.Context, as_json: Json = False) -> None:
    """List the drivers, and the devices that are plugged in by the names that stay."""
    if context.invoked_subcommand is not None:
        return
    from drivers import catalog
    from gateway.readers import plugged_in

    names, devices = catalog.names(), [str(device) for device in plugged_in()]
    if as_json:
        print_json({"drivers": names, "devices": devices})
        return
    typer.echo("Drivers: " + ", ".join(names))
    typer.echo("Devices:" if devices else "Devices: none with a lasting name is plugged in.")
    for device in devices:
        typer.echo(f"  {device}")


@readers_app.command("test")
def readers_test(
    name: Annotated[str, typer.Argument(help="A reader of the settings.")],
    config: Config = cli.SETTINGS,
    seconds: Annotated[float, typer.Option(help="For how long.", min=0.1, max=3600)] = 5.0,
    as_json: Json = False,
) -> None:
    """Run one reader by itself and print what it says. Stop the gateway first: a device talks to one program.

    Exit code 0: it connected, 1: it did not, 2: wrong settings.
    """
    from gateway.trial import try_reader

    settings = settings_of(config)
    section = next((reader for reader in settings.readers if reader.name == name), None)
    if section is None:
        typer.echo(f"No reader is called '{name}'; there are {', '.join(r.name for r in settings.readers) or 'none'}.")
        raise typer.Exit(cli.BAD_SETTINGS)
    say: Callable[[dict[str, object]], None] = print_json if as_json else print_words
    raise typer.Exit(asyncio.run(try_reader(section, seconds, say)))


@app.command()
def enrol(
    code: Annotated[list[str], typer.Argument(help="What the registry gave out, like registry.example.com:8491/q2ff-kzdr-...")],
    config: Config = cli.SETTINGS,
    replace: Annotated[bool, typer.Option("--replace", help="Although this gateway has enrolled already.")] = False,
    as_json: Json = False,
) -> None:
    """Become a gateway of a registry, by a one-time code from there. The key is made here; a running gateway goes on with it.

    Exit code 0: this gateway has its credentials, 1: it has not, the sentence says why, 2: wrong settings or no such code."""
    from gateway.app import enrolled_path
    from gateway.enrolment import CannotEnrol
    from gateway.enrolment import enrol as enrol_with
    from gateway.machine import machine_hash
    from gateway.snapshot import SOFTWARE
    from sync.enrolment import CodeUnusable, in_groups, read_code

    path = enrolled_path(settings_of(config))
    try:
        meant = read_code(" ".join(code))
        if path.exists() and not replace:
            raise CannotEnrol(f"this gateway has enrolled already ({path}); to become another one, or anew, say --replace")
        now = enrol_with(meant, machine=machine_hash(), software=SOFTWARE, to=path)
    except (CodeUnusable, CannotEnrol) as exc:
        typer.echo(f"Not enrolled: {exc}.", err=True)
        raise typer.Exit(cli.BAD_SETTINGS if isinstance(exc, CodeUnusable) else 1) from None
    gateway = now.credentials.gateway
    if as_json:
        print_json({"gateway": gateway, "fingerprint": now.fingerprint, "approved": now.approved, "credentials": str(path)})
        return
    typer.echo(f"This is gateway {gateway} now. Its credentials are in {path}; a running gateway takes them within seconds.")
    typer.echo(f"Fingerprint: {in_groups(now.fingerprint)}")
    if not now.approved:
        typer.echo("Next: have an administrator compare this fingerprint on the registry's page Enrolment, and approve it there.")
        typer.echo("Until then the registry believes nothing from here; events wait in the outbox.")


@app.command()
def status(config: Config = cli.SETTINGS, as_json: Json = False) -> None:
    """Say how the running gateway is. Exit code 0: all is well, 1: something needs a person, or no gateway answers."""
    now = _asked(settings_of(config))
    if as_json:
        print_json(now)
    else:
        typer.echo(now["sentence"])
        for hop in now["hops"]:
            typer.echo(f"  {hop['name']:<10} {hop['light']:<10} {hop['rate']:<22} {hop['reason']}")
            if hop["next_step"]:
                typer.echo(f"  {'':<10} -> {hop['next_step']}")
    raise typer.Exit(0 if now["light"] in ("good", "waiting") else 1)


@app.command()
def tail(
    config: Config = cli.SETTINGS,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Print the latest sightings and what became of each, oldest first. Exit code 1: no gateway answers."""
    settings = settings_of(config)
    try:
        for row in _tail_rows(settings, follow):
            if as_json:
                print_json(row)
            else:
                stamp = time.strftime("%H:%M:%S", time.localtime(row["wall_ms"] / 1000))
                typer.echo(f"{stamp}  {row['read_point']:<16} {printable(row['identity'], 60):<40} {row['outcome']}")
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def record(
    config: Config = cli.SETTINGS,
    minutes: Annotated[float, typer.Option(help="End by itself after so long.", min=0.01, max=10_080)] = 60.0,
    max_mb: Annotated[int, typer.Option(help="End by itself at this size.", min=1, max=2000)] = 200,
    as_json: Json = False,
) -> None:
    """Let the running gateway keep what its readers send, with its times, in a file for `replay`; Ctrl-C ends it in order.

    The file has no passwords, but the codes of what was read. Exit code 0: it is there, 1: nothing was recorded.
    """
    from gateway.recording.asking import record as ask_to_record

    say: Callable[[dict[str, object]], None] = print_json if as_json else print_words
    raise typer.Exit(ask_to_record(settings_of(config), minutes, max_mb, say))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="What `record` has made; also one that was cut short.")],
    speed: Annotated[
        float | None, typer.Option(help="So many times as fast as it was; without it as fast as it goes.", min=0.01, max=1e6)
    ] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="Decide by these settings, not by the recorded.")] = None,
    as_json: Json = False,
) -> None:
    """Play a recording to the codecs and the location engine, and print the events. Nothing is stored or sent.

    Exit code 0: all of it, or all up to a power cut, 1: damaged, the events before the damage were printed, 2: no recording.
    """
    from gateway.recording.showing import show

    raise typer.Exit(show(file, settings_of(config) if config else None, speed, as_json, typer.echo))


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(help="End by itself after so long.", min=5)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    status_port: Annotated[
        int, typer.Option(help="Of the gateway's status page; 0 takes any free one.", min=0, max=65535)
    ] = 8470,
    registry_port: Annotated[int, typer.Option(help="Of the registry's pages.", min=0, max=65535)] = 8480,
    broker_port: Annotated[int, typer.Option(help="Of the MQTT broker.", min=0, max=65535)] = 8490,
    seed: Annotated[int, typer.Option(help="Another one is another day at the same site.")] = 1,
) -> None:
    """Show the main job on emulated devices. Exit code 0: nothing lost or doubled, 1: something was, or it could not start."""
    from gateway.simulate.demo import Wanted, demo
    from gateway.simulate.stage import Ports

    raise typer.Exit(demo(Wanted(seconds, as_json, Ports(status_port, registry_port, broker_port), seed)))


@app.command()
def simulate(
    score: Annotated[
        bool, typer.Option("--score", help="Play the site to the location engine and hold it against the truth.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another one is another site and other days there.", min=0)] = 1,
    passages: Annotated[int, typer.Option(help="Runs through or past the doors; many carry pallets of tags.", min=1)] = 400,
    as_json: Json = False,
) -> None:
    """Print the numbers of the simulated dock; with --score, how right the location engine and two plain rules are about it.

    Exit code 0: the site was hard enough for the score to mean something, 1: it was not, 2: NumPy is not installed.
    """
    from gateway.simulate.dock.numbers import Numbers

    numbers = Numbers()
    if not score:
        for name, value in asdict(numbers).items() if not as_json else ():
            typer.echo(f"{name:20} {value}")
        if as_json:
            print_json(asdict(numbers))
        return
    try:
        from gateway.simulate.dock import report
        from gateway.simulate.dock.score import scores
    except ModuleNotFoundError as missing:
        if missing.name != "numpy":
            raise
        typer.echo(
            "The dock is simulated with NumPy, which is not installed: `pip install 'sightpost[camera]'` brings it.", err=True
        )
        raise typer.Exit(cli.BAD_SETTINGS) from None
    total = scores(seed, passages, numbers)
    if as_json:
        print_json(report.as_json(seed, numbers, total))
    else:
        typer.echo(report.as_text(seed, total))
    raise typer.Exit(0 if report.hard_enough(total) else 1)


def _asked(settings: Settings) -> dict[str, Any]:
    """Return /status.json of the running gateway."""
    host, port = settings.status.host, settings.status.port
    url = f"http://[{host}]:{port}/status.json" if ":" in host else f"http://{host}:{port}/status.json"
    try:
        with urllib.request.urlopen(url, timeout=ASK_WITHIN_S) as answer:  # noqa: S310 - a loopback address, checked
            found: dict[str, Any] = json.load(answer)
            return found
    except (urllib.error.URLError, TimeoutError, json.JSONDecodeError) as exc:
        typer.echo(
            f"No gateway answers on {url} ({getattr(exc, 'reason', exc)}). Is it running? `systemctl status sightpost` says more."
        )
        raise typer.Exit(1) from None


def _tail_rows(settings: Settings, follow: bool) -> Iterator[dict[str, Any]]:
    seen: set[tuple[int, str, str]] = set()
    while True:
        rows = list(reversed(_asked(settings)["tail"]))
        keys = {(row["wall_ms"], row["read_point"], row["identity"]) for row in rows}
        yield from (row for row in rows if (row["wall_ms"], row["read_point"], row["identity"]) not in seen)
        if not follow:
            return
        seen = keys
        time.sleep(1.0)
