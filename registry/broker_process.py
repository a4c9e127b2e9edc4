"""`sightpost-registry broker`: writes mosquitto's files and becomes mosquitto."""

import os
import shutil

from registry.broker_files import refresh
from registry.configuration import Configuration
from registry.exits import CannotGoOn
from registry.serve import bind

SBIN = "/usr/sbin:/usr/local/sbin"  # where mosquitto lies, and what a user's PATH leaves out


def become_mosquitto(configuration: Configuration) -> None:
    """Does not return. Raises CannotGoOn when mosquitto is missing or its port is taken, BrokerMisconfigured, OSError."""
    section = configuration.broker
    program = find_mosquitto(section.mosquitto)
    doors = [(section.local_host, section.port)]
    if section.is_open:
        doors += [(section.host, port) for port in (section.tls_port, section.subscribers_port) if port is not None]
    for host, port in doors:
        try:
            bind(host, port).close()
        except CannotGoOn as exc:
            raise CannotGoOn(str(exc).replace("[web]", "[broker]")) from None
    path = refresh(configuration)
    os.execv(program, [program, "-c", str(path)])  # noqa: S606 - no shell is the point


def find_mosquitto(name: str) -> str:
    """Return the program's path. Raises CannotGoOn."""
    program = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if program is None:
        raise CannotGoOn(
            f"The MQTT broker {name} is not installed; install it (Debian: apt install mosquitto), name its path as mosquitto"
            " under [broker] in registry.toml, or run a broker elsewhere and set run = false there."
        )
    return program
