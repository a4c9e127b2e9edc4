"""The processes of the registry, and what is done once before they can run."""

import json
from typing import Annotated

import typer

from registry import exits
from registry.commands.options import Config, Json
from registry.commands.roof import absolute, log_for_the_journal, operator, read, ready, sentences


def up(config: Config = None) -> None:
    """Migrate, then keep web, ingest, work and broker running until SIGTERM. What the systemd unit starts."""
    import asyncio

    from registry.up import run

    with sentences():
        configuration = read(config)
        log_for_the_journal()
        raise typer.Exit(asyncio.run(run(configuration, absolute(config), lambda sentence: print(sentence, flush=True))))


def serve(config: Config = None) -> None:
    """Serve the pages and the REST API."""
    with ready(config) as configuration:
        from registry.serve import run

        run(configuration)


def ingest(config: Config = None) -> None:
    """Take in what gateways deliver and acknowledge it."""
    import asyncio

    with ready(config) as configuration:
        from registry.taking_in import run

        asyncio.run(run(configuration))


def work(config: Config = None) -> None:
    """Send what goes out (MQTT, mail), work off long runs, do what is due at a time."""
    import asyncio

    with ready(config) as configuration:
        from registry.working import run

        asyncio.run(run(configuration))


def broker(config: Config = None) -> None:
    """Write mosquitto's configuration and become mosquitto."""
    with ready(config) as configuration:
        from registry.broker_process import become_mosquitto

        become_mosquitto(configuration)


def migrate(config: Config = None) -> None:
    """Bring the database up to date; makes it, with its keys, the first time."""
    with ready(config) as configuration:
        from registry.migrating import run

        run(configuration)


def createadmin(
    username: Annotated[str, typer.Argument(help="The name to log in with.")] = "admin", config: Config = None
) -> None:
    """Make an administrator, or give one a new password, and print a one-time password."""
    with ready(config):
        from registry.access.services import create_administrator

        password = create_administrator(by=operator(), username=username)
        print(f"{username}: one-time password {password}\nIt has to be changed at the first log-in.")


def check(config: Config = None, as_json: Json = False) -> None:
    """Check settings, database and broker files without changing anything."""
    with ready(config, prepare=False) as configuration:
        from registry.checking import findings

        found = findings(configuration)
        print(json.dumps({"problems": found}) if as_json else "\n".join(found) or "All is well.")
        raise typer.Exit(exits.PERSON if found else exits.OK)


def starter(config: Config = None) -> None:
    """Make a first set of categories, fields and status labels for every kind of thing. What is there stays as it is."""
    with ready(config), sentences():
        from registry.assets.starter import put_starter_set

        made = put_starter_set(by=operator())
        print(f"{made.categories} categories, {made.fields} fields and {made.labels} status labels added")
