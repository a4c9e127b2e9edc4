"""An asset's own fields, tags, parts and contents: what may be said, and how a refusal reads."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from registry.access.models import Change
from registry.assets import custom, patterns, tags
from registry.assets.containers import put_all_into, put_into, take_out
from registry.assets.models import Asset, AssetModel, Category, Containment, CustomField, Tag
from registry.assets.own_fields import change_field, create_field
from registry.assets.services import NewIdentifier, change_asset, register_asset, replace_identifier
from registry.assets.trees import change_category, create_category, create_location
from registry.problems import Forbidden, Invalid, NotFound, Several, Stale, Taken
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db


def make(name: str, **more: object) -> Asset:
    return register_asset(by=ROOT, name=name, **more)  # type: ignore[arg-type]


def own(asset: Asset) -> dict[str, object]:
    return custom.values_of(Asset.objects.prefetch_related("custom_values__field").get(pk=asset.pk))


@pytest.fixture
def it() -> Category:
    return create_category(by=ROOT, name="IT")


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("text", "  a  b ", "a b"),
        ("long_text", "a\r\nb\n", "a\nb"),
        ("number", "12.50", "12.5"),
        ("number", -0.0, "0"),
        ("number", 7, "7"),
        ("integer", "1e3", "1000"),
        ("boolean", "yes", True),
        ("boolean", False, False),
        ("date", "2025-03-14", "2025-03-14"),
        ("choice", "red", "red"),
        ("url", "https://example.com/a?b=1", "https://example.com/a?b=1"),
        ("email", "a@example.com", "a@example.com"),
    ],
)
def test_a_value_is_kept_in_one_form(kind: str, given: object, kept: object) -> None:
    create_field(by=ROOT, key="it", kind=kind, name="It", choices=["red", "green"] if kind == "choice" else [])
    assert own(make("a", custom={"it": given})) == {"it": kept}


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("text", "a\0b", "control characters"),
        ("text", "x" * 4001, "4000 at most"),
        ("text", ["a"], "one value"),
        ("number", "NaN", "not a number"),
        ("number", "9" * 50, "not a number"),
        ("number", "1e11", "below"),
        ("number", "0.00001", "four decimals"),
        ("number", "6", "up to 5"),
        ("integer", "1.5", "no whole number"),
        ("boolean", "perhaps", "neither yes nor no"),
        ("date", "14.3.2025", "not a day"),
        ("choice", "blue", "not one of red, green"),
        ("url", "javascript:alert(1)", "no web address"),
        ("url", "https://[", "no web address"),
        ("email", "a@", "no e-mail address"),
    ],
)
def test_a_value_that_is_none_of_its_type_is_refused_with_its_field(kind: str, given: object, says: str) -> None:
    more = {"choices": ["red", "green"]} if kind == "choice" else {"maximum": 5} if given == "6" else {}
    create_field(by=ROOT, key="it", kind=kind, name="It", **more)
    with pytest.raises(Invalid, match=says) as refused:
        make("a", custom={"it": given})
    assert refused.value.field == "custom.it"
    assert not Asset.objects.exists()


def test_fields_are_inherited_required_ones_asked_for_and_foreign_ones_refused(it: Category) -> None:
    laptops = create_category(by=ROOT, name="Laptops", parent=it)
    create_field(by=ROOT, key="cpu", kind="text", name="CPU", categories=[it], required=True)
    create_field(by=ROOT, key="ram", kind="integer", name="RAM", categories=[laptops], unit="GB")
    create_field(by=ROOT, key="note", kind="text", name="Note")
    assert [field.key for field in custom.fields_of(laptops)] == ["cpu", "note", "ram"]
    assert [field.key for field in custom.fields_of(None)] == ["note"]
    with pytest.raises(Several) as refused:
        make("a", category=laptops, custom={"ram": "x", "wheels": 4})
    assert [problem.field for problem in refused.value.problems] == ["custom.cpu", "custom.ram", "custom.wheels"]
    quick = make("b", category=laptops)  # nobody was asked
    with pytest.raises(Invalid, match=r"custom\.cpu"):
        change_asset(by=ROOT, asset_id=quick.pk, version=1, changes={}, custom={"ram": 16})
    changed = change_asset(by=ROOT, asset_id=quick.pk, version=1, changes={}, custom={"ram": 16, "cpu": "fast"})
    assert (own(changed), changed.version) == ({"cpu": "fast", "ram": "16"}, 2)
    logged = Change.objects.of("asset", quick.pk).first()
    assert logged is not None
    assert logged.after == {"custom.cpu": "fast", "custom.ram": "16"}
    change_asset(by=ROOT, asset_id=quick.pk, version=2, changes={}, custom={"ram": ""})
    assert own(changed) == {"cpu": "fast"}


def test_what_is_wrong_with_a_new_asset_is_said_at_once() -> None:
    with pytest.raises(Several) as refused:
        make("", condition=9, currency="Euro")
    assert {problem.field for problem in refused.value.problems} == {"name", "condition", "currency"}


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(a|aa)*b", r"a*a*a*a*a*a*b", r"(?=a)b", r"(a)\1", r"(.?){90}x", "[", "(?P<n>a{1,9}){9}"]
)
def test_a_pattern_that_could_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_field(by=ROOT, key="it", kind="text", name="It", pattern=pattern)
    assert refused.value.field == "pattern"


@pytest.mark.parametrize(
    ("pattern", "value", "fit"),
    [
        (r"[A-Z]{2}-\d+", "DE-12", True), (r"[A-Z]{2}-\d+", "DE-12x", False), ("(red|green)( [0-9]+)?", "red 7", True),
        (r"(AB){2,3}", "ABABAB", True), (r".*", "x" * 201, False),
    ],
)  # fmt: skip
def test_a_pattern_holds_the_whole_value(pattern: str, value: str, fit: bool) -> None:
    assert patterns.fits(patterns.checked(pattern), value) is fit


def test_fields_change_but_not_their_key_and_retired_ones_keep_values(it: Category) -> None:
    field = create_field(by=ROOT, key="cpu", kind="text", name="CPU", categories=[it])
    laptop = make("a", category=it, custom={"cpu": "fast"})
    for wrong, error in (({"key": "x"}, Invalid), ({"pattern": "["}, Invalid), ({"choices": ["x"] * 201}, Invalid)):
        with pytest.raises(error):
            change_field(by=ROOT, field=CustomField.objects.get(), version=1, changes=wrong)
    change_field(by=ROOT, field=field, version=1, changes={"active": False}, categories=[])
    with pytest.raises(Stale):
        change_field(by=ROOT, field=field, version=1, changes={"name": "Processor"})
    assert custom.fields_of(it) == []
    assert own(laptop) == {"cpu": "fast"}
    for taken, what in (({"key": "cpu", "name": "Other"}, "key"), ({"key": "other", "name": "cpu"}, "name")):
        with pytest.raises(Taken) as refused:
            create_field(by=ROOT, kind="text", key=taken["key"], name=taken["name"])
        assert refused.value.field == what
    with pytest.raises(Forbidden):
        create_field(by=actor(make_user(role="operator")), key="x", kind="text", name="X")


def test_tags_are_made_when_they_are_used_and_set_as_a_whole() -> None:
    asset = make("a", tags=["Loan", " cold  room "])
    asset = change_asset(by=ROOT, asset_id=asset.pk, version=1, changes={}, tags=["LOAN", "new", "New"])
    assert sorted(asset.tags.values_list("name", flat=True)) == ["Loan", "New"]
    assert Tag.objects.count() == 3
    with pytest.raises(Invalid):
        change_asset(by=ROOT, asset_id=asset.pk, version=2, changes={}, tags=[str(n) for n in range(51)])
    assert tags.read("a, b;c ,, ") == ["a", "b", "c"]


def test_tags_merge_and_go() -> None:
    a, b = make("a", tags=["x", "y"]), make("b", tags=["y"])
    x, y = (Tag.objects.get(name=name) for name in "xy")
    with pytest.raises(Taken):
        tags.rename_tag(by=ROOT, tag=x, name="Y")
    tags.merge_tag(by=ROOT, tag=y, into=x)
    assert [[str(tag) for tag in one.tags.all()] for one in (a, b)] == [["x"], ["x"]]
    tags.delete_tag(by=ROOT, tag=x)
    assert not a.tags.exists()
    with pytest.raises(Forbidden):
        tags.rename_tag(by=actor(make_user(role="operator")), tag=x, name="z")


def test_what_lies_in_what_is_kept_with_its_times() -> None:
    case, drill, bit = make("case"), make("drill"), make("bit")
    then = timezone.now() - timedelta(hours=1)
    put_all_into(by=ROOT, pairs=[(drill, case), (bit, case)], at=then)
    assert put_into(by=ROOT, asset=bit, container=case) is None  # there already
    put_into(by=ROOT, asset=bit, container=drill, kind="component")
    take_out(by=ROOT, asset=drill)
    rows = Containment.objects.order_by("from_ts", "asset__asset_no")
    assert [(row.asset.name, row.container.name, row.kind, row.to_ts is None, row.projected) for row in rows] == [
        ("drill", "case", "contents", False, False),
        ("bit", "case", "contents", False, False),
        ("bit", "drill", "component", True, False),
    ]
    drill, bit = (Asset.objects.get(pk=one.pk) for one in (drill, bit))
    assert (drill.parent, bit.parent, bit.version) == (None, drill, 3)
    with pytest.raises(Invalid, match="moved since") as refused:
        put_into(by=ROOT, asset=drill, container=case, at=then)
    assert refused.value.field == "at"
    with pytest.raises(Invalid, match="future"):
        take_out(by=ROOT, asset=bit, at=timezone.now() + timedelta(days=1))


def test_nothing_lies_in_itself_and_not_more_than_five_deep() -> None:
    boxes = [make(f"box {n}") for n in range(7)]
    with pytest.raises(Invalid, match="cannot lie in"):
        put_into(by=ROOT, asset=boxes[0], container=boxes[0])
    put_all_into(by=ROOT, pairs=[(boxes[n], boxes[n + 1]) for n in range(5)])
    with pytest.raises(Invalid, match="cannot lie in"):
        put_into(by=ROOT, asset=boxes[5], container=boxes[0])
    with pytest.raises(Invalid, match="more than 5 deep"):
        put_into(by=ROOT, asset=boxes[5], container=boxes[6])
    a, b = make("a"), make("b")
    with pytest.raises(Several):  # a ring that only both together close
        put_all_into(by=ROOT, pairs=[(a, b), (b, a)])
    assert Containment.objects.filter(asset__in=[a, b]).count() == 0


def test_both_sides_of_a_containment_need_the_right() -> None:
    here, there = create_location(by=ROOT, name="Here"), create_location(by=ROOT, name="There")
    mine, foreign = make("a", home_location=here), make("b", home_location=there)
    keeper, viewer = actor(make_user("k", "operator", place=here)), actor(make_user("v", "viewer"))
    for by, error in ((keeper, NotFound), (viewer, Forbidden)):
        for pair in ((mine, foreign), (foreign, mine)):
            with pytest.raises(error):
                put_all_into(by=by, pairs=[pair])
    assert put_into(by=keeper, asset=mine, container=make("c", home_location=here)) is not None


def test_a_day_of_replacement_follows_until_somebody_gives_one(it: Category) -> None:
    change_category(by=ROOT, category=it, defaults={"replace_after_months": 60})
    it = Category.objects.get(pk=it.pk)
    model = AssetModel.objects.create(name="X1", replace_after_months=36)
    asset = make("a", category=it, in_service_on="2024-02-29")
    assert asset.replace_on == date(2029, 2, 28)
    asset = change_asset(by=ROOT, asset_id=asset.pk, version=1, changes={"model": model})
    assert asset.replace_on == date(2027, 2, 28)
    asset = change_asset(by=ROOT, asset_id=asset.pk, version=2, changes={"replace_on": "2030-01-01"})
    asset = change_asset(by=ROOT, asset_id=asset.pk, version=3, changes={"in_service_on": "2024-03-01"})
    assert asset.replace_on == date(2030, 1, 1)
    assert make("b", model=model, purchase_cost=Decimal("1.5"), currency="EUR").replace_on is None


def test_a_new_label_takes_the_place_of_the_old_one() -> None:
    asset = make("a", identifiers=[NewIdentifier("tag:OLD")])
    old = asset.identifiers.get()
    with pytest.raises(Invalid, match="the code it has"):
        replace_identifier(by=ROOT, identifier_id=old.pk, text="tag:OLD")
    make("b", identifiers=[NewIdentifier("tag:NEW")])
    with pytest.raises(Taken):
        replace_identifier(by=ROOT, identifier_id=old.pk, text="tag:NEW")
    replace_identifier(by=ROOT, identifier_id=old.pk, text="tag:NEWER")
    assert list(asset.identifiers.values_list("key", "state")) == [("tag:OLD", "retired"), ("tag:NEWER", "active")]
