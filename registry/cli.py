"""`sightpost-registry`: each command reads the settings, then calls one function. Django is imported inside the commands only, so
that --help and a wrong settings file answer at once."""

import getpass
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry import configuration as settings_file
from registry import exits
from registry.configuration import CONFIG_VARIABLE, Configuration
from registry.misconfigured import Misconfigured

if TYPE_CHECKING:
    from registry.access.actors import Actor
    from registry.enrolment.services import Opened
    from sync.credentials import Credentials

app = typer.Typer(name="sightpost-registry", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
gateways_app = typer.Typer(no_args_is_help=True, help="The gateways that may deliver here.")
tokens_app = typer.Typer(no_args_is_help=True, help="Tokens that let programs use the REST API.")
subscribers_app = typer.Typer(no_args_is_help=True, help="Programs that listen at the broker: dashboards, home automation.")
users_app = typer.Typer(no_args_is_help=True, help="People who log in, and their roles.")
app.add_typer(users_app, name="users")
app.add_typer(gateways_app, name="gateways")
app.add_typer(subscribers_app, name="subscribers")
app.add_typer(tokens_app, name="tokens")

Config = Annotated[
    Path | None, typer.Option("-c", "--config", envvar=CONFIG_VARIABLE, help="registry.toml; without one all defaults hold.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
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


@app.callback()
def _about() -> None:
    """The asset registry that gateways feed. Exit status: 0 done, 1 the unexpected, 2 wrong command line, 3 wrong settings
    (each problem on a line), 4 a person has to do something first (the sentence says what)."""


@app.command()
def up(config: Config = None) -> None:
    """Migrate, then keep web, ingest, work and broker running until SIGTERM. What the systemd unit starts."""
    import asyncio

    from registry.up import run

    with _sentences():
        configuration = _read(config)
        _log_for_the_journal()
        raise typer.Exit(asyncio.run(run(configuration, _absolute(config), lambda sentence: print(sentence, flush=True))))


@app.command()
def serve(config: Config = None) -> None:
    """Serve the pages and the REST API."""
    with _django(config) as configuration:
        from registry.serve import run

        run(configuration)


@app.command()
def ingest(config: Config = None) -> None:
    """Take in what gateways deliver and acknowledge it."""
    import asyncio

    with _django(config) as configuration:
        from registry.taking_in import run

        asyncio.run(run(configuration))


@app.command()
def work(config: Config = None) -> None:
    """Send what goes out (MQTT, mail), work off long runs, do what is due at a time."""
    import asyncio

    with _django(config) as configuration:
        from registry.working import run

        asyncio.run(run(configuration))


@app.command()
def broker(config: Config = None) -> None:
    """Write mosquitto's configuration and become mosquitto."""
    with _django(config) as configuration:
        from registry.broker_process import become_mosquitto

        become_mosquitto(configuration)


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the database up to date; makes it, with its keys, the first time."""
    with _django(config) as configuration:
        from registry.migrating import run

        run(configuration)


@app.command()
def createadmin(
    username: Annotated[str, typer.Argument(help="The name to log in with.")] = "admin", config: Config = None
) -> None:
    """Make an administrator, or give one a new password, and print a one-time password."""
    with _django(config):
        from registry.access.services import create_administrator

        password = create_administrator(by=_operator(), username=username)
        print(f"{username}: one-time password {password}\nIt has to be changed at the first log-in.")


@app.command(name="import")
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
    with _django(config):
        from registry.importing.command import import_file
        from registry.importing.options import read_options

        places = ["category", "home_location"] if create_places else []
        options = read_options(
            {"days": days, "decimals": decimals, "clear": clear, "number": number, "make": [*places, *(make or [])],
             "trust": trust or []}
        )  # fmt: skip
        status = import_file(
            by=_operator(), path=file, columns=columns or [], options=options, dry_run=dry_run, confirmed=confirm,
            leave_out=leave_out, as_json=as_json,
        )  # fmt: skip
        raise typer.Exit(status)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A file to write, .csv or .xlsx.")],
    column: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Only these columns, in this order.")] = None,
    config: Config = None,
) -> None:
    """Write all assets as a table. Imported again, it changes nothing."""
    with _django(config):
        from registry.importing.command import export_file

        print(f"{export_file(by=_operator(), path=file, wanted=column or []):,} assets are in {file}.")


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="A file to write, or a folder: then the name is made of the time.")],
    config: Config = None,
) -> None:
    """Write database, files and keys into one file, while everything runs. Whoever has it has the registry: keep it as secret."""
    with _django(config) as configuration:
        from registry.backup import make

        print(make(configuration, to))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Although there is a registry with data; it is put aside.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Make a backup the registry. Stop the registry first."""
    with _django(config) as configuration:
        from registry.restore import read_manifest
        from registry.restore import restore as put_back

        made_at = read_manifest(file)["made_at"]
        if replace and not yes:
            typer.confirm(f"Replace everything by the state of {made_at}?", abort=True)
        print("\n".join(put_back(configuration, file, replace=replace)))


@app.command()
def check(config: Config = None, as_json: Json = False) -> None:
    """Check settings, database and broker files without changing anything."""
    with _django(config, prepare=False) as configuration:
        from registry.checking import findings

        found = findings(configuration)
        print(json.dumps({"problems": found}) if as_json else "\n".join(found) or "All is well.")
        raise typer.Exit(exits.PERSON if found else exits.OK)


@app.command()
def starter(config: Config = None) -> None:
    """Make a first set of categories, fields and status labels for every kind of thing. What is there stays as it is."""
    with _django(config), _sentences():
        from registry.assets.starter import put_starter_set

        made = put_starter_set(by=_operator())
        print(f"{made.categories} categories, {made.fields} fields and {made.labels} status labels added")


@gateways_app.command("add")
def gateways_add(
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
    with _django(config) as configuration:
        from registry.enrolment.services import open_window
        from registry.tracking.certified import add_certified_gateway
        from registry.tracking.gateways import add_gateway

        if (pair := _pair(certificate, key)) is not None:
            files = {"certificate": pair[0], "key": pair[1]}
            _write_credentials(
                configuration, out, gateway_id,
                lambda: add_certified_gateway(by=_operator(), gateway_id=gateway_id, name=name, **files),
            )  # fmt: skip
        elif local:
            _write_credentials(
                configuration, out, gateway_id, lambda: add_gateway(by=_operator(), gateway_id=gateway_id, name=name)
            )
        else:
            _print_code(open_window(by=_operator(), gateway_id=gateway_id, name=name, at_once=at_once), as_json)


@gateways_app.command("renew")
def gateways_renew(
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
    with _django(config) as configuration:
        from registry.enrolment.services import open_window
        from registry.tracking.certified import renew_certified_gateway
        from registry.tracking.gateways import renew_gateway

        if (pair := _pair(certificate, key)) is not None:
            files = {"certificate": pair[0], "key": pair[1]}
            _write_credentials(
                configuration, out, gateway_id, lambda: renew_certified_gateway(by=_operator(), gateway_id=gateway_id, **files)
            )
        elif local:
            _write_credentials(configuration, out, gateway_id, lambda: renew_gateway(by=_operator(), gateway_id=gateway_id))
        else:
            _print_code(open_window(by=_operator(), gateway_id=gateway_id, new=False, at_once=at_once), as_json)


@gateways_app.command("approve")
def gateways_approve(
    gateway_id: str,
    refuse: Annotated[bool, typer.Option("--refuse", help="Keep the machine out instead.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Show the machine that has used the code of this gateway, and believe it from now on."""
    with _django(config):
        from registry.enrolment import command, services

        one = command.waiting(_operator(), gateway_id)
        print(command.described(one))
        if not yes:
            typer.confirm("Keep it out?" if refuse else "Is that what the gateway shows?", abort=True)
        (services.refuse if refuse else services.approve)(by=_operator(), enrolment_id=one.pk)
        print(f"It is kept out; {gateway_id} needs another code." if refuse else f"It is {gateway_id} from now on.")


@gateways_app.command("enrolments")
def gateways_enrolments(as_json: Json = False, config: Config = None) -> None:
    """List the machines that used a code, the newest first."""
    with _django(config):
        from registry.enrolment.command import rows

        _print_rows(rows(_operator()), as_json)


@gateways_app.command("revoke")
def gateways_revoke(gateway_id: str, config: Config = None) -> None:
    """Believe nothing any more that comes in this gateway's name."""
    with _django(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.gateways import revoke_gateway

        revoke_gateway(by=_operator(), gateway_id=gateway_id)
        refresh(configuration)
        print(f"{gateway_id} is revoked.")


@gateways_app.command("replace")
def gateways_replace(
    old: Annotated[str, typer.Argument(help="The gateway whose place is taken; it is revoked.")],
    new: Annotated[str, typer.Argument(help="The one that takes it; add it first.")],
    config: Config = None,
) -> None:
    """Let a gateway take the place of another: the same zones and readers at the same places."""
    with _django(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.replacing import replace_gateway

        done = replace_gateway(by=_operator(), old_id=old, new_id=new)
        refresh(configuration)
        print(
            f"{new} takes the place of {old}, which is revoked: {done.zones} zones and {done.read_points} read points taken over."
        )
        if done.left_alone:
            print(f"{done.left_alone} zones of the same name are mapped to other places; look at them under Zones.")


@gateways_app.command("trust")
def gateways_trust(
    gateway_id: str,
    machine: Annotated[
        str, typer.Option(help="The beginning of the hash of the machine that goes on: `gateways list` shows it.")
    ],
    config: Config = None,
) -> None:
    """Say which machine a gateway is, after two were in use under its name. The other one is refused from then on."""
    with _django(config):
        from registry.tracking.machines import trust_machine

        trusted = trust_machine(by=_operator(), gateway_id=gateway_id, machine=machine)
        print(f"{gateway_id} goes on, on machine {trusted.machine}; whatever else delivers under its name is refused.")
        print(f"Another machine has its credentials: `sightpost-registry gateways renew {gateway_id}` makes them worthless.")


@gateways_app.command("send")
def gateways_send(
    gateway_id: str,
    verb: Annotated[str, typer.Argument(help="ping, identify, reread, zone or rotate_keys: docs/commands.md.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="Its arguments, like reader=dock-3 or rules.lost_max_s=120."),
    ] = None,
    wait: Annotated[float | None, typer.Option(min=1, max=3000, help="Wait so many seconds for the answer.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Order a gateway to do something. Exit status 0: done, or ordered if not waited for; 4: not done."""
    with _django(config):
        from registry.orders.command import in_words, is_fine, send
        from registry.orders.schemas import order_out

        placed = send(by=_operator(), gateway_id=gateway_id, verb=verb, words=words or [], wait_s=wait)
        print(json.dumps(order_out(placed), default=str) if as_json else in_words(placed, waited=wait is not None))
        raise typer.Exit(exits.OK if is_fine(placed, waited=wait is not None) else exits.PERSON)


@gateways_app.command("orders")
def gateways_orders(gateway_id: str, as_json: Json = False, config: Config = None) -> None:
    """List what was ordered of a gateway lately, newest first, with what came of it."""
    with _django(config):
        from django.utils import timezone

        from registry.orders.services import orders_of

        rows = [
            {
                "placed": _iso(o.placed_at),
                "verb": o.verb,
                "arguments": json.dumps(o.arguments),
                "state": o.state,
                "answer": o.text,
            }
            for o in (one.settle(timezone.now()) for one in orders_of(by=_operator(), gateway_id=gateway_id)[:50])
        ]
        _print_rows(rows, as_json)


@gateways_app.command("configure")
def gateways_configure(
    gateway_id: str,
    file: Annotated[Path | None, typer.Argument(help="A TOML file: docs/commands.md. Without one, what is set is shown.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Set something over a gateway's own settings, all of it at once, or show what is set and what the gateway says to it."""
    with _django(config):
        from registry.orders.command import configure_from, in_words_set
        from registry.orders.configuring import configuration_of
        from registry.orders.schemas import configuration_out

        if file is not None:
            configure_from(by=_operator(), gateway_id=gateway_id, file=file)
        found = configuration_of(by=_operator(), gateway_id=gateway_id)
        if as_json:
            print(json.dumps(configuration_out(found) if found is not None else None, default=str))
        else:
            print(in_words_set(found))


@gateways_app.command("list")
def gateways_list(as_json: Json = False, config: Config = None) -> None:
    """List the gateways, with when they were last heard."""
    with _django(config):
        from registry.tracking.models import Gateway

        rows = [
            {
                "id": g.pk, "name": g.name, "state": "revoked" if g.revoked_at else "held" if g.held_at else g.state,
                "last_hello": _iso(g.last_hello_at), "last_batch": _iso(g.last_batch_at), "software": g.software,
                "replaces": g.replaces_id or "", "machine": " or ".join(filter(None, (g.machine, g.other_machine))),
            }
            for g in Gateway.objects.all()
        ]  # fmt: skip
        _print_rows(rows, as_json)


@subscribers_app.command("add")
def subscribers_add(
    name: Annotated[str, typer.Argument(help="The user it logs in as.")],
    live: Annotated[bool, typer.Option("--live", help="It reads what gateways tell, at the moment they do.")] = False,
    assets: Annotated[bool, typer.Option("--assets", help="It reads where assets are and go.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let a program read at the broker, and nothing else; print its password, once."""
    with _django(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.subscribers import add_subscriber

        password = add_subscriber(by=_operator(), name=name, live=live, assets=assets)
        refresh(configuration)
        broker = configuration.broker
        local, elsewhere = f"{broker.local_host}:{broker.port}", None
        if broker.subscribers_port is not None:
            elsewhere = f"{broker.names[0]}:{broker.subscribers_port}"
        if as_json:
            print(json.dumps({"user": name, "password": password, "local": local, "tls": elsewhere}))
            return
        print(f"user      {name}\npassword  {password}\nbroker    {local} on this machine, MQTT without TLS")
        if elsewhere is not None:
            print(f"          {elsewhere} from others, with TLS; `sightpost-registry authority` prints whom to believe there")


@subscribers_app.command("ls")
def subscribers_ls(as_json: Json = False, config: Config = None) -> None:
    """List the subscribers and what they may read."""
    with _django(config):
        from registry.trust.models import Subscriber

        rows = [
            {"name": s.name, "live": s.live, "assets": s.assets, "added": _iso(s.created_at)} for s in Subscriber.objects.all()
        ]
        _print_rows(rows, as_json)


@subscribers_app.command("revoke")
def subscribers_revoke(name: str, config: Config = None) -> None:
    """Cut a subscriber off and let it in no more."""
    with _django(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.subscribers import revoke_subscriber

        revoke_subscriber(by=_operator(), name=name)
        refresh(configuration)
        print(f"{name} is revoked.")


@app.command()
def authority(config: Config = None) -> None:
    """Print the certificate of the authority that vouches for the broker: whom gateways and subscribers elsewhere believe."""
    with _django(config) as configuration:
        from registry.broker_files import authority_pem

        print(authority_pem(configuration), end="")


@users_app.command("add")
def users_add(
    username: Annotated[str, typer.Argument(help="The name to log in with.")],
    name: Annotated[str, typer.Option(help="What the person is called; without it as they log in.")] = "",
    email: str = "",
    config: Config = None,
) -> None:
    """Let somebody log in and print a one-time password; they may nothing until `users bind`."""
    with _django(config):
        from registry.access.people import invite

        print(invite(by=_operator(), username=username, name=name, email=email)[1])


@users_app.command("list")
def users_list(as_json: Json = False, config: Config = None) -> None:
    """List who logs in, with their roles."""
    with _django(config):
        from registry.people.naming import roles_of_users

        _print_rows(roles_of_users(), as_json)


@users_app.command("bind")
def users_bind(
    username: str,
    role: Annotated[str, typer.Argument(help="viewer, operator, auditor, accountant, manager or administrator.")],
    place: Annotated[str | None, typer.Option(help="Only at the place of this code and inside it.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of the category of this name and those below.")] = None,
    config: Config = None,
) -> None:
    """Give a role, everywhere or within a place and a category."""
    with _django(config):
        from registry.people.naming import bind_by_names

        bind_by_names(by=_operator(), username=username, role=role, place=place, category=category)
        print(f"{username} is {role} now.")


@users_app.command("deactivate")
def users_deactivate(username: str, config: Config = None) -> None:
    """Keep somebody out, from their next request on."""
    with _django(config):
        from registry.access.people import set_active
        from registry.access.services import user_named

        set_active(by=_operator(), user_id=user_named(username).pk, active=False)
        print(f"{username} cannot log in any more.")


@users_app.command("reset-second-factor")
def users_reset_second_factor(username: str, config: Config = None) -> None:
    """Take the second factor of somebody away who has lost the device and the recovery codes."""
    with _django(config):
        from registry.access.factors import turn_off
        from registry.access.services import user_named

        turn_off(by=_operator(), user=user_named(username))
        print(f"{username} logs in by the password alone now.")


@app.command()
def prune(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="What is older than this day (UTC).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Delete what is old: entries of the log of changes, unknown tags unseen since, what gateways sent in vain, files of assets
    disposed of, and sightings that only confirmed where a thing was. Of these a summary of each month stays."""
    with _django(config):
        from registry import retention

        moment = before.replace(tzinfo=UTC)
        counts = retention.count(moment) if dry_run else retention.prune(moment)
        _print_rows([{"kind": kind, "would_go" if dry_run else "deleted": number} for kind, number in counts.items()], as_json)


@tokens_app.command("add")
def tokens_add(
    name: str,
    write: Annotated[bool, typer.Option("--write", help="May change things; without it the token only reads.")] = False,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Valid for so many days; without it until revoked.")] = None,
    user: Annotated[str | None, typer.Option(help="May what this user may; without it everything within its scope.")] = None,
    config: Config = None,
) -> None:
    """Make a token and print it, once."""
    with _django(config):
        from registry.access.services import issue_token, user_named

        owner = user_named(user) if user is not None else None
        expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
        print(issue_token(by=_operator(), name=name, scope="write" if write else "read", user=owner, expires_at=expires)[1])


@tokens_app.command("list")
def tokens_list(as_json: Json = False, config: Config = None) -> None:
    """List the tokens, without their secrets."""
    with _django(config):
        from registry.access.models import ApiToken

        rows = [
            {
                "name": t.name, "prefix": t.prefix, "scope": t.scope, "expires": _iso(t.expires_at),
                "last_used": _iso(t.last_used_at), "revoked": _iso(t.revoked_at),
            }
            for t in ApiToken.objects.all()
        ]  # fmt: skip
        _print_rows(rows, as_json)


@tokens_app.command("revoke")
def tokens_revoke(name: Annotated[str, typer.Argument(help="The token's name or prefix.")], config: Config = None) -> None:
    """End a token, now and for ever."""
    with _django(config):
        from registry.access.services import revoke_token

        print(f"{revoke_token(by=_operator(), name=name).name} is revoked.")


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


def _operator() -> "Actor":
    """Whoever has this command line may everything; the log of changes says through what."""
    from registry.access.actors import system

    return system("cli", getpass.getuser())


@contextmanager
def _django(config: Path | None, *, prepare: bool = True) -> Iterator[Configuration]:
    """Everything a command needs of Django, under one roof with the sentences of what can go wrong."""
    with _sentences():
        configuration = _read(config)
        if config is not None:
            os.environ[CONFIG_VARIABLE] = str(_absolute(config))
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        if prepare:
            from registry.secret_files import prepare as make_folder

            make_folder(configuration.data_dir)
        import django

        django.setup()
        yield configuration


@contextmanager
def _sentences() -> Iterator[None]:
    """What a person can do something about ends as a sentence on stderr; everything else keeps its traceback."""
    try:
        yield
    except Misconfigured as exc:
        _end(str(exc), exits.SETTINGS)
    except exits.CannotGoOn as exc:
        _end(str(exc), exits.PERSON)
    except Exception as exc:
        if (sentence := _in_words(exc)) is None:
            raise
        _end(sentence, exits.PERSON)


def _in_words(exc: Exception) -> str | None:
    from registry.problems import Problem
    from registry.secret_files import ReadableByOthers
    from sync.broker import BrokerMisconfigured

    if isinstance(exc, Problem | ReadableByOthers | BrokerMisconfigured):
        return str(exc)
    if isinstance(exc, OSError) and exc.filename is not None:
        return f"{exc.filename}: {exc.strerror}"
    if "django.db" in sys.modules:
        from django.db import DatabaseError, InterfaceError

        if isinstance(exc, DatabaseError | InterfaceError):
            reason = (str(exc).strip().splitlines() or ["no reason given"])[0]
            return f"The database cannot be used: {reason}. Is it there, and did `sightpost-registry migrate` run?"
    return None


def _end(sentence: str, status: int) -> None:
    print(sentence, file=sys.stderr, flush=True)
    raise typer.Exit(status)


def _read(config: Path | None) -> Configuration:
    return settings_file.load(config)


def _absolute(config: Path | None) -> Path | None:
    return config.absolute() if config is not None else None


def _log_for_the_journal() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
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


def main() -> None:
    app()


if __name__ == "__main__":
    main()
