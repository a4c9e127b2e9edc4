"""What the enrolment listener answers: the authority's certificate to anybody, an identity to whoever shows a code."""

import base64

from django.conf import settings

from registry.enrolment import services
from registry.enrolment.addresses import broker_url
from registry.enrolment.conversation import Answer, Request
from registry.problems import Problem
from registry.trust import authority
from sync.enrolment import CA_PATH, ENROL_PATH, Ask, Given, Refused
from sync.wire import WireError, decode, encode


def _refused(status: int, sentence: str) -> Answer:
    return Answer(status, encode(Refused(sentence[:500])))


UNAVAILABLE = _refused(503, "the registry cannot use its database just now; try again in a minute")


def answer(request: Request, address: str) -> Answer:
    """Runs in the database's thread. Raises DatabaseError."""
    match request.method, request.path:
        case "GET", path if path == CA_PATH:
            return Answer(200, authority.read_or_make(settings.DATA_DIR).certificate_pem.encode(), "application/x-pem-file")
        case "POST", path if path == ENROL_PATH:
            return _enrol(request.body, address)
    return _refused(404, "gateways enrol here; people find the registry's pages elsewhere")


def _enrol(body: bytes, address: str) -> Answer:
    try:
        let_in = services.enrol(decode(body, Ask), address=address)
    except WireError as exc:
        return _refused(400, f"the registry does not understand this gateway: {exc}")
    except services.TooOften as exc:
        return _refused(429, str(exc))
    except Problem as exc:
        return _refused(403, str(exc))
    enrolment = let_in.enrolment
    given = Given(
        gateway=enrolment.gateway_id,
        broker=broker_url(settings.CONFIGURATION),
        ca=let_in.ca,
        certificate=enrolment.certificate,
        mac_key=base64.b64encode(let_in.mac_key).decode(),
        approved=enrolment.state == enrolment.State.APPROVED,
    )
    return Answer(200, encode(given))
