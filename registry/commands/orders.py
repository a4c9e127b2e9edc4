"""What gateways are told to do, and what is set over their settings: commands of `gateways`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from registry import exits
from registry.commands.options import Config, Json, iso, print_rows
from registry.commands.roof import operator, ready


def send(
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
    with ready(config):
        from registry.orders.command import in_words, is_fine, send
        from registry.orders.schemas import order_out

        placed = send(by=operator(), gateway_id=gateway_id, verb=verb, words=words or [], wait_s=wait)
        print(json.dumps(order_out(placed), default=str) if as_json else in_words(placed, waited=wait is not None))
        raise typer.Exit(exits.OK if is_fine(placed, waited=wait is not None) else exits.PERSON)


def orders(gateway_id: str, as_json: Json = False, config: Config = None) -> None:
    """List what was ordered of a gateway lately, newest first, with what came of it."""
    with ready(config):
        from django.utils import timezone

        from registry.orders.services import orders_of

        rows = [
            {
                "placed": iso(o.placed_at),
                "verb": o.verb,
                "arguments": json.dumps(o.arguments),
                "state": o.state,
                "answer": o.text,
            }
            for o in (one.settle(timezone.now()) for one in orders_of(by=operator(), gateway_id=gateway_id)[:50])
        ]
        print_rows(rows, as_json)


def configure(
    gateway_id: str,
    file: Annotated[Path | None, typer.Argument(help="A TOML file: docs/commands.md. Without one, what is set is shown.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Set something over a gateway's own settings, all of it at once, or show what is set and what the gateway says to it."""
    with ready(config):
        from registry.orders.command import configure_from, in_words_set
        from registry.orders.configuring import configuration_of
        from registry.orders.schemas import configuration_out

        if file is not None:
            configure_from(by=operator(), gateway_id=gateway_id, file=file)
        found = configuration_of(by=operator(), gateway_id=gateway_id)
        if as_json:
            print(json.dumps(configuration_out(found) if found is not None else None, default=str))
        else:
            print(in_words_set(found))
