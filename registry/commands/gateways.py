"""Which gateways there are and who they are: added, let in, revoked, replaced. Orders to them: orders.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry import exits
from registry.commands.options import Config, Json, iso, print_rows
from registry.commands.roof import operator, ready
from registry.configuration import Configuration

if TYPE_CHECKING:
    from registry.enrolment.services import Opened
    from sync.credentials import Credentials
Local = Annotated[
    bool, typer.Option("--local", help="For a gateway on this machine: write its credentials to a file, for its owner alone.")
]
Certificate = Annotated[
    Path | None,
    typer.Option(help="Of the gateway, by the authority of [broker] ca_file: write its credentials to a file. Needs --key."),
]
Key = Annotated[Path | None, typer.Option(help="The key of --certificate, readable for its owner alone.")]
AtOnce = Annotated[bool, typer.Option("--approve-at-once", help="Believe whoever uses the code, without `gateways approve`.")]
Out = Annotated[Path | None, typer.Option(help="Where to; by default ID.credentials.json in data_dir.")]


def add(
    gateway_id: str,
    local: Local = False,
    out: Out = None,
    name: str | None = None,
    at_once: AtOnce = False,
    certificate: Certificate = None,
    key: Key = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make a gateway known, and print the one-time code that `sightpost enrol` takes; with --local write its credentials."""
    with ready(config) as configuration:
        from registry.enrolment.services import open_window
        from registry.tracking.certified import add_certified_gateway
        from registry.tracking.gateways import add_gateway

        if (pair := _pair(certificate, key)) is not None:
            files = {"certificate": pair[0], "key": pair[1]}
            _write_credentials(
                configuration, out, gateway_id,
                lambda: add_certified_gateway(by=operator(), gateway_id=gateway_id, name=name, **files),
            )  # fmt: skip
        elif local:
            _write_credentials(
                configuration, out, gateway_id, lambda: add_gateway(by=operator(), gateway_id=gateway_id, name=name)
            )
        else:
            _print_code(open_window(by=operator(), gateway_id=gateway_id, name=name, at_once=at_once), as_json)


def renew(
    gateway_id: str,
    local: Local = False,
    out: Out = None,
    at_once: AtOnce = False,
    certificate: Certificate = None,
    key: Key = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Give a gateway new credentials, also another machine in its place. The old ones are worth nothing once the new ones are
    approved; with --local or --certificate at once."""
    with ready(config) as configuration:
        from registry.enrolment.services import open_window
        from registry.tracking.certified import renew_certified_gateway
        from registry.tracking.gateways import renew_gateway

        if (pair := _pair(certificate, key)) is not None:
            files = {"certificate": pair[0], "key": pair[1]}
            _write_credentials(
                configuration, out, gateway_id, lambda: renew_certified_gateway(by=operator(), gateway_id=gateway_id, **files)
            )
        elif local:
            _write_credentials(configuration, out, gateway_id, lambda: renew_gateway(by=operator(), gateway_id=gateway_id))
        else:
            _print_code(open_window(by=operator(), gateway_id=gateway_id, new=False, at_once=at_once), as_json)


def approve(
    gateway_id: str,
    refuse: Annotated[bool, typer.Option("--refuse", help="Keep the machine out instead.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Show the machine that has used the code of this gateway, and believe it from now on."""
    with ready(config):
        from registry.enrolment import command, services

        one = command.waiting(operator(), gateway_id)
        print(command.described(one))
        if not yes:
            typer.confirm("Keep it out?" if refuse else "Is that what the gateway shows?", abort=True)
        (services.refuse if refuse else services.approve)(by=operator(), enrolment_id=one.pk)
        print(f"It is kept out; {gateway_id} needs another code." if refuse else f"It is {gateway_id} from now on.")


def enrolments(as_json: Json = False, config: Config = None) -> None:
    """List the machines that used a code, the newest first."""
    with ready(config):
        from registry.enrolment.command import rows

        print_rows(rows(operator()), as_json)


def revoke(gateway_id: str, config: Config = None) -> None:
    """Believe nothing any more that comes in this gateway's name."""
    with ready(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.gateways import revoke_gateway

        revoke_gateway(by=operator(), gateway_id=gateway_id)
        refresh(configuration)
        print(f"{gateway_id} is revoked.")


def replace(
    old: Annotated[str, typer.Argument(help="The gateway whose place is taken; it is revoked.")],
    new: Annotated[str, typer.Argument(help="The one that takes it; add it first.")],
    config: Config = None,
) -> None:
    """Let a gateway take the place of another: the same zones and readers at the same places."""
    with ready(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.replacing import replace_gateway

        done = replace_gateway(by=operator(), old_id=old, new_id=new)
        refresh(configuration)
        print(
            f"{new} takes the place of {old}, which is revoked: {done.zones} zones and {done.read_points} read points taken over."
        )
        if done.left_alone:
            print(f"{done.left_alone} zones of the same name are mapped to other places; look at them under Zones.")


def trust(
    gateway_id: str,
    machine: Annotated[
        str, typer.Option(help="The beginning of the hash of the machine that goes on: `gateways list` shows it.")
    ],
    config: Config = None,
) -> None:
    """Say which machine a gateway is, after two were in use under its name. The other one is refused from then on."""
    with ready(config):
        from registry.tracking.machines import trust_machine

        trusted = trust_machine(by=operator(), gateway_id=gateway_id, machine=machine)
        print(f"{gateway_id} goes on, on machine {trusted.machine}; whatever else delivers under its name is refused.")
        print(f"Another machine has its credentials: `sightpost-registry gateways renew {gateway_id}` makes them worthless.")


def list_(as_json: Json = False, config: Config = None) -> None:
    """List the gateways, with when they were last heard."""
    with ready(config):
        from registry.tracking.models import Gateway

        rows = [
            {
                "id": g.pk, "name": g.name, "state": "revoked" if g.revoked_at else "held" if g.held_at else g.state,
                "last_hello": iso(g.last_hello_at), "last_batch": iso(g.last_batch_at), "software": g.software,
                "replaces": g.replaces_id or "", "machine": " or ".join(filter(None, (g.machine, g.other_machine))),
            }
            for g in Gateway.objects.all()
        ]  # fmt: skip
        print_rows(rows, as_json)


def _print_code(opened: "Opened", as_json: bool) -> None:
    from registry.enrolment import command

    print(json.dumps(command.as_json(opened)) if as_json else command.in_words(opened, listens=command.listens()))


def _pair(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if (certificate is None) != (key is None):
        raise exits.CannotGoOn("A certificate and its key belong together: name both, with --certificate and --key.")
    return (certificate, key) if certificate is not None and key is not None else None


def _write_credentials(
    configuration: Configuration, out: Path | None, gateway_id: str, make: "Callable[[], Credentials]"
) -> None:
    from registry.broker_files import refresh
    from sync.credentials import write_credentials

    path = out or configuration.data_dir / f"{gateway_id}.credentials.json"
    if not path.parent.is_dir():
        raise exits.CannotGoOn(f"There is no folder {path.parent}; make it, or name another with --out.")
    write_credentials(path, make())
    refresh(configuration)
    print(path)
