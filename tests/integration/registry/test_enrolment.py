"""Codes by which gateways get in: used once, by one machine, in time; believed after somebody's word; all of it in the log."""

import html
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from gateway.keys import make_key
from registry.access.models import Change
from registry.configuration import BrokerSection, EnrolmentSection
from registry.enrolment import renewing, services
from registry.enrolment.models import Enrolment, Renewal, Window
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.tracking.gateways import add_gateway, mac_key, renew_gateway, revoke_gateway
from registry.tracking.intake import Message
from registry.tracking.models import Gateway
from registry.trust import authority
from registry.trust.models import GatewayCertificate
from sync.enrolment import Ask, read_code
from sync.wire import CertificateRequest, NextCertificate, Purpose, seal, unseal
from tests.registry_world import ROOT, Caller, actor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is open to gateways elsewhere; nobody writes files for one."""
    configuration = settings.CONFIGURATION.model_copy(
        update={
            "broker": BrokerSection(host="0.0.0.0", names=["registry.example.com"]),
            "enrolment": EnrolmentSection(host="0.0.0.0"),
        }
    )
    monkeypatch.setattr(settings, "CONFIGURATION", configuration)
    monkeypatch.setattr(services, "refresh", lambda configuration: None)


def ask(code: object, **more: Any) -> Ask:
    values = {"secret": read_code(str(code)).secret.hex(), "csr": make_key().request, "machine": "m1", "software": "0.1.0"}
    return Ask(**(values | more))


def enrolled(gateway_id: str = "hamburg", machine: str = "m1", **more: Any) -> services.LetIn:
    code = services.open_window(by=ROOT, gateway_id=gateway_id, **more).code
    return services.enrol(ask(code, machine=machine), address="192.0.2.9")


def actions(gateway_id: str = "hamburg") -> list[str]:
    return list(Change.objects.of("gateway", gateway_id).order_by("id").values_list("action", flat=True))


def live_fingerprints() -> set[str]:
    return set(GatewayCertificate.objects.filter(revoked_at__isnull=True).values_list("fingerprint", flat=True))


def test_from_the_code_to_a_gateway_that_is_believed() -> None:
    opened = services.open_window(by=ROOT, gateway_id="hamburg", name="Hamburg dock")
    assert str(opened.code).startswith("registry.example.com:8491/")
    assert opened.code.pin.hex() == authority.read_or_make(settings.DATA_DIR).fingerprint[:32]
    assert opened.window.expires_at - opened.window.opened_at == timedelta(minutes=30)
    before = Gateway.objects.get(pk="hamburg")

    let_in = services.enrol(ask(opened.code), address="192.0.2.9")
    waiting = Gateway.objects.get(pk="hamburg")
    assert mac_key(waiting) == mac_key(before) != let_in.mac_key  # nobody believes it yet

    services.approve(by=ROOT, enrolment_id=let_in.enrolment.pk)
    gateway = Gateway.objects.get(pk="hamburg")
    assert mac_key(gateway) == let_in.mac_key
    assert live_fingerprints() == {let_in.enrolment.fingerprint}
    assert actions() == ["created", "code given out", "enrolled", "enrolment approved"]
    enrol_entry = Change.objects.get(action="enrolled")
    assert enrol_entry.after["machine"] == "m1"
    assert enrol_entry.after["address"] == "192.0.2.9"


def test_nothing_secret_is_in_the_log_or_the_database() -> None:
    opened = services.open_window(by=ROOT, gateway_id="hamburg")
    let_in = services.enrol(ask(opened.code), address="192.0.2.9")
    rows = [*Change.objects.values(), *Window.objects.values(), *Enrolment.objects.values(), *Gateway.objects.values()]
    told = repr(rows) + repr(let_in) + repr(opened)
    assert "registry.example.com:8491/" not in told
    for secret in (opened.code.secret.hex(), let_in.mac_key.hex(), repr(opened.code.secret), repr(let_in.mac_key)):
        assert secret not in told


def test_a_code_is_used_once_and_the_second_time_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    opened = services.open_window(by=ROOT, gateway_id="hamburg")
    first = services.enrol(ask(opened.code), address="192.0.2.9")
    with pytest.raises(services.NoLonger, match="used already"):
        services.enrol(ask(opened.code, machine="m2"), address="198.51.100.3")
    one = Enrolment.objects.get()
    assert (one.pk, one.used_again_from) == (first.enrolment.pk, "198.51.100.3")
    assert "shown again, from 198.51.100.3" in caplog.text
    assert actions()[-1] == "code used again"
    assert services.conditions(ROOT, timezone.now()) == (1, 1)
    assert services.conditions(ROOT, timezone.now() + services.ALARMED_FOR) == (1, 0)
    assert services.conditions(actor(make_user(role="manager")), timezone.now()) == (0, 0)
    assert live_fingerprints() == {first.enrolment.fingerprint}


def test_an_answer_that_was_lost_is_given_again_to_the_same_key() -> None:
    opened = services.open_window(by=ROOT, gateway_id="hamburg")
    asked = ask(opened.code)
    first, again = (services.enrol(asked, address="192.0.2.9") for _ in range(2))
    assert (first.enrolment.certificate, first.mac_key) == (again.enrolment.certificate, again.mac_key)
    assert actions().count("enrolled") == 1
    assert "code used again" not in actions()


def test_a_code_ends_after_thirty_minutes_when_it_is_taken_back_and_when_there_is_another() -> None:
    old = services.open_window(by=ROOT, gateway_id="hamburg")
    new = services.open_window(by=ROOT, gateway_id="hamburg", new=False)
    with pytest.raises(services.NoLonger, match="another one was given out"):
        services.enrol(ask(old.code), address="192.0.2.9")
    assert services.is_any_open()
    services.close_window(by=ROOT, window_id=new.window.pk)
    assert not services.is_any_open()
    with pytest.raises(services.NoLonger, match="taken back"):
        services.enrol(ask(new.code), address="192.0.2.9")
    late = services.open_window(by=ROOT, gateway_id="hamburg", new=False)
    Window.objects.filter(pk=late.window.pk).update(expires_at=timezone.now())
    assert not services.is_any_open()
    with pytest.raises(services.NoLonger, match="good until"):
        services.enrol(ask(late.code), address="192.0.2.9")
    assert not Enrolment.objects.exists()


def test_wrong_codes_make_an_address_wait() -> None:
    for _ in range(services.FREE_TRIES):
        with pytest.raises(services.NoLonger, match="never given out"):
            services.enrol(Ask(secret="00" * 10, csr="", machine="", software=""), address="198.51.100.3")
    code = services.open_window(by=ROOT, gateway_id="hamburg").code
    with pytest.raises(services.TooOften, match="try again in"):
        services.enrol(ask(code), address="198.51.100.3")
    assert services.enrol(ask(code), address="192.0.2.9").enrolment.gateway_id == "hamburg"


def test_a_request_that_is_none_leaves_the_code_good() -> None:
    opened = services.open_window(by=ROOT, gateway_id="hamburg")
    with pytest.raises(Invalid, match="csr"):
        services.enrol(ask(opened.code, csr="-----BEGIN NOTHING-----"), address="192.0.2.9")
    assert services.enrol(ask(opened.code), address="192.0.2.9")


def test_a_machine_that_is_refused_is_kept_out_for_good() -> None:
    let_in = enrolled()
    services.refuse(by=ROOT, enrolment_id=let_in.enrolment.pk)
    assert live_fingerprints() == set()
    assert actions()[-1] == "enrolment refused"
    for decide in (services.approve, services.refuse):
        with pytest.raises(NotFound, match="decided meanwhile"):
            decide(by=ROOT, enrolment_id=let_in.enrolment.pk)


def test_the_old_machine_goes_on_until_the_new_one_is_approved() -> None:
    old = enrolled(at_once=True)
    assert old.enrolment.state == Enrolment.State.APPROVED
    new = enrolled(new=False, machine="m2")
    Gateway.objects.update(machine="m1", other_machine="m2", held_at=timezone.now(), refused_machines=["m2", "m3"])
    assert mac_key(Gateway.objects.get()) == old.mac_key
    assert live_fingerprints() == {old.enrolment.fingerprint, new.enrolment.fingerprint}
    other = enrolled(new=False)
    services.approve(by=ROOT, enrolment_id=new.enrolment.pk)
    gateway = Gateway.objects.get()
    assert mac_key(gateway) == new.mac_key
    assert (gateway.machine, gateway.other_machine, gateway.held_at, gateway.refused_machines) == ("m2", "", None, ["m3"])
    assert live_fingerprints() == {new.enrolment.fingerprint}
    assert Enrolment.objects.get(pk=other.enrolment.pk).state == Enrolment.State.REFUSED


def test_who_waits_gets_no_key_that_counts_later() -> None:
    add_gateway(by=ROOT, gateway_id="hamburg")
    keys = {enrolled(new=False).mac_key for _ in range(3)}
    believed = {renew_gateway(by=ROOT, gateway_id="hamburg").mac_key for _ in range(5)}
    assert len(keys) == 3
    assert not keys & believed


def test_a_revoked_gateway_comes_back_by_a_code() -> None:
    enrolled(at_once=True)
    revoke_gateway(by=ROOT, gateway_id="hamburg")
    enrolled(new=False, at_once=True)
    assert Gateway.objects.get().revoked_at is None


def test_only_administrators_let_gateways_in() -> None:
    manager, let_in = actor(make_user(role="manager")), enrolled()
    window = services.open_window(by=ROOT, gateway_id="bremen").window
    for refused in (
        lambda: services.open_window(by=manager, gateway_id="kiel"),
        lambda: services.close_window(by=manager, window_id=window.pk),
        lambda: services.approve(by=manager, enrolment_id=let_in.enrolment.pk),
        lambda: services.refuse(by=manager, enrolment_id=let_in.enrolment.pk),
        lambda: services.open_windows(manager),
        lambda: services.enrolments(manager),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_codes_are_for_new_gateways_or_for_those_that_there_are() -> None:
    services.open_window(by=ROOT, gateway_id="hamburg")
    with pytest.raises(Taken, match="renew hamburg"):
        services.open_window(by=ROOT, gateway_id="hamburg")
    with pytest.raises(NotFound):
        services.open_window(by=ROOT, gateway_id="kiel", new=False)
    with pytest.raises(Invalid, match="lower-case"):
        services.open_window(by=ROOT, gateway_id="Kiel!")


@pytest.mark.parametrize(
    ("section", "why"),
    [
        (BrokerSection(), "open it first"),
        (
            BrokerSection(run=False, url="mqtts://b:8883", ca_file=Path("ca"), password_file=Path("p")),
            "an authority of your own",
        ),
    ],
)
def test_where_no_gateway_could_go_there_are_no_codes(section: BrokerSection, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CONFIGURATION", settings.CONFIGURATION.model_copy(update={"broker": section}))
    with pytest.raises(Invalid, match=why):
        services.open_window(by=ROOT, gateway_id="hamburg")
    assert not Gateway.objects.exists()


# ---- for people and programs -----------------------------------------------------------------------------------------------


def test_the_page_gives_out_a_code_and_lets_somebody_decide() -> None:
    client = Client()
    client.force_login(make_user())
    answer = client.post("/enrolment/", {"gateway": "hamburg", "name": "Hamburg dock"})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    command = html.unescape(answer.content.decode()).partition('data-copy="sudo sightpost enrol ')[2].partition('"')[0]
    let_in = services.enrol(ask(command), address="192.0.2.9")
    shown = client.get("/enrolment/").content.decode()
    assert command not in shown
    assert let_in.enrolment.shown_fingerprint in shown
    assert "1 machine waits for your word" in shown
    assert "waiting to be let in" in client.get("/").content.decode()

    client.post(f"/enrolment/{let_in.enrolment.pk}/decide/", {"do": "approve"})
    assert mac_key(Gateway.objects.get()) == let_in.mac_key
    assert Change.objects.get(action="enrolment approved").through == "page"
    again = client.post(f"/enrolment/{let_in.enrolment.pk}/decide/", {"do": "refuse"}, follow=True).content.decode()
    assert "somebody has decided meanwhile" in again

    other = client.post("/enrolment/", {"gateway": "hamburg"})  # one that exists gets another machine
    assert other.status_code == 200
    window = Window.objects.get(closed_at__isnull=True)
    client.post(f"/enrolment/codes/{window.pk}/take-back/")
    assert not services.is_any_open()
    assert "should be lower-case letters" in client.post("/enrolment/", {"gateway": "Kiel!"}).content.decode()


def test_a_program_gives_out_a_code_and_approves() -> None:
    call = Caller()
    made = call("POST", "/enrolment-codes", {"gateway": "hamburg"})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    assert made.json()["text"] not in call("GET", "/enrolment-codes").content.decode()
    let_in = services.enrol(ask(made.json()["text"]), address="192.0.2.9")
    [one] = call("GET", "/enrolments?state=waiting").json()["items"]
    assert (one["fingerprint"], one["state"]) == (let_in.enrolment.fingerprint, "waiting")
    assert call("POST", f"/enrolments/{one['id']}/approve").json()["state"] == "approved"
    assert call("POST", f"/enrolments/{one['id']}/approve").status_code == 404
    assert call("POST", "/enrolment-codes", {"gateway": "hamburg"}).status_code == 409
    again = call("POST", "/enrolment-codes", {"gateway": "hamburg", "replaces": True, "approve_at_once": True}).json()
    assert call("DELETE", f"/enrolment-codes/{again['code']['id']}").status_code == 204


# ---- renewal -----------------------------------------------------------------------------------------------------------


class Station:
    """A gateway that asks ingest for certificates."""

    def __init__(self) -> None:
        let_in = enrolled(at_once=True)
        self.key, self.fingerprint = let_in.mac_key, let_in.enrolment.fingerprint
        self.renewals = renewing.Renewals()
        self.counts: Counter[str] = Counter()

    def ask(self, csr: str, key: bytes | None = None, times: int = 1) -> list[NextCertificate]:
        payload = seal(CertificateRequest(csr), Purpose.CSR, key or self.key)
        self.renewals.take([Message("hamburg", "csr", payload)] * times, self.counts)
        spoken = self.renewals.due()
        assert all((one.gateway, one.leaf) == ("hamburg", "cert") for one in spoken)
        return [unseal(one.payload, NextCertificate, Purpose.CERT, self.key) for one in spoken]


def test_a_gateway_gets_its_next_certificate_and_the_old_one_stays_good() -> None:
    station, csr = Station(), make_key().request
    first, again = station.ask(csr, times=2)
    assert first == again
    assert first.ca == authority.read_or_make(settings.DATA_DIR).certificate_pem
    assert len(live_fingerprints()) == 2
    assert station.fingerprint in live_fingerprints()
    assert actions().count("certificate renewed") == 1
    assert station.renewals.due() == []


def test_nobody_else_gets_a_certificate() -> None:
    station = Station()
    assert station.ask(make_key().request, key=bytes(32)) == []
    assert station.counts["refused_bad_mac"] == 1
    revoke_gateway(by=ROOT, gateway_id="hamburg")
    assert station.ask(make_key().request) == []
    assert station.counts["revoked_gateway"] == 1
    station.renewals.take([Message("nobody", "csr", b"")], station.counts)
    assert station.counts["unknown_gateway"] == 1
    assert not Renewal.objects.exists()


def test_no_gateway_gets_more_certificates_than_it_can_use() -> None:
    station = Station()
    for _ in range(renewing.MOST_A_DAY):
        [answer] = station.ask(make_key().request)
        assert not answer.refused
    [answer] = station.ask(make_key().request)
    assert "within a day" in answer.refused
    assert not answer.certificate
    Renewal.objects.update(at=timezone.now() - renewing.REMEMBERED - timedelta(days=1))
    [answer] = station.ask(make_key().request)
    assert answer.certificate
    assert Renewal.objects.count() == 1


def test_a_request_that_is_none_is_refused_with_a_sentence() -> None:
    [answer] = Station().ask("-----BEGIN NOTHING-----")
    assert "csr" in answer.refused
