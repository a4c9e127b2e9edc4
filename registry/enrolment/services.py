"""Who may become a gateway: codes are given out, used once, and whoever used one is approved. Each function is one transaction.

Whoever enrols gets a certificate and a key for MACs of its own at once; what is signed with that key is believed from the
approval on. Until then a gateway that had the place before goes on, undisturbed.
"""

import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from registry.access import changes as log
from registry.access import throttle
from registry.access.actors import Action, Actor, system
from registry.broker_files import refresh
from registry.enrolment.addresses import broker_url, enrolment_host
from registry.enrolment.models import TEXT_CHARS, Enrolment, Window, WindowQuerySet
from registry.problems import Forbidden, Invalid, NotFound, Problem
from registry.texts import for_log
from registry.tracking import gateways
from registry.tracking.models import Gateway
from registry.trust import authority, certificates, sessions
from registry.trust.authority import Issued
from registry.trust.models import GatewayCertificate
from sync.enrolment import Ask, Code, make_code

journal = logging.getLogger(__name__)

OPEN_FOR: Final = timedelta(minutes=30)
ALARMED_FOR: Final = timedelta(days=7)  # so long the first page tells of a code that was used twice
MOST_OPEN: Final = 100
FREE_TRIES: Final = 10  # wrong codes from one address before it has to wait
FIRST_DRAWN_SERIAL, SERIALS = 2**30, 2**30  # those of enrolments are drawn up here; renewing counts up from wherever it is
US: Final = "Sightpost"


class NoLonger(Problem):
    """There is nothing (any more) to get by this code."""


class TooOften(Problem):
    """Too many wrong codes came from there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A code, which nobody can show again."""

    window: Window
    code: Code = field(repr=False)


@dataclass(frozen=True, slots=True)
class LetIn:
    """What a machine that has enrolled is given."""

    enrolment: Enrolment
    ca: str
    mac_key: bytes = field(repr=False)


@transaction.atomic
def open_window(*, by: Actor, gateway_id: str, name: str | None = None, new: bool = True, at_once: bool = False) -> Opened:
    """Give out a code for a gateway, `new` or one that there is. One that was given out before for it is worth nothing any more.

    Raises Invalid, Taken, NotFound, Forbidden."""
    _must_administer(by)
    broker_url(settings.CONFIGURATION)
    ours = authority.read_or_make(settings.DATA_DIR)
    gateway = gateways.add_place(by=by, gateway_id=gateway_id, name=name) if new else gateways.held(gateway_id)
    now = timezone.now()
    code = make_code(enrolment_host(settings.CONFIGURATION), settings.CONFIGURATION.enrolment.port, ours.fingerprint)
    Window.objects.filter(gateway=gateway, closed_at__isnull=True).update(closed_at=now)
    if Window.objects.open_at(now).count() >= MOST_OPEN:
        raise Invalid(f"{MOST_OPEN} codes are given out and not used yet; take some back first")
    window = Window.objects.create(
        gateway=gateway, secret_hash=_hash(code.secret), at_once=at_once, opened_at=now, expires_at=now + OPEN_FOR
    )
    log.record(by, gateway, "code given out", expires_at=window.expires_at, approved_at_once=at_once)
    return Opened(window, code)


@transaction.atomic
def close_window(*, by: Actor, window_id: UUID) -> Window:
    """Take a code back. Raises NotFound, Forbidden."""
    _must_administer(by)
    window = Window.objects.select_for_update().select_related("gateway").filter(pk=window_id, closed_at__isnull=True).first()
    if window is None:
        raise NotFound("this code is used or taken back already")
    window.closed_at = timezone.now()
    window.save(update_fields=["closed_at"])
    log.record(by, window.gateway, "code taken back")
    return window


def open_windows(by: Actor) -> WindowQuerySet:
    """The codes that are given out and not used yet. Raises Forbidden."""
    _must_administer(by)
    return Window.objects.open_at(timezone.now())


