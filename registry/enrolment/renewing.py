"""Answers gateways that ask for their next certificate, on ingest's session: see tracking/correspondence.py.

Who asks is proven by the MAC. The certificate they have is good until its end, so an answer that is lost costs nothing: they ask
again, with the same key, and get the same one.
"""

import logging
from collections import Counter, deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import system
from registry.enrolment.addresses import broker_url
from registry.enrolment.models import Renewal
from registry.enrolment.services import US, key_hash
from registry.problems import Invalid, Problem
from registry.texts import for_log
from registry.tracking.correspondence import Spoken
from registry.tracking.gateways import held, mac_key
from registry.tracking.intake import Message
from registry.tracking.models import Gateway
from registry.trust import authority, certificates
from sync.wire import CertificateRequest, NextCertificate, Purpose, WireError, seal, unseal

journal = logging.getLogger(__name__)

MOST_A_DAY: Final = 10  # new keys of one gateway
MOST_WAITING: Final = 200  # answers on their way; who gets none asks again
REMEMBERED: Final = timedelta(days=200)


class Renewals:
    """All calls in ingest's database thread."""

    leaves = frozenset({"csr"})

    def __init__(self) -> None:
        self._answers: deque[Spoken] = deque(maxlen=MOST_WAITING)

    def take(self, messages: Sequence[Message], counts: Counter[str]) -> None:
        gateways = Gateway.objects.in_bulk({message.gateway for message in messages})
        for message in messages:
            gateway = gateways.get(message.gateway)
            if gateway is None or gateway.revoked_at is not None:
                counts["unknown_gateway" if gateway is None else "revoked_gateway"] += 1
                continue
            try:
                answer = _answer(gateway, message.payload)
            except WireError as exc:
                counts[f"refused_{exc.code}"] += 1
                journal.warning("gateway %s, a request for a certificate: %s", gateway.pk, for_log(str(exc)))
                continue
            counts["certificates_refused" if answer.refused else "certificates"] += 1
            self._answers.append(Spoken(gateway.pk, "cert", seal(answer, Purpose.CERT, mac_key(gateway))))

    def due(self) -> Sequence[Spoken]:
        spoken = list(self._answers)
        self._answers.clear()
        return spoken


def _answer(gateway: Gateway, payload: bytes) -> NextCertificate:
    """Raises WireError when the question is not this gateway's."""
    request = unseal(payload, CertificateRequest, Purpose.CSR, mac_key(gateway))
    try:
        return _renewed(gateway.pk, request.csr)
    except Problem as exc:
        journal.warning("gateway %s: its certificate is not renewed: %s", gateway.pk, exc)
        return NextCertificate(refused=str(exc)[:500])


@transaction.atomic
def _renewed(gateway_id: str, csr: str) -> NextCertificate:
    """Raises Problem."""
    broker_url(settings.CONFIGURATION)
    ours, now = authority.read_or_make(settings.DATA_DIR), timezone.now()
    gateway = held(gateway_id)
    issued = ours.issue(csr, gateway_id=gateway_id, now=now)
    key = key_hash(issued)
    mine = Renewal.objects.filter(gateway=gateway)
    if (known := mine.filter(key_hash=key).first()) is not None:
        return NextCertificate(known.certificate, ours.certificate_pem)
    if mine.filter(at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
        raise Invalid(f"{MOST_A_DAY} new keys within a day are enough")
    mine.filter(at__lt=now - REMEMBERED).delete()
    certificates.note(gateway_id, issued)
    Renewal.objects.create(gateway=gateway, key_hash=key, certificate=issued.pem, at=now)
    by = system("system", US)
    log.record(by, gateway, "certificate renewed", fingerprint=issued.fingerprint, expires_at=issued.not_after)
    return NextCertificate(issued.pem, ours.certificate_pem)
