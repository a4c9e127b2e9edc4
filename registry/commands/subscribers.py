"""Programs that listen at the broker, and whom they believe there."""

import json
from typing import Annotated

import typer

from registry.commands.options import Config, Json, iso, print_rows
from registry.commands.roof import operator, ready


def add(
    name: Annotated[str, typer.Argument(help="The user it logs in as.")],
    live: Annotated[bool, typer.Option("--live", help="It reads what gateways tell, at the moment they do.")] = False,
    assets: Annotated[bool, typer.Option("--assets", help="It reads where assets are and go.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let a program read at the broker, and nothing else; print its password, once."""
    with ready(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.subscribers import add_subscriber

        password = add_subscriber(by=operator(), name=name, live=live, assets=assets)
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


def ls(as_json: Json = False, config: Config = None) -> None:
    """List the subscribers and what they may read."""
    with ready(config):
        from registry.trust.models import Subscriber

        rows = [
            {"name": s.name, "live": s.live, "assets": s.assets, "added": iso(s.created_at)} for s in Subscriber.objects.all()
        ]
        print_rows(rows, as_json)


def revoke(name: str, config: Config = None) -> None:
    """Cut a subscriber off and let it in no more."""
    with ready(config) as configuration:
        from registry.broker_files import refresh
        from registry.tracking.subscribers import revoke_subscriber

        revoke_subscriber(by=operator(), name=name)
        refresh(configuration)
        print(f"{name} is revoked.")


def authority(config: Config = None) -> None:
    """Print the certificate of the authority that vouches for the broker: whom gateways and subscribers elsewhere believe."""
    with ready(config) as configuration:
        from registry.broker_files import authority_pem

        print(authority_pem(configuration), end="")