def enrolments(by: Actor) -> QuerySet[Enrolment]:
    """Everybody who ever used a code. Raises Forbidden."""
    _must_administer(by)
    return Enrolment.objects.all()


def conditions(by: Actor, now: datetime) -> tuple[int, int]:
    """How many machines wait for approval, and how many codes were shown again by somebody else lately. Of no one's business but
    administrators': to others there are none."""
    if not by.may_everywhere(Action.ADMINISTER):
        return 0, 0
    waiting, lately = Q(state=Enrolment.State.WAITING), Q(used_again_at__gt=now - ALARMED_FOR)
    found = Enrolment.objects.order_by().filter(waiting | lately)
    counted = found.aggregate(waiting=Count("pk", filter=waiting), again=Count("pk", filter=lately))
    return counted["waiting"], counted["again"]


def is_any_open() -> bool:
    """Is there a code that somebody may come with? Asked every second: one look into an index of a few rows."""
    return Window.objects.open_at(timezone.now()).exists()


def enrol(ask: Ask, *, address: str) -> LetIn:
    """Let a machine in that shows a code. Raises NoLonger, TooOften, Invalid; each text is for the person at the machine."""
    if wait := throttle.attempt("enrolment code", address=address, free_of_address=FREE_TRIES):
        raise TooOften(f"too many wrong codes came from this address; try again in {wait} seconds")
    ours = authority.read_or_make(settings.DATA_DIR)
    with transaction.atomic():
        outcome = _redeemed(ask, address, ours)
    if isinstance(outcome, Problem):  # what was noticed of it is to last
        raise outcome
    throttle.succeeded("enrolment code", address=address)
    return LetIn(outcome, ours.certificate_pem, gateways.mac_key(Gateway(pk=outcome.gateway_id, key_serial=outcome.key_serial)))


@transaction.atomic
def approve(*, by: Actor, enrolment_id: UUID) -> Enrolment:
    """Believe this machine from now on, and nobody else in the gateway's name. Raises NotFound, Forbidden."""
    _must_administer(by)
    return _approved(by, _waiting(enrolment_id))


@transaction.atomic
def refuse(*, by: Actor, enrolment_id: UUID) -> Enrolment:
    """Keep this machine out: its certificate is worth nothing any more. Raises NotFound, Forbidden."""
    _must_administer(by)
    enrolment = _waiting(enrolment_id)
    _refused(by, enrolment)
    _tell_broker()
    return enrolment


def _redeemed(ask: Ask, address: str, ours: authority.Authority) -> Enrolment | Problem:
    now = timezone.now()
    window = (
        Window.objects.select_for_update(of=("self",))
        .select_related("gateway")
        .filter(secret_hash=_hash(bytes.fromhex(ask.secret)))
        .first()
    )
    if window is None:
        return NoLonger("this code was never given out here; ask an administrator for one")
    issued = ours.issue(ask.csr, gateway_id=window.gateway_id, now=now)
    key = key_hash(issued)
    used: Enrolment | None = Enrolment.objects.filter(window=window).first()
    if used is not None and used.key_hash == key and window.expires_at > now:
        return used  # our answer was lost on its way
    if used is not None:
        return _used_again(used, ask, address)
    if window.closed_at is not None:
        return NoLonger("this code was taken back, or another one was given out for the gateway since; ask for that one")
    if window.expires_at <= now:
        return NoLonger(f"this code was good until {window.expires_at:%H:%M} UTC; ask for another one")
    window.closed_at = now
    window.save(update_fields=["closed_at"])
    certificates.note(window.gateway_id, issued)
    enrolment = Enrolment.objects.create(
        window=window, gateway=window.gateway, key_hash=key, key_serial=_drawn_serial(window.gateway), certificate=issued.pem,
        fingerprint=issued.fingerprint, machine=_kept(ask.machine), software=_kept(ask.software), address=address[:45],
        enrolled_at=now,
    )  # fmt: skip
    by = system("system", US)
    log.record(
        by, window.gateway, "enrolled",
        fingerprint=issued.fingerprint, machine=enrolment.machine, software=enrolment.software, address=enrolment.address,
    )  # fmt: skip
    return _approved(by, enrolment) if window.at_once else enrolment


