"""What may be done to assets, codes, trees, people and tokens, and how a refusal reads."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from registry.access.models import ApiToken, User
from registry.access.services import authenticate_token, create_administrator, issue_token, revoke_token, set_password
from registry.assets import trees
from registry.assets.models import Asset, Category, Identifier, Location
from registry.assets.services import (
    NewIdentifier,
    add_identifier,
    change_asset,
    register_asset,
    resolve_code,
    retire_identifier,
)
from registry.problems import Invalid, NotFound, Stale, Taken
from tests.integration.registry.conftest import make_asset
from tests.registry_world import ROOT


@pytest.mark.django_db
def test_numbers_are_given_out_and_skip_what_is_taken() -> None:
    register_asset(by=ROOT, name="a", asset_no="A-000002")
    assert [register_asset(by=ROOT, name="x").asset_no for _ in range(3)] == ["A-000001", "A-000003", "A-000004"]
    with pytest.raises(Taken, match="taken"):
        register_asset(by=ROOT, name="b", asset_no="A-000002")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "a", "kind": "spaceship"}, "kind"),
        ({"name": "a", "status": "lost"}, "status"),
        ({"name": "a", "identifiers": [NewIdentifier(" ")]}, "identifier"),
        ({"name": "a", "identifiers": [NewIdentifier("01:09501101530003")]}, "identifier"),
        ({"name": "a", "identifiers": [NewIdentifier("tag:a", "smell")]}, "kind"),
    ],
)
def test_what_cannot_be_registered(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        register_asset(by=ROOT, **wrong)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert not Asset.objects.exists()


@pytest.mark.django_db
def test_text_is_folded_to_one_line() -> None:
    assert register_asset(by=ROOT, name="  Cordless \t drill\n ").name == "Cordless drill"


@pytest.mark.django_db
def test_a_change_needs_the_version_that_was_seen() -> None:
    asset = register_asset(by=ROOT, name="Drill")
    changed = change_asset(by=ROOT, asset_id=asset.pk, version=1, changes={"name": "Drill 18 V", "status": "in_stock"})
    assert (changed.name, changed.status, changed.version) == ("Drill 18 V", "in_stock", 2)
    with pytest.raises(Stale, match="version 2, you saw 1"):
        change_asset(by=ROOT, asset_id=asset.pk, version=1, changes={"name": "Saw"})
    with pytest.raises(Invalid):
        change_asset(by=ROOT, asset_id=asset.pk, version=2, changes={"version": 9})
    other = register_asset(by=ROOT, name="Saw")
    with pytest.raises(Taken):
        change_asset(by=ROOT, asset_id=other.pk, version=1, changes={"asset_no": asset.asset_no})
    with pytest.raises(NotFound):
        change_asset(by=ROOT, asset_id=Location().pk, version=1, changes={})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "key", "kind"),
    [
        ("3474257BF40000000000162E", "8004:06141415678", "epc"),
        ("urn:epc:id:giai:0614141.5678", "8004:06141415678", "epc"),
        ("(8004)06141415678", "8004:06141415678", "barcode"),
        ("https://id.gs1.org/8004/06141415678", "8004:06141415678", "barcode"),
        ("INV 0042", "tag:INV 0042", "barcode"),
        ("E28011606000020400004F5A", "uii:E28011606000020400004F5A", "epc"),
        ("tid:E2801160600002040000", "tid:E2801160600002040000", "tid"),
    ],
)
def test_any_form_of_a_code_is_one_key(text: str, key: str, kind: str) -> None:
    asset = register_asset(by=ROOT, name="a", identifiers=[NewIdentifier(text)])
    identifier = asset.identifiers.get()
    assert (identifier.key, identifier.kind, identifier.raw, identifier.state) == (key, kind, text, "active")
    found = resolve_code(text, by=ROOT)
    assert (found.identity.key, found.asset) == (key, asset)


@pytest.mark.django_db
def test_a_code_belongs_to_one_asset_at_a_time() -> None:
    first, second = make_asset("drill"), make_asset("saw")
    with pytest.raises(Taken, match=f"asset {first.asset_no} has tag:drill"):
        add_identifier(by=ROOT, asset=second, text="tag:drill")
    retired = retire_identifier(by=ROOT, identifier_id=first.identifiers.get().pk)
    assert resolve_code("tag:drill", by=ROOT).asset is None
    assert add_identifier(by=ROOT, asset=second, text="tag:drill").valid_from == retired.valid_to
    with pytest.raises(Invalid, match="retired already"):
        retire_identifier(by=ROOT, identifier_id=retired.pk)
    assert Identifier.objects.count() == 3


@pytest.mark.django_db
def test_a_label_without_symbology_is_read_a_second_way_only_if_that_is_known() -> None:
    asset = register_asset(by=ROOT, name="a", identifiers=[NewIdentifier("8004:06141415678")])
    assert resolve_code("800406141415678", by=ROOT).asset == asset
    assert resolve_code("800499999", by=ROOT).identity.key == "tag:800499999"


@pytest.mark.django_db
def test_trees_keep_one_name_per_branch_and_move_with_all_below() -> None:
    it = trees.create_category(by=ROOT, name="IT")
    laptops = trees.create_category(by=ROOT, name="Laptops", parent=it)
    trees.create_category(by=ROOT, name="Thin", parent=laptops)
    office = trees.create_category(by=ROOT, name="Office")
    with pytest.raises(Taken, match="taken"):
        trees.create_category(by=ROOT, name="Laptops", parent=it)
    moved = trees.move_category(by=ROOT, category=laptops, parent=office)
    assert trees.names_to(Category.objects.get(name="Thin")) == ["Office", "Laptops", "Thin"]
    with pytest.raises(Invalid, match="inside itself"):
        trees.move_category(by=ROOT, category=Category.objects.get(name="Office"), parent=moved)
    top = trees.move_category(by=ROOT, category=Category.objects.get(name="Laptops"), parent=None)
    assert trees.names_to(top) == ["Laptops"]
    assert trees.move_category(by=ROOT, category=top, parent=None).pk == top.pk
    with pytest.raises(Invalid, match="not empty"):
        trees.delete_category(by=ROOT, category=top)
    trees.delete_category(by=ROOT, category=Category.objects.get(name="Thin"))
    register_asset(by=ROOT, name="x", category=Category.objects.get(name="Laptops"))
    with pytest.raises(Invalid, match="in use by 1"):
        trees.delete_category(by=ROOT, category=Category.objects.get(name="Laptops"))
    with pytest.raises(Taken):
        trees.change_category(by=ROOT, category=Category.objects.get(name="IT"), name="Office")


@pytest.mark.django_db
def test_places_get_a_code_of_their_own() -> None:
    site = trees.create_location(by=ROOT, name="Hamburg", kind="site")
    hall = trees.create_location(by=ROOT, name="Halle Süd", parent=site)
    again = trees.create_location(by=ROOT, name="Halle  Sud", parent=site)
    assert (site.code, hall.code, again.code) == ("HAMBURG", "HAMBURG-HALLE-SUD", "HAMBURG-HALLE-SUD-2")
    with pytest.raises(Taken, match="taken"):
        trees.create_location(by=ROOT, name="Other", code="HAMBURG")
    with pytest.raises(Taken):
        trees.change_location(by=ROOT, location=hall, code="HAMBURG")
    hall.refresh_from_db()
    assert trees.change_location(by=ROOT, location=hall, name="South hall", kind="building").code == "HAMBURG-HALLE-SUD"
    deep = site
    for n in range(62):  # 63 levels of 4 characters: a path has 255
        deep = trees.create_location(by=ROOT, name=f"n{n}", code=f"n{n}", parent=deep)
    with pytest.raises(Invalid, match="too deep"):
        trees.create_location(by=ROOT, name="below", parent=deep)


@pytest.mark.django_db
def test_tokens_are_shown_once_and_end() -> None:
    token, text = issue_token(by=ROOT, name="erp", scope="write")
    assert text.startswith(f"spt_{token.prefix}_")
    secret = text.removeprefix(f"spt_{token.prefix}_")
    assert secret not in str(list(ApiToken.objects.values()))
    assert authenticate_token(text) == token
    first_use = ApiToken.objects.get().last_used_at
    assert first_use is not None
    authenticate_token(text)
    assert ApiToken.objects.get().last_used_at == first_use
    for wrong in (
        "",
        "spt_",
        text[:-1],
        text + "x",
        text.replace("spt", "abc"),
        f"spt_{token.prefix}_",
        "ü" * 20,
        "spt_ffffffffffff_x",
    ):
        assert authenticate_token(wrong) is None
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert authenticate_token(text) is None
    ApiToken.objects.update(expires_at=None)
    revoke_token(by=ROOT, name="erp")
    assert authenticate_token(text) is None
    with pytest.raises(Taken):
        issue_token(by=ROOT, name="erp")
    with pytest.raises(NotFound):
        revoke_token(by=ROOT, name="nobody")
    with pytest.raises(Invalid):
        issue_token(by=ROOT, name="x", scope="everything")


@pytest.mark.django_db
def test_a_one_time_password_has_to_be_changed() -> None:
    password = create_administrator(by=ROOT, username="admin")
    user = User.objects.get()
    assert user.check_password(password)
    assert (user.must_change_password, user.is_superuser) == (True, True)
    with pytest.raises(Invalid, match="too short"):
        set_password(by=ROOT, user=user, password="short")
    set_password(by=ROOT, user=user, password="correct horse battery")
    user.refresh_from_db()
    assert not user.must_change_password
    assert create_administrator(by=ROOT, username="admin") != password
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_different_numbers_and_one_gets_the_code() -> None:
    outcomes: list[str] = []

    def register(n: int) -> None:
        try:
            outcomes.append(register_asset(by=ROOT, name=f"a{n}", identifiers=[NewIdentifier("tag:wanted")]).asset_no)
        except Taken:
            outcomes.append("taken")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=register, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1:] == ["taken"] * 5
    assert Asset.objects.count() == 1
    assert Location.objects.count() == 0
