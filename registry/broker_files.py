"""The broker's files in data_dir/broker (mosquitto.conf, passwords, ACL): written before each start and when a user changes."""

from pathlib import Path

from registry.configuration import Configuration
from registry.tracking.gateways import broker_users
from sync import broker


def refresh(configuration: Configuration) -> Path:
    """Write the files from what the database knows and let a running broker read them again; return the path of mosquitto.conf.

    Raises BrokerMisconfigured, OSError."""
    section = configuration.broker
    directory = configuration.data_dir / "broker"
    bind = "127.0.0.1" if section.host == "localhost" else section.host
    path = broker.write_configuration(directory, broker_users(), section.port, bind=bind)
    broker.reload_users(directory)
    return path
