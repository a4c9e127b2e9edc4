"""Reading the log of changes: who may see which entry, and of it which values.

Whoever reads it without limits sees all of it. Others see the changes of assets, places and categories in the scope in which they
may read it, without the names of what lies outside, and cost and suppliers only with the right to them. An entry names what it is
about by type and id alone, so the scope is asked for some entries at a time, and looking for fitting ones has an end.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.dateparse import parse_datetime

from registry.access.actors import Action, Actor
from registry.access.models import ApiToken, Change, ChangeQuerySet, Person, User
from registry.assets.elsewhere import ELSEWHERE
from registry.assets.models import Asset, Category, Location
from registry.assets.scope import of_each
from registry.assets.values import VALUE_FIELDS
from registry.people import labels
from registry.problems import Forbidden

PAGE_SIZE = 50
LOOKED_AT_ONCE = 500
MOST_LOOKED_AT = 5_000  # for one page: a narrow scope in a long log is asked for with more than one question
SCOPED: dict[str, Callable[[Actor, Action], Any]] = {
    "asset": lambda by, action: Asset.objects.filter(of_each(by, action=action)),
    "location": lambda by, action: Location.objects.visible_to(by, action),
    "category": lambda by, action: Category.objects.visible_to(by, action),
}
KINDS = {  # what people call the types of things that the log names
    "asset": "asset", "location": "place", "category": "category", "person": "person", "user": "user", "apitoken": "token",
    "gateway": "gateway", "zone": "zone", "customfield": "field", "statuslabel": "status label", "assetmodel": "model",
    "costcenter": "cost centre", "supplier": "supplier", "tag": "tag", "booking": "booking", "transfer": "transfer",
    "stockline": "stock", "savedview": "saved view", "schedule": "scheduled report", "run": "run", "outgoing": "message",
    "campaign": "audit", "case": "case", "agreement": "agreement",
    "workorder": "work order", "maintenanceplan": "maintenance plan",
}  # fmt: skip
LINKS = {
    "asset": "asset", "location": "place", "person": "person", "booking": "booking", "transfer": "transfer",
    "stockline": "stock-line", "campaign": "audit", "agreement": "agreement",
    "workorder": "work-order",
}  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    kind: str = ""
    object_id: str = ""
    user: UUID | None = None
    request: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of what a value says: `link` is its page and `key` its id, where it refers to something they may know; `at` is the
    moment that it says."""

    text: str
    link: str = ""
    key: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """What stood in a field and what stands there now, each in pieces. `name` is its key, `title` what people call it."""

    name: str
    title: str
    was: tuple[Part, ...]
    now: tuple[Part, ...]

    @property
    def before(self) -> str:
        return _text(self.was)

    @property
    def after(self) -> str:
        return _text(self.now)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as `by` may see it. `link` is empty where there is no page of it."""

    change: Change
    who: str
    kind: str
    name: str
    link: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """`next` is where to look on, or None at the end of the log."""

    entries: list[Entry]
    next: UUID | None


def find(by: Actor, wanted: Wanted, *, after: UUID | None = None, size: int = PAGE_SIZE) -> Found:
    """The newest fitting changes, those before `after` where it is given. Raises Forbidden."""
    if not by.may_anywhere(Action.CHANGES):
        raise Forbidden("the log of changes is for other roles")
    rows: list[Change] = []
    looked = 0
    while True:
        most = size - len(rows) + 1 if by.may_everywhere(Action.CHANGES) else LOOKED_AT_ONCE
        some = list(_fitting(wanted, after)[:most])
        for change in _visible(by, some):
            if len(rows) == size:
                return Found(_entries(by, rows), rows[-1].pk)
            rows.append(change)
        looked += len(some)
        if len(some) < most:
            return Found(_entries(by, rows), None)
        after = some[-1].pk
        if looked >= MOST_LOOKED_AT:
            return Found(_entries(by, rows), after)


def everything(by: Actor, wanted: Wanted, *, most: int) -> Iterator[Entry]:
    """All that fits, newest first, a page at a time, `most` at most."""
    after, given = None, 0
    while given < most:
        found = find(by, wanted, after=after, size=min(LOOKED_AT_ONCE, most - given))
        yield from found.entries
        given += len(found.entries)
        after = found.next
        if after is None:
            return


def of_object(by: Actor, kind: str, object_id: UUID, *, most: int = 20) -> list[Entry]:
    """The newest changes of one thing for its page; none where they may not read them."""
    if not by.may_anywhere(Action.CHANGES):
        return []
    return find(by, Wanted(kind=kind, object_id=str(object_id)), size=most).entries


def _fitting(wanted: Wanted, after: UUID | None) -> ChangeQuerySet:
    found = Change.objects.order_by("-id")
    plain: dict[str, Any] = {
        "object_type": wanted.kind, "object_id": wanted.object_id, "user": wanted.user, "request_id": wanted.request,
        "at__gte": wanted.since, "at__lt": wanted.until, "pk__lt": after,
    }  # fmt: skip
    return found.filter(**{name: value for name, value in plain.items() if value})


def _visible(by: Actor, changes: Sequence[Change]) -> list[Change]:
    if by.may_everywhere(Action.CHANGES):
        return list(changes)
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for change in changes:
        ids[change.object_type].add(change.object_id)
    seen = {kind: _among(by, kind, ids[kind], Action.CHANGES) for kind in SCOPED if kind in ids}
    return [change for change in changes if change.object_id in seen.get(change.object_type, ())]


def _among(by: Actor, kind: str, ids: Iterable[str], action: Action) -> set[str]:
    return {str(pk) for pk in SCOPED[kind](by, action).filter(pk__in=list(ids)).order_by().values_list("pk", flat=True)}


def _entries(by: Actor, changes: Sequence[Change]) -> list[Entry]:
    names = _Names(by, changes)
    return [
        Entry(
            change, names.who(change), KINDS.get(change.object_type, change.object_type), names.of(change), names.link(change),
            tuple(names.fields(change)),
        )
        for change in changes
    ]  # fmt: skip


class _Names:
    """What the entries name, asked of the database once for all of them."""

    def __init__(self, by: Actor, changes: Sequence[Change]) -> None:
        self._by = by
        named: defaultdict[str, set[str]] = defaultdict(set)
        for change in changes:
            named[change.object_type].add(change.object_id)
            for reference in _references([change.before, change.after]):
                named[reference.get("kind", "")].add(reference["id"])
            named["user"] |= {str(change.user)} if change.user else set()
            named["apitoken"] |= {str(change.token)} if change.token else set()
        self._users = {
            str(u.pk): str(getattr(u, "person", None) or u.username)
            for u in User.objects.select_related("person").filter(pk__in=_uuids(named["user"]))
        }
        self._persons = {
            str(pk): name for pk, name in Person.objects.filter(pk__in=_uuids(named["person"])).values_list("pk", "name")
        }
        self._tokens = {
            str(pk): name for pk, name in ApiToken.objects.filter(pk__in=_uuids(named["apitoken"])).values_list("pk", "name")
        }
        self._own = labels.titles_of_own({name for change in changes for name in (*change.before, *change.after)})
        everything = by.may_everywhere(Action.VIEW)
        self._seen = {kind: None if everything else _among(by, kind, named[kind], Action.VIEW) for kind in SCOPED}
        self._valued = None if by.may_everywhere(Action.VALUE) else _among(by, "asset", named["asset"], Action.VALUE)

    def who(self, change: Change) -> str:
        if change.user is not None and (name := self._users.get(str(change.user))):
            return name
        if change.token is not None and (name := self._tokens.get(str(change.token))):
            return f"token {name}"
        return {"cli": "the command line", "import": "an import"}.get(change.through, "Sightpost")

    def of(self, change: Change) -> str:
        known = {"person": self._persons, "user": self._users}.get(change.object_type)
        return change.object_name if known is None else known.get(change.object_id, "somebody")

    def link(self, change: Change) -> str:
        return "" if change.action == "deleted" else self._page(change.object_type, change.object_id)

    def fields(self, change: Change) -> Iterator[Field]:
        hidden = VALUE_FIELDS if change.object_type == "asset" and not self._may_value(change.object_id) else ()
        for name in sorted(change.before.keys() | change.after.keys()):
            if name not in hidden:
                was, now = (tuple(self._said(name, values.get(name))) for values in (change.before, change.after))
                yield Field(name, labels.title(change.object_type, name, self._own), was, now)

    def _may_value(self, asset_id: str) -> bool:
        return self._valued is None or asset_id in self._valued

    def _said(self, name: str, value: Any) -> Iterator[Part]:
        match value:
            case None | "" | []:
                return
            case {"id": str() as pk, "kind": "person" | "user" as kind}:
                who = (self._persons if kind == "person" else self._users).get(pk, "somebody")
                yield Part(who, self._page(kind, pk), pk)
            case {"id": str() as pk, "kind": str() as kind, "name": called}:
                seen = self._seen.get(kind)
                yield Part(str(called), self._page(kind, pk), pk) if seen is None or pk in seen else Part(ELSEWHERE)
            case list():
                for at, one in enumerate(value):
                    yield from ([Part(", ")] if at else [])
                    yield from self._said(name, one)
            case dict():
                for at, (key, one) in enumerate(value.items()):
                    yield Part(f"{'; ' if at else ''}{labels.title('asset', key, self._own).lower()}: ")
                    yield from self._said(key, one)
            case bool():
                yield Part("yes" if value else "no")
            case str() if _ID.fullmatch(value):
                yield Part(f"…{value[-6:]}", key=value)  # one that nothing is called by; whole where it is pointed at
            case str() if _MOMENT.fullmatch(value) and (moment := parse_datetime(value)) is not None:
                yield Part(value, at=moment)
            case str():
                yield Part(labels.in_words(name, value))
            case _:
                yield Part(str(value))

    def _page(self, kind: str, pk: str) -> str:
        page = LINKS.get(kind)
        if page is None or (page == "person" and not self._by.may_everywhere(Action.ADMINISTER)):
            return ""
        return reverse(page, args=[pk])


def _text(parts: Iterable[Part]) -> str:
    """All of it, ids whole: for files and programs."""
    return "".join(part.key if part.text.startswith("…") and part.key else part.text for part in parts)


def _references(values: Iterable[Any]) -> Iterator[dict[str, str]]:
    for value in values:
        if isinstance(value, dict):
            if isinstance(value.get("id"), str) and "kind" in value:
                yield value
            else:
                yield from _references(value.values())
        elif isinstance(value, list):
            yield from _references(value)


def _uuids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