def _used_again(used: Enrolment, ask: Ask, address: str) -> Problem:
    """Somebody has read along, or a person is confused: in either case people have to know."""
    journal.error(
        "the code of gateway %s was shown again, from %s; it was used from %s before", used.gateway_id, address, used.address
    )
    used.used_again_at, used.used_again_from = timezone.now(), address[:45]
    used.save(update_fields=["used_again_at", "used_again_from"])
    log.record(
        system("system", US), used.gateway, "code used again",
        address=used.used_again_from, machine=_kept(ask.machine), software=_kept(ask.software),
    )  # fmt: skip
    return NoLonger("this code was used already; if that was not you, tell an administrator at once")


def _approved(by: Actor, enrolment: Enrolment) -> Enrolment:
    now = timezone.now()
    gateway = gateways.held(enrolment.gateway_id)
    for other in Enrolment.objects.filter(gateway=gateway, state=Enrolment.State.WAITING).exclude(pk=enrolment.pk):
        _refused(by, other)
    gateways.take_over(gateway, machine=enrolment.machine, key_serial=enrolment.key_serial, fingerprint=enrolment.fingerprint)
    enrolment.state, enrolment.decided_at = Enrolment.State.APPROVED, now
    enrolment.save(update_fields=["state", "decided_at"])
    log.record(by, gateway, "enrolment approved", fingerprint=enrolment.fingerprint, machine=enrolment.machine)
    _tell_broker()
    return enrolment


def _refused(by: Actor, enrolment: Enrolment) -> None:
    now = timezone.now()
    GatewayCertificate.objects.filter(fingerprint=enrolment.fingerprint, revoked_at__isnull=True).update(revoked_at=now)
    sessions.end(enrolment.gateway_id)  # whosever it is: who may come back does
    enrolment.state, enrolment.decided_at = Enrolment.State.REFUSED, now
    enrolment.save(update_fields=["state", "decided_at"])
    log.record(by, enrolment.gateway, "enrolment refused", fingerprint=enrolment.fingerprint, machine=enrolment.machine)


def _waiting(enrolment_id: UUID) -> Enrolment:
    found = Enrolment.objects.select_for_update(of=("self",)).select_related("gateway")
    enrolment = found.filter(pk=enrolment_id, state=Enrolment.State.WAITING).first()
    if enrolment is None:
        raise NotFound("this enrolment does not wait any more; somebody has decided meanwhile")
    return enrolment


def _drawn_serial(gateway: Gateway) -> int:
    """A number that no key of this gateway had or gets by counting: who is not approved yet must not have a key that counts."""
    while True:
        serial = FIRST_DRAWN_SERIAL + secrets.randbelow(SERIALS - 2**20)
        if serial != gateway.key_serial and not Enrolment.objects.filter(gateway=gateway, key_serial=serial).exists():
            return serial


def _kept(text: str) -> str:
    return for_log(text, TEXT_CHARS)


def _hash(secret: bytes) -> str:
    return sha256(secret).hexdigest()


def key_hash(issued: Issued) -> str:
    """SHA-256 in hex of the public key that was certified."""
    key = x509.load_pem_x509_certificate(issued.pem.encode()).public_key()
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _tell_broker() -> None:
    """Who may speak to it has changed. What goes wrong then is logged: the broker's own next start reads the files anew."""
    transaction.on_commit(lambda: refresh(settings.CONFIGURATION), robust=True)


def _must_administer(by: Actor) -> None:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("gateways are let in by administrators")
