"""Two machines under one gateway's name: a copied card, or credentials in use twice.

A hello says on which machine the gateway runs. Another one than before is a gateway that moved; unless the old one was heard just
now: then nobody can know which of the two is the gateway, and both are held. Nothing of either is taken or acknowledged, so each
keeps what it has, until an administrator has said which one goes on (`trust_machine`). The other is refused from then on.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction

from registry.access import changes
from registry.access.actors import Action, Actor, system
from registry.problems import Forbidden, Invalid, NotFound
from registry.texts import for_log
from registry.tracking.models import Gateway
from registry.tracking.parsing import plain

log = logging.getLogger(__name__)

LIVE = timedelta(minutes=2)  # health comes every 30 seconds
MAX_REFUSED = 20  # remembered of one gateway
MIN_HASH = 4  # characters that name a machine


def why_held(gateway: Gateway, machine: str, now: datetime, counts: Counter[str]) -> str:
    """Return why nothing is taken of the gateway on this machine, which just said hello; empty: it is welcome. In ingest's
    transaction, which holds the gateway; notes in its row what follows."""
    machine = plain(machine)
    gateway.refresh_from_db(
        fields=["machine", "other_machine", "refused_machines", "held_at", "last_hello_at", "last_batch_at", "health_at"]
    )
    if machine in gateway.refused_machines:
        counts["alarm_refused_machine"] += 1
        return _decided(gateway)
    if gateway.held_at is not None:
        return _undecided(gateway)
    if machine == gateway.machine:
        return ""
    before = gateway.machine
    if not before or _scheme(before) != _scheme(machine):
        gateway.machine = machine
        gateway.save(update_fields=["machine"])
        return ""
    if not _is_live(gateway, now):
        counts["alarm_other_machine"] += 1
        log.error("gateway %s now runs on another machine (%s)", gateway.pk, for_log(machine))
        gateway.machine = machine
        gateway.save(update_fields=["machine"])
        changes.record(system(), gateway, "moved to another machine", {"machine": before}, machine=machine)
        return ""
    counts["alarm_two_machines"] += 1
    log.error("gateway %s is in use on two machines at once (%s and %s): both are held", gateway.pk, before, for_log(machine))
    gateway.other_machine, gateway.held_at = machine, now
    gateway.save(update_fields=["other_machine", "held_at"])
    changes.record(system(), gateway, "held", machine=before, other_machine=machine)
    return _undecided(gateway)


def still_held(gateway: Gateway, machine: str) -> str:
    """The same for a hello that is no news: it changes nothing, so another machine than before waits until it says more."""
    machine = plain(machine)
    gateway.refresh_from_db(fields=["machine", "other_machine", "refused_machines", "held_at"])
    if machine in gateway.refused_machines or machine != gateway.machine:
        return _decided(gateway)
    return _undecided(gateway) if gateway.held_at is not None else ""


@transaction.atomic
def trust_machine(*, by: Actor, gateway_id: str, machine: str) -> Gateway:
    """Say which machine the gateway is: `machine` is the beginning of its hash. The other is refused from now on. Whoever it is
    still has the credentials: give the right one new ones (`renew_gateway`). Raises NotFound, Invalid, Forbidden."""
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("which machine is a gateway is said by administrators")
    gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound(f"there is no gateway {gateway_id!r}", field="id")
    known = [one for one in (gateway.machine, gateway.other_machine, *gateway.refused_machines) if one]
    bare = machine.strip().rpartition(":")[2]
    meant = {one for one in known if len(bare) >= MIN_HASH and one.rpartition(":")[2].startswith(bare)}
    if len(meant) != 1:
        shown = ", ".join(known) or "none was heard of yet"
        raise Invalid(f"machine: {machine!r} should begin the hash of one machine of {gateway_id}: {shown}", field="machine")
    [chosen] = meant
    before = {"machine": gateway.machine, "refused_machines": gateway.refused_machines}
    gateway.refused_machines = [one for one in dict.fromkeys(reversed(known)) if one != chosen][-MAX_REFUSED:]
    gateway.machine, gateway.other_machine, gateway.held_at = chosen, "", None
    gateway.save(update_fields=["machine", "other_machine", "refused_machines", "held_at"])
    changes.record(by, gateway, "machine trusted", before, machine=chosen, refused_machines=gateway.refused_machines)
    return gateway


def _is_live(gateway: Gateway, now: datetime) -> bool:
    return any(at is not None and at > now - LIVE for at in (gateway.last_hello_at, gateway.last_batch_at, gateway.health_at))


def _scheme(machine: str) -> str:
    """Two hashes that were made in different ways say nothing about each other."""
    return machine.partition(":")[0] if ":" in machine else ""


def _undecided(gateway: Gateway) -> str:
    return (
        "two machines deliver under this name; an administrator says at the registry which one goes on:"
        f" sightpost-registry gateways trust {gateway.pk} --machine {gateway.machine[:12]} (or {gateway.other_machine[:12]})"
    )


def _decided(gateway: Gateway) -> str:
    return (
        f"another machine is gateway {gateway.pk}; if this one should be:"
        f" sightpost-registry gateways trust {gateway.pk} --machine, with the hash of this one"
    )
