"""People who log in, with their roles."""

from typing import Annotated

import typer

from registry.commands.options import Config, Json, print_rows
from registry.commands.roof import operator, ready


def add(
    username: Annotated[str, typer.Argument(help="The name to log in with.")],
    name: Annotated[str, typer.Option(help="What the person is called; without it as they log in.")] = "",
    email: str = "",
    config: Config = None,
) -> None:
    """Let somebody log in and print a one-time password; they may nothing until `users bind`."""
    with ready(config):
        from registry.access.people import invite

        print(invite(by=operator(), username=username, name=name, email=email)[1])


def list_(as_json: Json = False, config: Config = None) -> None:
    """List who logs in, with their roles."""
    with ready(config):
        from registry.people.naming import roles_of_users

        print_rows(roles_of_users(), as_json)


def bind(
    username: str,
    role: Annotated[str, typer.Argument(help="viewer, operator, auditor, accountant, manager or administrator.")],
    place: Annotated[str | None, typer.Option(help="Only at the place of this code and inside it.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of the category of this name and those below.")] = None,
    config: Config = None,
) -> None:
    """Give a role, everywhere or within a place and a category."""
    with ready(config):
        from registry.people.naming import bind_by_names

        bind_by_names(by=operator(), username=username, role=role, place=place, category=category)
        print(f"{username} is {role} now.")


def deactivate(username: str, config: Config = None) -> None:
    """Keep somebody out, from their next request on."""
    with ready(config):
        from registry.access.people import set_active
        from registry.access.services import user_named

        set_active(by=operator(), user_id=user_named(username).pk, active=False)
        print(f"{username} cannot log in any more.")


def reset_second_factor(username: str, config: Config = None) -> None:
    """Take the second factor of somebody away who has lost the device and the recovery codes."""
    with ready(config):
        from registry.access.factors import turn_off
        from registry.access.services import user_named

        turn_off(by=operator(), user=user_named(username))
        print(f"{username} logs in by the password alone now.")
