"""Handing out and taking back: all or none, with kits, the custodian beside it, and only for those who may."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registry.access.models import Change, Person
from registry.assets.models import Asset, Containment, Location
from registry.assets.services import register_asset
from registry.assets.trees import create_location
from registry.custody import bookings, services
from registry.custody.models import Booking, BookingItem, Custody
from registry.problems import Forbidden, Invalid, NotFound, Problem, Several, Stale, Taken
from registry.work.models import Outgoing
from tests.registry_world import ROOT, actor, make_user

DAY = timedelta(days=1)


@pytest.fixture
def site(db: None) -> Location:
    return create_location(by=ROOT, name="Hamburg", kind="site")


@pytest.fixture
def anna(db: None) -> Person:
    return Person.objects.create(name="Anna", email="anna@example.com")


@pytest.fixture
def ben(db: None) -> Person:
    return Person.objects.create(name="Ben")


@pytest.fixture
def tools(site: Location) -> Sequence[Asset]:
    return [register_asset(by=ROOT, name=name, home_location=site) for name in ("Drill", "Saw", "Ladder")]


def out(assets: Sequence[Asset], person: Person, **more: Any) -> services.CheckedOut:
    return services.check_out(by=ROOT, asset_ids=[a.pk for a in assets], person_id=person.pk, **more)


def custodians_agree() -> None:
    """What stands beside the asset is what the open custody says."""
    open_ones = dict(Custody.objects.out().values_list("asset", "person"))
    for pk, custodian in Asset.objects.values_list("pk", "custodian"):
        assert custodian == open_ones.get(pk)


def test_out_and_back(tools: Sequence[Asset], anna: Person, site: Location) -> None:
    made = out(tools, anna, due_at=timezone.now() + DAY, note="for the roof")
    assert [c.asset for c in made.custodies] == list(tools)
    assert made.link_secret
    custodians_agree()
    assert Asset.objects.get(pk=tools[0].pk).version == 2
    services.check_in(by=ROOT, asset_ids=[tools[0].pk], location=site, condition=2, note="bent")
    custodians_agree()
    drill = Asset.objects.get(pk=tools[0].pk)
    assert (drill.condition, drill.custodian) == (2, None)
    back = Custody.objects.get(asset=drill)
    assert (back.returned_to, back.condition_in, back.note_in) == (site, 2, "bent")
    verbs = Change.objects.of("asset", drill.pk).values_list("action", flat=True)
    assert list(verbs) == ["checked in", "checked out", "created"]


def test_all_or_none(tools: Sequence[Asset], anna: Person, ben: Person) -> None:
    out(tools[1:], ben)
    with pytest.raises(Several) as refused:
        out(tools, anna)
    assert "Ben" in refused.value.text
    assert Custody.objects.filter(person=anna).count() == 0
    custodians_agree()


def test_to_a_place_or_a_van_nobody_is_custodian(tools: Sequence[Asset], site: Location) -> None:
    drill, saw, ladder = tools
    services.check_out(by=ROOT, asset_ids=[drill.pk], location=site)
    services.check_out(by=ROOT, asset_ids=[saw.pk], holder_id=ladder.pk)
    custodians_agree()
    with pytest.raises(Invalid):
        services.check_out(by=ROOT, asset_ids=[ladder.pk], holder_id=ladder.pk)
    with pytest.raises(Invalid, match="say who gets it"):
        services.check_out(by=ROOT, asset_ids=[ladder.pk])


def test_a_kit_goes_and_comes_with_what_belongs_to_it(tools: Sequence[Asset], anna: Person) -> None:
    kit = register_asset(by=ROOT, name="Kit")
    for part in tools[:2]:
        Containment.objects.create(asset=part, container=kit, kind="kit", from_ts=timezone.now(), projected=True)
    Containment.objects.create(asset=tools[2], container=kit, kind="contents", from_ts=timezone.now(), projected=True)
    assert len(out([kit], anna).custodies) == 3
    assert len(services.check_in(by=ROOT, asset_ids=[kit.pk])) == 3
    assert not Custody.objects.out().exists()


def test_hand_over_and_extend(tools: Sequence[Asset], anna: Person, ben: Person) -> None:
    out(tools[:1], anna)
    made = services.hand_over(by=ROOT, asset_ids=[tools[0].pk], person_id=ben.pk, due_at=timezone.now() + DAY)
    custodians_agree()
    later = timezone.now() + 3 * DAY
    assert services.extend(by=ROOT, custody_id=made.custodies[0].pk, due_at=later).due_at == later
    with pytest.raises(Invalid, match="past"):
        services.extend(by=ROOT, custody_id=made.custodies[0].pk, due_at=timezone.now() - DAY)


def test_a_link_accepts_once(tools: Sequence[Asset], anna: Person) -> None:
    secret = out(tools, anna).link_secret
    assert secret is not None
    assert not Custody.objects.filter(token_hash__contains=secret).exists()
    assert services.by_secret("x" * 43) == []
    offered = services.by_secret(secret)
    assert len(offered) == 3
    services.accept(custodies=offered, name="Anna A.", signature=None, by=ROOT)
    assert set(Custody.objects.values_list("accepted_as", flat=True)) == {"Anna A."}
    with pytest.raises(Invalid, match="already"):
        services.accept(custodies=offered, name="Mallory", signature=None, by=ROOT)
    fresh = services.new_link(by=ROOT, custody_id=offered[0].pk)
    assert services.by_secret(secret) == []
    assert len(services.by_secret(fresh)) == 3
    services.check_in(by=ROOT, asset_ids=[a.pk for a in tools])
    assert services.by_secret(fresh) == []


def test_rights_and_scope(tools: Sequence[Asset], anna: Person, site: Location) -> None:
    other = create_location(by=ROOT, name="Bremen", kind="site")
    ids = [a.pk for a in tools]
    viewer = actor(make_user("viewer", "viewer"))
    elsewhere = actor(make_user("elsewhere", "operator", place=other))
    here = actor(make_user("here", "operator", place=site))
    with pytest.raises(Forbidden):
        services.check_out(by=viewer, asset_ids=ids, person_id=anna.pk)
    with pytest.raises(NotFound):
        services.check_out(by=elsewhere, asset_ids=ids, person_id=anna.pk)
    with pytest.raises(NotFound):
        services.check_out(by=here, asset_ids=ids, location=other)
    made = services.check_out(by=here, asset_ids=ids, location=site).custodies
    for by, refusal in ((viewer, Forbidden), (elsewhere, NotFound)):
        with pytest.raises(refusal):
            services.extend(by=by, custody_id=made[0].pk, due_at=None)
        with pytest.raises(refusal):
            services.check_in(by=by, asset_ids=ids)
    assert not Custody.objects.visible_to(elsewhere).exists()
    assert Custody.objects.visible_to(viewer).count() == 3


def test_reminded_once_for_each_due_date(tools: Sequence[Asset], anna: Person, ben: Person, settings: Any) -> None:
    from registry.custody import reminders

    made = out(tools[:2], anna, due_at=timezone.now() + timedelta(hours=5)).custodies
    out(tools[2:], ben, due_at=timezone.now() + timedelta(hours=5))  # without an address
    assert reminders.remind() == 0  # without a mail server nothing is written, and nothing counts as sent
    mail = settings.CONFIGURATION.mail.model_copy(update={"host": "mail.example.com"})
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"mail": mail})
    assert reminders.remind() == 1
    assert reminders.remind() == 0
    [message] = Outgoing.objects.all()
    assert message.topic == "anna@example.com"
    payload: Any = message.payload
    assert tools[0].asset_no in payload["text"]
    services.extend(by=ROOT, custody_id=made[0].pk, due_at=timezone.now() + timedelta(hours=20))
    assert reminders.remind() == 1


def book(assets: Sequence[Asset], person: Person, start: float, end: float, **more: Any) -> Booking:
    now, ids = timezone.now(), [a.pk for a in assets]
    span: dict[str, Any] = {"from_at": now + start * DAY, "to_at": now + end * DAY}
    return bookings.book(by=ROOT, title="Fair", person_id=person.pk, asset_ids=ids, **span, **more)


def test_a_booking_holds_what_it_has(tools: Sequence[Asset], anna: Person, ben: Person) -> None:
    book(tools, anna, 1, 3)
    with pytest.raises(Problem, match="is booked from"):
        book(tools[:1], ben, 2, 4)
    request = book(tools[:1], ben, 2, 4, confirmed=False)
    with pytest.raises(Taken):
        bookings.confirm(by=ROOT, booking_id=request.pk)
    with pytest.raises(Stale):
        bookings.cancel(by=ROOT, booking_id=request.pk, version=7)
    book(tools[:1], ben, 3, 4)
    assert Booking.objects.filter(state="confirmed").count() == 2


def test_nothing_goes_out_over_a_booking_unless_said(tools: Sequence[Asset], anna: Person, ben: Person) -> None:
    book(tools[:1], anna, 1, 3)
    with pytest.raises(Taken, match="booked for Anna"):
        out(tools[:1], ben)
    with pytest.raises(Taken):
        out(tools[:1], ben, due_at=timezone.now() + 2 * DAY)
    out(tools[:1], ben, due_at=timezone.now() + timedelta(hours=3))
    services.check_in(by=ROOT, asset_ids=[tools[0].pk])
    out(tools[:1], ben, over_bookings=True)
    services.check_in(by=ROOT, asset_ids=[tools[0].pk])
    out(tools[:1], anna)  # her own booking does not stand against her


def test_what_is_out_cannot_be_booked_before_it_is_due(tools: Sequence[Asset], anna: Person, ben: Person) -> None:
    out(tools[:1], ben, due_at=timezone.now() + 2 * DAY)
    out(tools[1:2], ben)
    with pytest.raises(Taken, match="checked out"):
        book(tools[:1], anna, 1, 3)
    with pytest.raises(Taken, match="until further notice"):
        book(tools[1:2], anna, 300, 301)
    book(tools[:1], anna, 2.1, 3)


def test_a_booking_becomes_a_check_out_and_is_done_when_all_is_back(tools: Sequence[Asset], anna: Person) -> None:
    booking = book(tools, anna, 0, 3)
    made = bookings.hand_out(by=ROOT, booking_id=booking.pk, version=booking.version)
    assert {c.due_at for c in made.custodies} == {booking.to_at}
    booking.refresh_from_db()
    assert booking.state == "active"
    services.check_in(by=ROOT, asset_ids=[tools[0].pk])
    booking.refresh_from_db()
    assert booking.state == "active"
    services.check_in(by=ROOT, asset_ids=[a.pk for a in tools[1:]])
    booking.refresh_from_db()
    assert booking.state == "done"
    assert not BookingItem.objects.filter(active=True).exists()
    custodians_agree()
