"""`sightpost-registry`: the tree of its commands. What they are about is in commands/; each reads the settings, then calls one
function."""

from collections.abc import Callable
from typing import Any

import typer

from registry.commands import data, gateways, orders, people, processes, subscribers, tokens

Command = Callable[..., Any]

app = typer.Typer(name="sightpost-registry", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _about() -> None:
    """The asset registry that gateways feed. Exit status: 0 done, 1 the unexpected, 2 wrong command line, 3 wrong settings
    (each problem on a line), 4 a person has to do something first (the sentence says what)."""


def _put(into: typer.Typer, *commands: Command) -> typer.Typer:
    """In this order they stand in the help."""
    for command in commands:
        into.command(command.__name__.removesuffix("_").replace("_", "-"))(command)
    return into


def _group(name: str, text: str, *commands: Command) -> None:
    app.add_typer(_put(typer.Typer(no_args_is_help=True, help=text), *commands), name=name)


_put(
    app, processes.up, processes.serve, processes.ingest, processes.work, processes.broker, processes.migrate,
    processes.createadmin, data.import_, data.export, data.backup, data.restore, processes.check, processes.starter,
    subscribers.authority, data.prune,
)  # fmt: skip
_group(
    "users", "People who log in, and their roles.",
    people.add, people.list_, people.bind, people.deactivate, people.reset_second_factor,
)  # fmt: skip
_group(
    "gateways", "The gateways that may deliver here.",
    gateways.add, gateways.renew, gateways.approve, gateways.enrolments, gateways.revoke, gateways.replace, gateways.trust,
    orders.send, orders.orders, orders.configure, gateways.list_,
)  # fmt: skip
_group(
    "subscribers", "Programs that listen at the broker: dashboards, home automation.",
    subscribers.add, subscribers.ls, subscribers.revoke,
)  # fmt: skip
_group("tokens", "Tokens that let programs use the REST API.", tokens.add, tokens.list_, tokens.revoke)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
