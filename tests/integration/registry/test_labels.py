"""Codes of our own and their labels, in a real database: who gets which, what is printed, and that it leads to the asset."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings

from identity.resolve import resolve_barcode, resolve_epc
from registry.access.models import Change
from registry.assets.models import Asset, Identifier, Numbering
from registry.assets.services import add_identifier, register_asset, resolve_code, retire_identifier
from registry.assets.trees import create_location
from registry.configuration import CompanySection, Configuration, LabelsSection
from registry.labels import services
from registry.labels.assigning import assign_keys
from registry.labels.choices import Choice, Output, Scheme
from registry.labels.marks import Carries, Symbol
from registry.problems import Forbidden, Invalid, NotFound, Several, Taken
from tests import labels_printed
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db
PREFIX = "4012345"


def company(**more: Any) -> Any:
    own = {"name": "Example Works", "gs1_prefix": PREFIX, "digital_link": "https://id.example.com"} | more
    return override_settings(CONFIGURATION=Configuration(company=CompanySection(**own)))


@pytest.fixture(autouse=True)
def _own_company() -> Iterator[None]:
    with company():
        yield


def assets(number: int, **more: Any) -> list[Asset]:
    return [register_asset(by=ROOT, name=f"Pump {n}", **more) for n in range(1, number + 1)]


def ids(some: list[Asset]) -> list[Any]:
    return [asset.pk for asset in some]


def keys_of(asset: Asset) -> list[str]:
    return [code.key for code in asset.identifiers.all()]


# ---- who gets which code -------------------------------------------------------------------------------------------------------


def test_assets_get_the_next_numbers_of_our_prefix_and_keep_them() -> None:
    some = assets(3)
    made = assign_keys(by=ROOT, asset_ids=ids(some), scheme=Scheme.GIAI)
    assert [one.key for one in made] == ["8004:40123451", "8004:40123452", "8004:40123453"]
    assert [one.asset_id for one in made] == ids(some)
    assert (made[0].raw, made[0].kind) == ("(8004)40123451", "barcode")
    assert assign_keys(by=ROOT, asset_ids=ids(some), scheme=Scheme.GIAI) == [], "whoever has one keeps it"
    assert assign_keys(by=ROOT, asset_ids=ids(some), scheme=Scheme.GRAI) == []
    [more] = assign_keys(by=ROOT, asset_ids=ids(some + assets(1)), scheme=Scheme.GIAI)
    assert more.key == "8004:40123454"


def test_a_grai_has_its_asset_type_check_digit_and_serials_of_their_own() -> None:
    first, second, third = assets(3)
    assign_keys(by=ROOT, asset_ids=[first.pk, second.pk], scheme=Scheme.GRAI, asset_type=12)
    assign_keys(by=ROOT, asset_ids=[third.pk], scheme=Scheme.GRAI, asset_type=7)
    assert [keys_of(one) for one in (first, second, third)] == [
        ["8003:040123450001221"], ["8003:040123450001222"], ["8003:040123450000781"],
    ]  # fmt: skip
    assert {row.series for row in Numbering.objects.filter(series__startswith="grai:")} == {
        "grai:401234500012",
        "grai:401234500007",
    }


def test_the_number_as_a_code_is_what_a_camera_makes_of_it() -> None:
    one = register_asset(by=ROOT, name="Pump", asset_no="INV  7/ä")
    [made] = assign_keys(by=ROOT, asset_ids=[one.pk], scheme=Scheme.NUMBER)
    assert made.key == resolve_barcode(one.asset_no.encode()).key == "tag:INV 7/ä"
    assert assign_keys(by=ROOT, asset_ids=[one.pk], scheme=Scheme.NUMBER) == []


def test_a_number_somebody_has_or_had_is_passed_over() -> None:
    first, second, third = assets(3)
    add_identifier(by=ROOT, asset=first, text="(8004)40123451")
    old = add_identifier(by=ROOT, asset=second, text="(8004)40123452")
    retire_identifier(by=ROOT, identifier_id=old.pk)
    made = assign_keys(by=ROOT, asset_ids=ids([first, second, third]), scheme=Scheme.GIAI)
    assert [(one.asset, one.key) for one in made] == [(second, "8004:40123453"), (third, "8004:40123454")]


def test_the_log_says_who_gave_which_code() -> None:
    one = assets(1)[0]
    by = actor(make_user("otto", "operator"))
    assign_keys(by=by, asset_ids=[one.pk], scheme=Scheme.GIAI)
    change = Change.objects.filter(object_id=str(one.pk)).latest("at")
    assert (change.action, change.after["code"], change.user) == ("code added", "8004:40123451", by.user_id)


def test_the_last_number_is_given_out_and_then_it_is_said_that_none_is_left() -> None:
    some = assets(2)
    Numbering.objects.create(series=f"giai:{PREFIX}", last=2**58 - 2)
    assert assign_keys(by=ROOT, asset_ids=[some[0].pk], scheme=Scheme.GIAI)[0].key == f"8004:{PREFIX}{2**58 - 1}"
    with pytest.raises(Invalid, match="no number is left for 1 more"):
        assign_keys(by=ROOT, asset_ids=[some[1].pk], scheme=Scheme.GIAI)
    assert keys_of(some[1]) == []


def test_all_or_none() -> None:
    some = assets(3)
    Numbering.objects.create(series=f"giai:{PREFIX}", last=2**58 - 3)
    with pytest.raises(Invalid, match="no number is left"):
        assign_keys(by=ROOT, asset_ids=ids(some), scheme=Scheme.GIAI)
    assert not Identifier.objects.exists()
    assert Numbering.objects.get(series=f"giai:{PREFIX}").last == 2**58 - 3


@pytest.mark.parametrize(
    ("scheme", "asset_type", "prefix", "said"),
    [
        (Scheme.GIAI, 0, None, r"gs1_prefix in registry\.toml"),
        (Scheme.GRAI, 100_000, PREFIX, "asset types 0 to 99999"),
        (Scheme.GRAI, 1, "401234512345", "asset types 0 to 0"),
    ],
)
def test_what_is_missing_or_wrong_is_a_sentence(scheme: Scheme, asset_type: int, prefix: str | None, said: str) -> None:
    some = assets(1)
    with company(gs1_prefix=prefix), pytest.raises(Invalid, match=said):
        assign_keys(by=ROOT, asset_ids=ids(some), scheme=scheme, asset_type=asset_type)


def test_a_number_that_is_anothers_code_is_named() -> None:
    first, second = assets(2)
    add_identifier(by=ROOT, asset=second, text=f"tag:{first.asset_no}")
    with pytest.raises(Several) as caught:
        assign_keys(by=ROOT, asset_ids=ids([first, second]), scheme=Scheme.NUMBER)
    assert isinstance(caught.value.problems[0], Taken)
    assert first.asset_no in caught.value.problems[0].text
    assert keys_of(first) == []


def test_only_who_may_handle_them_assigns_and_nobody_learns_of_others() -> None:
    here, there = create_location(by=ROOT, name="Here", kind="site"), create_location(by=ROOT, name="There", kind="site")
    ours, theirs = assets(1, home_location=here)[0], assets(1, home_location=there)[0]
    viewer, operator = actor(make_user("vera", "viewer")), actor(make_user("otto", "operator", place=here))
    with pytest.raises(Forbidden):
        assign_keys(by=viewer, asset_ids=[ours.pk], scheme=Scheme.GIAI)
    with pytest.raises(NotFound):
        assign_keys(by=operator, asset_ids=[ours.pk, theirs.pk], scheme=Scheme.GIAI)
    assert not Identifier.objects.exists()
    assert len(assign_keys(by=operator, asset_ids=[ours.pk], scheme=Scheme.GIAI)) == 1
    for choice in (Choice(), Choice(assign=True)):
        with pytest.raises(NotFound):
            services.print_labels(by=operator, asset_ids=[ours.pk, theirs.pk], choice=choice)


def test_a_thousand_at_once_and_not_one_more() -> None:
    with pytest.raises(Invalid, match="1000 at most"):
        assign_keys(by=ROOT, asset_ids=[uuid4() for _ in range(1001)], scheme=Scheme.GIAI)
    many = Asset.objects.bulk_create([Asset(asset_no=f"X-{n}", name="Crate") for n in range(1000)])
    assert len(assign_keys(by=ROOT, asset_ids=ids(many), scheme=Scheme.GIAI)) == 1000


@pytest.mark.django_db(transaction=True)
def test_two_at_once_never_give_out_the_same_number() -> None:
    some = assets(24)
    made: list[str] = []
    wrong: list[BaseException] = []

    def work(share: list[Asset]) -> None:
        try:
            for asset in share:
                made.extend(one.key for one in assign_keys(by=ROOT, asset_ids=[asset.pk], scheme=Scheme.GIAI))
        except BaseException as exc:  # noqa: BLE001 - said in the main thread
            wrong.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(some[n::3],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert sorted(made) == sorted(f"8004:{PREFIX}{n}" for n in range(1, 25))


# ---- what is printed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "carries"),
    [
        (Symbol.QR, Carries.LINK), (Symbol.DATA_MATRIX, Carries.GS1), (Symbol.CODE_128, Carries.GS1),
        (Symbol.QR, Carries.NUMBER), (Symbol.DATA_MATRIX, Carries.NUMBER), (Symbol.CODE_128, Carries.NUMBER),
    ],
)  # fmt: skip
def test_every_printed_symbol_leads_to_its_asset(symbol: Symbol, carries: Carries) -> None:
    some = assets(2)
    choice = Choice(stock="roll-57x32", symbol=symbol, carries=carries, assign=True)
    pages = labels_printed.pages(services.print_labels(by=ROOT, asset_ids=ids(some), choice=choice))
    for page, asset in zip(pages, some, strict=True):
        [read] = labels_printed.read(page)
        key = resolve_barcode(read.payload, read.symbology).key
        assert Identifier.objects.get(key=key, state="active").asset == asset
        typed = read.symbology + read.payload.decode() if read.symbology in ("]d2", "]C1") else read.payload.decode()
        assert resolve_code(typed, by=ROOT).asset == asset


def test_the_tag_leads_to_the_same_asset_as_the_label_around_it() -> None:
    some = assets(2)
    choice = Choice(stock="roll-57x32", symbol=Symbol.DATA_MATRIX, carries=Carries.GS1, assign=True, output=Output.ZPL, tags=True)
    made = services.print_labels(by=ROOT, asset_ids=ids(some), choice=choice).decode()
    formats = [labels_printed.commands(one + "^XZ") for one in made.split("^XZ")[:-1]]
    for asset, commands in zip(some, formats, strict=True):
        fields = [labels_printed.field(one.rest) for one in commands if one.name == "FD"]
        tag, symbol = bytes.fromhex(fields[0]), fields[1].removeprefix("_1").encode()
        assert resolve_epc(tag).key == resolve_barcode(symbol, "]d2").key
        assert resolve_code(fields[0], by=ROOT).asset == asset


def test_a_label_with_the_number_may_hold_a_tag_with_the_key() -> None:
    [one] = assets(1)
    choice = Choice(stock="roll-57x32", assign=True, output=Output.ZPL, tags=True)
    services.print_labels(by=ROOT, asset_ids=[one.pk], choice=choice)
    assert sorted(keys_of(one)) == ["8004:40123451", f"tag:{one.asset_no}"]


def test_labels_come_in_the_order_asked_for_each_once() -> None:
    first, second, third = assets(3)
    order = [third.pk, first.pk, second.pk, first.pk]
    choice = Choice(stock="avery-l7160", symbol=Symbol.DATA_MATRIX)
    [page] = labels_printed.pages(services.print_labels(by=ROOT, asset_ids=order, choice=choice))
    assert [read.payload.decode() for read in labels_printed.read(page)] == [third.asset_no, first.asset_no, second.asset_no]


def test_without_assigning_nothing_is_written_and_who_lacks_a_key_is_named() -> None:
    first, second = assets(2)
    assign_keys(by=ROOT, asset_ids=[first.pk], scheme=Scheme.GIAI)
    before = Identifier.objects.count(), Change.objects.count()
    choice = Choice(symbol=Symbol.DATA_MATRIX, carries=Carries.GS1)
    with pytest.raises(Invalid, match=f"{second.asset_no} has no GS1 key") as caught:
        services.print_labels(by=ROOT, asset_ids=ids([first, second]), choice=choice)
    assert caught.value.field == "assign"
    assert services.print_labels(by=actor(make_user("vera", "viewer")), asset_ids=[first.pk], choice=choice)[:4] == b"%PDF"
    assert (Identifier.objects.count(), Change.objects.count()) == before


def test_what_does_not_fit_is_refused_before_a_number_is_given_out() -> None:
    some = assets(2)
    choice = Choice(stock="avery-l4731", symbol=Symbol.CODE_128, carries=Carries.GS1, assign=True)
    with pytest.raises(Invalid, match="Avery L4731 has"):
        services.print_labels(by=ROOT, asset_ids=ids(some), choice=choice)
    assert not Identifier.objects.exists()


def test_a_longer_number_further_down_is_tried_too() -> None:
    some = [*assets(1), register_asset(by=ROOT, name="Pump", asset_no="N" * 40)]
    choice = Choice(stock="roll-57x32", symbol=Symbol.CODE_128, assign=True)
    with pytest.raises(Invalid, match="needs at least"):
        services.print_labels(by=ROOT, asset_ids=ids(some), choice=choice)
    assert not Identifier.objects.exists()


def test_a_suppliers_key_is_printed_but_a_tag_needs_one_of_ours() -> None:
    [one] = assets(1)
    add_identifier(by=ROOT, asset=one, text="(01)80614141123458(21)6789")
    choice = Choice(stock="roll-57x32", symbol=Symbol.DATA_MATRIX, carries=Carries.GS1)
    [page] = labels_printed.pages(services.print_labels(by=ROOT, asset_ids=[one.pk], choice=choice))
    assert labels_printed.read(page)[0].payload == b"0180614141123458216789"
    tagged = Choice(stock="roll-57x32", symbol=Symbol.DATA_MATRIX, carries=Carries.GS1, output=Output.ZPL, tags=True)
    with pytest.raises(Invalid, match="no GS1 key of your prefix, which a tag needs"):
        services.print_labels(by=ROOT, asset_ids=[one.pk], choice=tagged)


def test_our_own_key_is_printed_rather_than_a_suppliers_and_the_older_rather_than_the_newer() -> None:
    assert (
        services.best_key(["01+21:80614141123458|6", "8004:061414999", "8004:40123457", "8004:40123459"], PREFIX)
        == "8004:40123457"
    )
    assert services.best_key(["01+21:80614141123458|6", "8004:061414999"], PREFIX) == "8004:061414999"
    assert services.best_key(["8003:04012345000127", "tag:A-1", "uii:00"], PREFIX) is None, "a kind of thing is not the thing"


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (Choice(stock="nope"), "stock"),
        (Choice(symbol=Symbol.CODE_128, carries=Carries.LINK), "carries"),
        (Choice(symbol=Symbol.QR, carries=Carries.GS1), "carries"),
        (Choice(output=Output.ZPL), "stock"),
        (Choice(stock="tape-12", output=Output.ZPL, dpi=150), "dpi"),
        (Choice(tags=True), "tags"),
        (Choice(start=22), "start"),
        (Choice(scheme=Scheme.NUMBER), "scheme"),
    ],
)
def test_what_does_not_go_together_is_said_at_its_field(choice: Choice, field: str) -> None:
    some = assets(1)
    for refused in (services.print_labels, services.preview):
        with pytest.raises(Invalid) as caught:
            refused(by=ROOT, asset_ids=ids(some), choice=choice)
        assert caught.value.field == field


def test_none_and_too_many_are_sentences() -> None:
    with pytest.raises(Invalid, match="at least one"):
        services.print_labels(by=ROOT, asset_ids=[], choice=Choice())
    one = assets(1)[0]
    many = [type(one.pk)(int=n) for n in range(5001)]
    with pytest.raises(Invalid, match="5,000 labels at most"):
        services.print_labels(by=ROOT, asset_ids=many, choice=Choice())


def test_check_names_settings_that_would_disappoint(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    with (
        company(),
        override_settings(
            CONFIGURATION=settings.CONFIGURATION.model_copy(
                update={"labels": LabelsSection(fonts=[broken, tmp_path / "none.ttf"])}
            )
        ),
    ):
        said = [str(finding) for finding in run_checks() if str(finding.id).startswith("labels.")]
    assert len(said) == 3
    assert "broken.ttf of [labels] cannot be used" in said[0]
    assert "none.ttf of [labels] cannot be used" in said[1]
    assert "lead to id.example.com, which [web] allowed_hosts does not let in" in said[2]
    with company(digital_link=None):
        assert [one for one in run_checks() if str(one.id).startswith("labels.")] == []


# ---- what is shown before ------------------------------------------------------------------------------------------------------


def test_a_preview_assigns_nothing_and_says_what_will_be() -> None:
    first, second = assets(2)
    assign_keys(by=ROOT, asset_ids=[second.pk], scheme=Scheme.GIAI)
    choice = Choice(symbol=Symbol.QR, carries=Carries.LINK, assign=True, start=21)
    shown = services.preview(by=ROOT, asset_ids=ids([first, second]), choice=choice)
    assert "(8004)40123452" in shown.svg
    assert shown.pages == 2
    assert shown.coming == ["1 of 2 assets will get a GIAI, the first the one shown."]
    assert shown.notes == []
    assert (shown.sheet.count('class="gone"'), shown.sheet.count('class="printed"')) == (20, 1)
    assert keys_of(first) == []


def test_a_preview_tells_of_letters_that_are_lost_and_of_tags_that_are_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    one = register_asset(by=ROOT, name="Pump \ue000")  # no font has a private character
    add_identifier(by=ROOT, asset=one, text="(8004)4012345ABC")
    choice = Choice(stock="roll-57x32", output=Output.ZPL, tags=True)
    notes = services.preview(by=ROOT, asset_ids=[one.pk], choice=choice).notes
    assert any("\ue000" in note and one.asset_no in note and "printed as ?" in note for note in notes)
    assert any("does not fit 96 bits" in note for note in notes)
    assert any("do not know 1 asset by the number yet" in note for note in notes)
