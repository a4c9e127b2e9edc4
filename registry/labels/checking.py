"""What `sightpost-registry check` says about labels: settings that are well formed and would disappoint all the same."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name for it

from registry.labels.fonts import usable


def findings(**_: Any) -> list[CheckMessage]:
    """One sentence each, with its remedy."""
    configuration = settings.CONFIGURATION
    found: list[CheckMessage] = [
        Warning(f"The font {path} of [labels] cannot be used: {why}. Name a TrueType file.", id="labels.W001")
        for path in configuration.labels.fonts
        if (why := usable(path)) is not None
    ]
    host = urlsplit(configuration.company.digital_link or "").hostname
    if host and host not in configuration.web.allowed_hosts:
        found.append(
            Warning(
                f"The links on labels lead to {host}, which [web] allowed_hosts does not let in. Add it there.", id="labels.W002"
            )
        )
    return found
