"""The outgoing queue: its order, its ends, and what each word of a mail server makes of a mail."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from registry.assets.models import Asset, Location
from registry.configuration import MailSection
from registry.problems import Forbidden, Invalid
from registry.tracking.models import Zone
from registry.tracking.services import map_zone, project_changed_identifiers
from registry.work import outgoing, to_mail
from registry.work.models import Outgoing
from tests.integration.registry.conftest import Site, event
from tests.registry_world import ROOT, actor, make_user
from tests.smtp_server import Smtp, smtp_server

MAIL, MQTT = Outgoing.Sink.MAIL, Outgoing.Sink.MQTT


@pytest.fixture
def published(settings: Settings) -> None:
    was = settings.CONFIGURATION
    settings.CONFIGURATION = was.model_copy(update={"mqtt": was.mqtt.model_copy(update={"publish_assets": True})})


def put(key: str, **more: object) -> Outgoing:
    return outgoing.put(sink=MQTT, topic=f"t/{key}", key=key, payload={"n": 1}, **more)  # type: ignore[arg-type]


@pytest.mark.django_db
class TestTheQueue:
    def test_messages_of_one_key_keep_their_order_while_one_of_them_waits(self) -> None:
        first, other, second = put("a"), put("b"), put("a")
        assert [m.pk for m in outgoing.due(MQTT, most=9)] == [first.pk, other.pk, second.pk]
        outgoing.put_off(first, "not now", jitter=0.5)
        assert [m.pk for m in outgoing.due(MQTT, most=9)] == [other.pk]
        Outgoing.objects.filter(pk=first.pk).update(next_at=timezone.now())
        assert [m.pk for m in outgoing.due(MQTT, most=9)] == [first.pk, other.pk, second.pk]
        assert outgoing.arrived([first.pk, other.pk]) == set()
        assert [m.pk for m in outgoing.due(MQTT, most=9)] == [second.pk]

    def test_what_replaces_leaves_one(self) -> None:
        for _ in range(3):
            last = put("a", replaces=True)
        put("b", replaces=True)
        assert outgoing.due(MQTT, most=9)[0].pk == last.pk
        assert Outgoing.objects.count() == 2

    def test_pauses_double_and_end(self) -> None:
        message = put("a")
        pauses = []
        for _ in range(outgoing.ATTEMPTS - 1):
            before = timezone.now()
            assert not outgoing.put_off(message, "4xx", jitter=1.0)
            message.refresh_from_db()
            pauses.append(round((message.next_at - before).total_seconds()))
        assert pauses[:4] == [15, 30, 60, 120]
        assert max(pauses) == 3600
        assert outgoing.put_off(message, "4xx", jitter=1.0)
        message.refresh_from_db()
        assert message.dead
        assert message.error == "given up after 12 attempts: 4xx"
        assert not outgoing.due(MQTT, most=9)
        Outgoing.objects.update(created_at=timezone.now() - timedelta(days=31))
        outgoing.trim()
        assert not Outgoing.objects.exists()

    def test_far_too_many_for_the_broker_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outgoing, "MQTT_KEPT", 2)
        kept = [put("a") for _ in range(5)][-2:]
        assert outgoing.trim() == 3
        assert [m.pk for m in outgoing.due(MQTT, most=9)] == [m.pk for m in kept]

    def test_the_dead_are_for_administrators(self) -> None:
        message = put("a")
        outgoing.give_up(message, "no")
        with pytest.raises(Forbidden):
            outgoing.undelivered(actor(make_user(role="manager")))
        assert [m.pk for m in outgoing.undelivered(ROOT)] == [message.pk]
        outgoing.repeat(by=ROOT, message_id=message.pk)
        assert [m.pk for m in outgoing.due(MQTT, most=9)] == [message.pk]

    def test_without_a_mail_server_nobody_waits_for_a_mail(self) -> None:
        with pytest.raises(Invalid, match="no mail server"):
            outgoing.mail(to="a@example.com", subject="x", text="y")


@pytest.mark.django_db
class TestAssetTopics:
    def test_off_nothing_is_written(self, site: Site, drill: Asset) -> None:
        site.tell(event("arrived", "tag:drill", "hall"))
        assert not Outgoing.objects.exists()

    def test_each_event_once_and_the_newest_position(self, published: None, site: Site, drill: Asset, hall: Location) -> None:
        first = site.record(event("arrived", "tag:drill", "hall", 1))
        site.deliver(first)
        map_zone(by=ROOT, zone=Zone.objects.get(name="hall"), location=hall)
        site.tell(event("moved", "tag:drill", "dock", 2), event("seen", "tag:nobody", "dock", 3))
        site.deliver(first)
        told = [m for m in outgoing.due(MQTT, most=99) if m.topic.endswith("/events")]
        assert [(m.payload or {})["kind"] for m in told] == ["arrived", "moved"]
        assert len({(m.payload or {})["event_id"] for m in told}) == 2
        [position] = [m for m in outgoing.due(MQTT, most=99) if m.topic.endswith("/position")]
        assert position.topic == f"sightpost/1/assets/{drill.asset_no}/position"
        assert position.retain
        said = position.payload or {}
        assert (said["state"], said["zone"], said["place"]) == ("present", "dock", None)
        map_zone(by=ROOT, zone=Zone.objects.get(name="dock"), location=hall)
        project_changed_identifiers()
        [position] = [m for m in outgoing.due(MQTT, most=99) if m.topic.endswith("/position")]
        assert (position.payload or {})["place"]["name"] == "Hall"


@pytest.mark.django_db
class TestMail:
    @pytest.fixture
    def section(self, settings: Settings, smtp: Smtp) -> MailSection:
        section = MailSection(host="127.0.0.1", port=smtp.port, starttls=False, sender="Sightpost <assets@example.com>")
        settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": section})
        return section

    @pytest.fixture(name="smtp")
    def _smtp(self) -> object:
        with smtp_server() as smtp:
            yield smtp

    def send(self, section: MailSection) -> Counter[str]:
        counts: Counter[str] = Counter()
        to_mail.send_due(section, counts, Random(1), stopping=lambda: False)
        return counts

    def test_it_arrives_as_it_was_put(self, section: MailSection, smtp: Smtp) -> None:
        file = outgoing.Attached("värt.csv", "text/csv", b"a;b\r\n.;1\r\n")
        [row, _] = outgoing.mail(
            to=["o@example.com", "p@example.com"], subject="Wert: 5 €", text="Hi\n.dot\n", attachments=[file]
        )
        assert self.send(section) == {"sent_mail": 2}
        assert not Outgoing.objects.exists()
        assert smtp.connections == 1
        mail = smtp.accepted[0]
        assert (mail["To"], mail["Subject"], mail["From"]) == ("o@example.com", "Wert: 5 €", "Sightpost <assets@example.com>")
        assert mail["Message-ID"] == f"<{row.pk}@example.com>"
        assert mail.get_body().get_content().replace("\r\n", "\n") == "Hi\n.dot\n"  # type: ignore[union-attr]
        [attached] = mail.iter_attachments()
        assert attached.get_filename() == "värt.csv"
        assert attached.get_content().replace("\r\n", "\n") == "a;b\n.;1\n"

    @pytest.mark.parametrize("at", ["RCPT", "DATA", "TEXT"])
    def test_refused_for_good_it_is_kept_with_the_reason(self, section: MailSection, smtp: Smtp, at: str) -> None:
        smtp.answers[at] = b"550 no such box"
        outgoing.mail(to="o@example.com", subject="s", text="t")
        assert self.send(section) == {"dead_mail": 1}
        row = Outgoing.objects.get()
        assert (row.dead, row.error) == (True, "127.0.0.1 said 550 no such box")

    @pytest.mark.parametrize("at", ["RCPT", "TEXT"])
    def test_refused_for_now_it_is_tried_again(self, section: MailSection, smtp: Smtp, at: str) -> None:
        smtp.answers[at] = b"451 later"
        outgoing.mail(to="o@example.com", subject="s", text="t")
        assert self.send(section) == {"deferred_mail": 1}
        row = Outgoing.objects.get()
        assert (row.dead, row.attempts, row.handed_over_at) == (False, 1, None)
        smtp.answers.clear()
        Outgoing.objects.update(next_at=timezone.now())
        assert self.send(section) == {"sent_mail": 1}
        assert len(smtp.accepted) == 1

    def test_nobody_there_is_nobodys_fault(self, section: MailSection, smtp: Smtp) -> None:
        outgoing.mail(to="o@example.com", subject="s", text="t")
        with pytest.raises(to_mail.ServerUnavailable, match="nothing listens there"):
            self.send(section.model_copy(update={"port": 1}))
        assert Outgoing.objects.get().attempts == 0
        assert self.send(section) == {"sent_mail": 1}

    def test_a_database_that_fails_behind_the_servers_word_doubles_nothing(
        self, section: MailSection, smtp: Smtp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> None:
            raise OperationalError("disk full")

        outgoing.mail(to="o@example.com", subject="s", text="t")
        with monkeypatch.context() as patched:
            patched.setattr(outgoing, "arrived", fail)
            with pytest.raises(OperationalError):
                self.send(section)
        assert self.send(section) == {"uncertain_mail": 1}
        assert len(smtp.accepted) == 1
        assert Outgoing.objects.get().dead

    def test_a_word_that_never_comes_leaves_it_uncertain(
        self, section: MailSection, smtp: Smtp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(to_mail, "TIMEOUT_S", 0.3)
        smtp.hold_after_text = True
        outgoing.mail(to="o@example.com", subject="s", text="t")
        with pytest.raises(to_mail.ServerUnavailable):
            self.send(section)
        row = Outgoing.objects.get()
        assert row.dead
        assert row.error.startswith("perhaps sent")
        assert self.send(section) == {}, "not by itself"
        assert len(smtp.accepted) == 1
