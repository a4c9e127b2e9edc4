"""Which gateways there are, and what each needs to reach us. Each function is one transaction."""

import re
from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry import secret_files
from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.texts import line
from registry.tracking.models import Gateway
from registry.tracking.subscribers import role_of
from registry.trust import boots, certificates, sessions
from registry.trust.models import Subscriber
from sync.broker import INGEST_USER, WORK_USER, BrokerUser, Role, hash_password, make_password
from sync.credentials import Credentials

OF_A_MACHINE = ("machine", "other_machine", "refused_machines", "health", "health_at")
_ID = re.compile(r"[a-z0-9-]{1,40}")


@transaction.atomic
def add_gateway(*, by: Actor, gateway_id: str, name: str | None = None) -> Credentials:
    """Make a gateway known and return what it needs to log in and to sign; nobody can show that again.

    Raises Invalid, Taken, Forbidden."""
    password = make_password()
    return _credentials(_made_known(by, gateway_id, name, password), password)


@transaction.atomic
def add_place(*, by: Actor, gateway_id: str, name: str | None = None) -> Gateway:
    """Make a gateway known that no machine is yet: nothing is believed in its name until one has enrolled.

    Raises Invalid, Taken, Forbidden."""
    return _made_known(by, gateway_id, name, make_password())


def _made_known(by: Actor, gateway_id: str, name: str | None, password: str) -> Gateway:
    _must_administer(by)
    if not _ID.fullmatch(gateway_id) or gateway_id.startswith("registry-"):
        raise Invalid(
            f"id: {gateway_id!r} should be lower-case letters, digits and hyphens, at most 40, like 'hamburg'", field="id"
        )
    if Subscriber.objects.filter(name=gateway_id).exists():
        raise Taken(f"id: there is a subscriber {gateway_id}", field="id")
    gateway = Gateway(
        id=gateway_id,
        name=line(name, field="name", most=200) if name else gateway_id,
        broker_password_hash=hash_password(password),
    )
    try:
        with transaction.atomic():
            gateway.save(force_insert=True)
    except IntegrityError:
        remedy = f"`sightpost-registry gateways renew {gateway_id}` lets a machine take its place"
        raise Taken(f"id: there is a gateway {gateway_id}; {remedy}", field="id") from None
    log.record(by, gateway, "created")
    return gateway


@transaction.atomic
def renew_gateway(*, by: Actor, gateway_id: str) -> Credentials:
    """Give a gateway, also a revoked one, a new password and a new MAC key; the old ones are worth nothing from now on.

    Raises NotFound, Forbidden."""
    _must_administer(by)
    password = make_password()
    gateway = held(gateway_id)
    gateway.broker_password_hash = hash_password(password)
    gateway.key_serial += 1
    gateway.revoked_at = gateway.held_at = None
    gateway.machine, gateway.other_machine, gateway.refused_machines = "", "", []  # it is whoever has the new ones
    gateway.health = gateway.health_at = None
    gateway.save(update_fields=[*OF_A_MACHINE, "broker_password_hash", "key_serial", "revoked_at", "held_at"])
    _keep_out(gateway)
    log.record(by, gateway, "credentials renewed")
    return _credentials(gateway, password)


def take_over(gateway: Gateway, *, machine: str, key_serial: int, fingerprint: str) -> None:
    """Believe this machine with its key and its certificate, also where the gateway was revoked or held, and nobody else; in the
    caller's transaction, who holds the gateway."""
    gateway.broker_password_hash = hash_password(make_password())
    gateway.key_serial = key_serial
    gateway.revoked_at = gateway.held_at = None
    gateway.machine, gateway.other_machine = machine, ""
    gateway.refused_machines = [one for one in gateway.refused_machines if one != machine]
    gateway.health = gateway.health_at = None
    gateway.save(update_fields=[*OF_A_MACHINE, "broker_password_hash", "key_serial", "revoked_at", "held_at"])
    _keep_out(gateway, but=fingerprint)


@transaction.atomic
def revoke_gateway(*, by: Actor, gateway_id: str) -> Gateway:
    """Believe nothing any more that comes in its name. What it told until now stays. Raises NotFound, Forbidden."""
    _must_administer(by)
    gateway = held(gateway_id)
    if gateway.revoked_at is None:
        gateway.revoked_at = timezone.now()
        gateway.save(update_fields=["revoked_at"])
        _keep_out(gateway)
        log.record(by, gateway, "revoked")
    return gateway


def broker_users() -> Iterable[BrokerUser]:
    """Everybody who may log in to the broker: every gateway that is not revoked, subscribers, ingest and work."""
    ours = secret_files.read_or_make(settings.DATA_DIR, secret_files.BROKER_PASSWORD)
    yield BrokerUser(INGEST_USER, Role.INGEST, hash_password(ours))
    works = secret_files.read_or_make(settings.DATA_DIR, secret_files.WORK_PASSWORD)
    yield BrokerUser(WORK_USER, Role.WORK, hash_password(works))
    for gateway in Gateway.objects.filter(revoked_at__isnull=True):
        yield BrokerUser(gateway.pk, Role.GATEWAY, gateway.broker_password_hash)
    for subscriber in Subscriber.objects.all():
        yield BrokerUser(subscriber.name, role_of(subscriber), subscriber.password_hash)


def mac_key(gateway: Gateway) -> bytes:
    return secret_files.gateway_mac_key(settings.DATA_DIR, gateway.pk, gateway.key_serial)


def _keep_out(gateway: Gateway, *, but: str = "") -> None:
    """Whoever is connected in its name, or has a certificate in it other than the one of the fingerprint `but`."""
    certificates.revoke_all(gateway.pk, timezone.now(), but=but)
    boots.forget(gateway.pk)
    sessions.end(gateway.pk)


def _must_administer(by: Actor) -> None:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("gateways are added, renewed and revoked by administrators")


def _credentials(gateway: Gateway, password: str) -> Credentials:
    broker = settings.CONFIGURATION.broker
    if broker.url is not None:
        raise Invalid(
            "there is no broker on this machine: the one at [broker] url asks for a certificate; docs/broker.md tells more"
        )
    return Credentials(gateway.pk, broker.local_host, broker.port, password, mac_key(gateway))


def held(gateway_id: str) -> Gateway:
    """Return the gateway, its row locked until the caller's transaction ends. Raises NotFound."""
    gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound(f"there is no gateway {gateway_id!r}", field="id")
    return gateway
