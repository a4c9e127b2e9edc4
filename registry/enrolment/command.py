"""What `sightpost-registry gateways add`, `renew` and `approve` say, and whom they mean."""

import socket
import time
from typing import Any, Final

from django.conf import settings

from registry.access.actors import Actor
from registry.enrolment import services
from registry.enrolment.models import Enrolment
from registry.enrolment.services import Opened
from registry.problems import NotFound

LISTENS_WITHIN_S: Final = 3.0


def as_json(opened: Opened) -> dict[str, Any]:
    window = opened.window
    return {"gateway": window.gateway_id, "code": str(opened.code), "expires": window.expires_at.isoformat(timespec="seconds")}


def in_words(opened: Opened, *, listens: bool) -> str:
    window = opened.window
    lines = [
        f"On the gateway, until {window.expires_at:%H:%M} UTC:",
        "",
        f"    sudo sightpost enrol {opened.code}",
        "",
        "It is shown this once, and is good for one machine.",
    ]
    if window.at_once:
        lines.append(f"Whoever uses it is {window.gateway_id} at once.")
    else:
        lines.append(f"Then compare the fingerprint and approve: sightpost-registry gateways approve {window.gateway_id}")
    where = settings.CONFIGURATION.enrolment
    if where.is_local:
        lines.append(f"Only from this machine: {where.host} is open to no other; set host under [enrolment] in registry.toml.")
    if not listens:
        lines.append(
            f"But nobody listens at port {where.port} yet: is the registry running (`sightpost-registry up`)? Its log says."
        )
    return "\n".join(lines)


def listens() -> bool:
    """Does the registry listen for it? It looks for codes every second."""
    where = settings.CONFIGURATION.enrolment
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104 - we go there, we do not listen
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, where.port), 1.0).close()
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def waiting(by: Actor, gateway_id: str) -> Enrolment:
    """The newest machine that waits to become this gateway. Raises NotFound, Forbidden."""
    found = services.enrolments(by).filter(gateway=gateway_id, state=Enrolment.State.WAITING).first()
    if found is None:
        raise NotFound(f"nobody waits to become {gateway_id}; `sightpost-registry gateways enrolments` lists who did")
    return found


def described(one: Enrolment) -> str:
    lines = [
        f"{one.gateway_id}, from {one.address} at {one.enrolled_at:%H:%M} UTC, {one.software}",
        f"machine {one.machine}",
        f"fingerprint {one.shown_fingerprint}",
    ]
    if one.used_again_at is not None:
        lines.append(f"The same code was shown again from {one.used_again_from}: somebody may have read along.")
    return "\n".join(lines)


def rows(by: Actor) -> list[dict[str, Any]]:
    return [
        {
            "gateway": one.gateway_id,
            "state": one.state,
            "enrolled": one.enrolled_at.isoformat(timespec="seconds"),
            "address": one.address,
            "machine": one.machine,
            "fingerprint": one.fingerprint,
        }
        for one in services.enrolments(by)[:50]
    ]
