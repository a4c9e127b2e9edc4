"""Where gateways on other machines find this registry and its broker, as the settings say."""

from registry.configuration import Configuration
from registry.problems import Invalid


def enrolment_host(configuration: Configuration) -> str:
    """The name or address that stands in codes and in the listener's certificate."""
    section, broker = configuration.enrolment, configuration.broker
    if section.address:
        return section.address
    return broker.names[0] if broker.names and not section.is_local else section.host


def broker_url(configuration: Configuration) -> str:
    """What a gateway that has enrolled connects to. Raises Invalid where that is not ours to give."""
    broker = configuration.broker
    if broker.ca_file is not None:
        raise Invalid(
            "the certificates of gateways come from an authority of your own ([broker] ca_file): "
            "make one there, then `sightpost-registry gateways add ID --certificate FILE --key FILE`"
        )
    if not broker.is_open:
        raise Invalid(
            "the broker listens on this machine only: open it first, with host and names under [broker] in registry.toml; "
            "a gateway on this machine needs no code (`sightpost-registry gateways add ID --local`)"
        )
    host, port = broker.address
    return f"mqtts://[{host}]:{port}" if ":" in host else f"mqtts://{host}:{port}"
