"""Tokens of programs."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from registry.commands.options import Config, Json, iso, print_rows
from registry.commands.roof import operator, ready


def add(
    name: str,
    write: Annotated[bool, typer.Option("--write", help="May change things; without it the token only reads.")] = False,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Valid for so many days; without it until revoked.")] = None,
    user: Annotated[str | None, typer.Option(help="May what this user may; without it everything within its scope.")] = None,
    config: Config = None,
) -> None:
    """Make a token and print it, once."""
    with ready(config):
        from registry.access.services import issue_token, user_named

        owner = user_named(user) if user is not None else None
        expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
        print(issue_token(by=operator(), name=name, scope="write" if write else "read", user=owner, expires_at=expires)[1])


def list_(as_json: Json = False, config: Config = None) -> None:
    """List the tokens, without their secrets."""
    with ready(config):
        from registry.access.models import ApiToken

        rows = [
            {
                "name": t.name, "prefix": t.prefix, "scope": t.scope, "expires": iso(t.expires_at),
                "last_used": iso(t.last_used_at), "revoked": iso(t.revoked_at),
            }
            for t in ApiToken.objects.all()
        ]  # fmt: skip
        print_rows(rows, as_json)


def revoke(name: Annotated[str, typer.Argument(help="The token's name or prefix.")], config: Config = None) -> None:
    """End a token, now and for ever."""
    with ready(config):
        from registry.access.services import revoke_token

        print(f"{revoke_token(by=operator(), name=name).name} is revoked.")
