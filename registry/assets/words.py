"""The words a company sorts its assets by: models, suppliers, cost centres, status labels. One way of making and changing them.

Words are for everybody to read and for those who may edit everywhere to change. None is deleted while something bears it: one
that is not `active` stays where it stands and is offered no more."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import NAME_CHARS, Asset, AssetModel, CostCenter, State, StatusLabel, Supplier
from registry.assets.values import one_of
from registry.problems import Forbidden, Invalid, Stale, Taken
from registry.texts import block, line

Word = TypeVar("Word", AssetModel, Supplier, CostCenter, StatusLabel)
Check = Callable[[str, Any], Any]
MOST_MONTHS: Final = 1_200


def _text(most: int, *, required: bool = False) -> Check:
    return lambda field, value: line(str(value or ""), field=field, most=most, required=required)


def _notes(field: str, value: Any) -> str:
    return block(str(value or ""), field=field, most=10_000)


def _email(field: str, value: Any) -> str:
    text = line(str(value or ""), field=field, most=254, required=False)
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise Invalid(f"{field}: {text[:60]!r} is no e-mail address", field=field) from None
    return text


def _url(field: str, value: Any) -> str:
    text = line(str(value or ""), field=field, most=500, required=False)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if text and (parts.scheme not in ("http", "https") or not parts.netloc or " " in text):
        raise Invalid(f"{field}: no web address; it begins with https://", field=field)
    return text


def _months(field: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    if not str(value).isascii() or not str(value).isdecimal() or not 0 < int(str(value)[:9]) <= MOST_MONTHS:
        raise Invalid(f"{field}: from 1 to {MOST_MONTHS} months", field=field)
    return int(value)


def _state(field: str, value: Any) -> str:
    return one_of(value, State.values, field)


def _row(field: str, value: Any) -> Any:
    return value


def _active(field: str, value: Any) -> bool:
    return bool(value)


CHECKS: Final[dict[type, dict[str, Check]]] = {
    AssetModel: {
        "name": _text(NAME_CHARS, required=True),
        "manufacturer": _text(NAME_CHARS),
        "part_no": _text(100),
        "category": _row,
        "replace_after_months": _months,
        "notes": _notes,
        "active": _active,
    },
    Supplier: {
        "name": _text(NAME_CHARS, required=True),
        "email": _email,
        "phone": _text(60),
        "url": _url,
        "customer_no": _text(60),
        "notes": _notes,
        "active": _active,
    },
    CostCenter: {"code": _text(40, required=True), "name": _text(NAME_CHARS, required=True), "active": _active},
    StatusLabel: {"name": _text(60, required=True), "status": _state, "active": _active},
}
"""What may be said of each, by field; the first is what makes it one of a kind."""


@transaction.atomic
def create_word(*, by: Actor, model: type[Word], **given: Any) -> Word:
    """Add a word. `given` are fields of CHECKS[model]. Raises Invalid, Taken, Forbidden."""
    _must_shape(by)
    first = next(iter(CHECKS[model]))
    values = _checked(model, {first: ""} | ({"name": given.get(first, "")} if model is CostCenter else {}) | given)
    if model is StatusLabel and "status" not in values:
        raise Invalid("status: say which state it is a word for", field="status")
    word = model(**values)
    try:
        with transaction.atomic():
            word.save(force_insert=True)
    except IntegrityError:
        raise _taken(first) from None
    log.record(by, word, "created", **{name: value for name, value in values.items() if value not in (None, "", True)})
    return word


@transaction.atomic
def change_word(*, by: Actor, word: Word, version: int, changes: Mapping[str, Any]) -> Word:
    """Change some fields of CHECKS. `version` is the one the caller saw. Raises Invalid, Taken, Stale, Forbidden."""
    _must_shape(by)
    model = type(word)
    values = _checked(model, changes)
    if isinstance(word, StatusLabel) and values.get("status", word.status) != word.status and _bearing(word):
        raise Invalid(f"status: {_bearing(word)} assets bear it as {word.get_status_display()}; make a new word", field="status")
    before = {name: getattr(word, name) for name in values}
    try:
        with transaction.atomic():
            changed = model.objects.filter(pk=word.pk, version=version).update(**values, version=F("version") + 1)
    except IntegrityError:
        raise _taken(next(iter(CHECKS[model]))) from None
    if not changed:
        raise Stale(f"{word} was changed meanwhile; look at it again")
    fresh: Word = model.objects.get(pk=word.pk)
    log.record(by, fresh, "changed", before, **values)
    return fresh


@transaction.atomic
def delete_word(*, by: Actor, word: AssetModel | Supplier | CostCenter | StatusLabel) -> None:
    """Take away a word that nothing bears. Raises Invalid, Forbidden."""
    _must_shape(by)
    pk = word.pk
    try:
        with transaction.atomic():
            word.delete()
    except ProtectedError as exc:
        raise Invalid(f"{word} stands on {len(exc.protected_objects)} assets; retire it instead") from None
    word.pk = pk
    log.record(by, word, "deleted", {"name": str(word)})


def _bearing(label: StatusLabel) -> int:
    return Asset.objects.filter(label=label).count()


def _checked(model: type, given: Mapping[str, Any]) -> dict[str, Any]:
    checks = CHECKS[model]
    if unknown := given.keys() - checks.keys():
        name = sorted(unknown)[0]
        raise Invalid(f"{name}: cannot be changed", field=name)
    return {name: checks[name](name, value) for name, value in given.items()}


def _taken(field: str) -> Taken:
    return Taken(f"{field}: there is one of this {field} already", field=field)


def _must_shape(by: Actor) -> None:
    if not by.may_everywhere(Action.EDIT):
        raise Forbidden("words of the company are for those who may edit everywhere")
