"""Changing many assets at once: first a preview that says what would change, then exactly that, by a signed token.

Some hundred are changed at once, in one transaction; more are a run of the work process, some at a time. Everything carries one
request id in the log of changes, and an undo is another such edit.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Actor
from registry.access.models import Change
from registry.assets import editing, tags
from registry.assets.editing import UNDO, Edit, Verdict
from registry.assets.models import Asset, AssetTag, CustomValue
from registry.problems import Invalid, Stale
from registry.work import runs
from registry.work.models import Run

KIND: Final = "bulk_edit"
MOST: Final = 5_000
AT_ONCE: Final = 250  # of each the asset, its log entry, its value or tags are written
IN_ONE_GO: Final = 500  # with their log entries a thousand rows: the most that one transaction writes
SHOWN: Final = 50  # refused ones, by name
VALID_S: Final = 3600
_SALT: Final = "registry.assets.bulk_edit"


@dataclass(frozen=True, slots=True)
class Step:
    """So many assets go from one value to another."""

    field: str
    before: str
    after: str
    count: int


@dataclass(frozen=True, slots=True)
class Refused:
    asset_id: UUID
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit would do. `token` has exactly this done, and nothing else."""

    edit: Edit
    said: str
    changing: int
    same: int
    steps: tuple[Step, ...]
    refused: tuple[Refused, ...]
    more_refused: int
    token: str


def preview(by: Actor, edit: Edit, ids: Sequence[UUID]) -> Preview:
    """Judge all of them. Raises Invalid for a value no asset could have, or too many assets."""
    if len(ids) > MOST:
        raise Invalid(f"More than {MOST:,} assets at once are too many; narrow the list first")
    verdicts = [verdict for some in _some(ids) for verdict in editing.judge(by, edit, editing.load(by, some))]
    changing = [verdict for verdict in verdicts if verdict.changes]
    refused = [Refused(v.asset.pk, str(v.asset), v.why) for v in verdicts if v.why]
    counted = Counter(
        (name, editing.words(name, v.before[name]), editing.words(name, v.after[name])) for v in changing for name in v.after
    )
    steps = tuple(Step(*key, count) for key, count in counted.most_common(SHOWN))
    return Preview(
        edit=edit,
        said=editing.said(edit, by),
        changing=len(changing),
        same=len(verdicts) - len(changing) - len(refused),
        steps=steps,
        refused=tuple(refused[:SHOWN]),
        more_refused=max(0, len(refused) - SHOWN),
        token=_signed(by, edit, [(v.asset.pk, v.asset.version) for v in changing]),
    )


def confirm(*, by: Actor, token: str) -> Run:
    """Do what was previewed. What somebody changed meanwhile is left alone and told of. Raises Invalid, Stale."""
    edit, seen = _unsigned(by, token)
    if not seen:
        raise Invalid("There is nothing to change")
    parameters = {"field": edit.field, "text": edit.text, "assets": [[str(pk), version] for pk, version in seen]}
    with transaction.atomic():
        run = runs.start(by=by, kind=KIND, parameters=parameters, total=len(seen))
        if len(seen) > IN_ONE_GO:
            return run
        run.state, run.started_at = Run.State.RUNNING, timezone.now()
        run.save(update_fields=["state", "started_at"])
        steps = BulkEdit(run, by)
        while not steps.step():
            continue
        run.state, run.finished_at = Run.State.DONE, timezone.now()
        run.save(update_fields=["state", "finished_at"])
    return run


def undoing(by: Actor, run: Run) -> Preview:
    """What putting back would do: the assets that the run changed, each to what it was."""
    rows = Change.objects.of_request(run.request_id).filter(object_type="asset", action="changed")
    ids = [UUID(pk) for pk in rows.order_by().values_list("object_id", flat=True)]
    return preview(by, Edit(UNDO, str(run.request_id)), ids)


def refused_of(run: Run) -> list[Refused]:
    """What a run left alone, as far as it is kept by name."""
    return [Refused(UUID(pk), name, why) for pk, name, why in run.cursor.get("refused", [])]


class BulkEdit:
    """The steps of a run; also worked off at once where few assets change."""

    def __init__(self, run: Run, by: Actor) -> None:
        self._run, self._by = run, by
        self._edit = Edit(run.parameters["field"], run.parameters["text"])
        self._seen = [(UUID(pk), version) for pk, version in run.parameters["assets"]]

    def step(self) -> bool:
        """Change the next ones. Raises Cancelled, Problem."""
        at = int(self._run.cursor.get("at", 0))
        some = dict(self._seen[at : at + AT_ONCE])
        with transaction.atomic():
            changed, refused = _write(self._by, self._edit, some)
            told = [*self._run.cursor.get("refused", []), *refused][:SHOWN]
            cursor = {"at": at + len(some), "refused": told}
            runs.note(self._run, cursor=cursor, done=self._run.done + changed, failed=self._run.failed + len(refused))
        return at + len(some) >= len(self._seen)

    def fail(self, why: str) -> None:
        pass  # what is changed stays changed, and the run says so

    def close(self) -> None:
        pass


def _write(by: Actor, edit: Edit, seen: dict[UUID, int]) -> tuple[int, list[tuple[str, str, str]]]:
    """Change those that are as they were seen, in the caller's transaction; return how many, and the others with why not."""
    list(Asset.objects.select_for_update().order_by("pk").filter(pk__in=seen).values_list("pk"))  # in one order, so nobody blocks
    verdicts = editing.judge(by, edit, editing.load(by, seen))
    for verdict in verdicts:
        if verdict.asset.version != seen[verdict.asset.pk]:
            verdict.why = "somebody changed it meanwhile"
    changing = [verdict for verdict in verdicts if verdict.changes]
    _put_columns(changing)
    _put_custom(changing)
    _put_tags([verdict for verdict in changing if verdict.tags is not None])
    log.record_all(by, [log.Changed(v.asset, "changed", v.before, v.after) for v in changing])
    gone = seen.keys() - {verdict.asset.pk for verdict in verdicts}
    refused = [(str(v.asset.pk), str(v.asset), v.why) for v in verdicts if v.why]
    return len(changing), [*refused, *((str(pk), str(pk), "it does not exist any more") for pk in gone)]


def _put_columns(changing: Iterable[Verdict]) -> None:
    """One statement for each set of new values; the version grows whatever changed."""
    key = _columns_key
    for _, same in groupby(sorted(changing, key=key), key=key):
        group = list(same)
        Asset.objects.filter(pk__in=[v.asset.pk for v in group]).update(
            **group[0].columns, version=F("version") + 1, changed_at=timezone.now()
        )


def _columns_key(verdict: Verdict) -> str:
    return repr(sorted((name, str(getattr(value, "pk", value))) for name, value in verdict.columns.items()))


def _put_custom(changing: Iterable[Verdict]) -> None:
    fresh: list[CustomValue] = []
    gone: dict[Any, list[UUID]] = {}
    for verdict in changing:
        for one, value in verdict.custom.items():
            gone.setdefault(one.pk, []).append(verdict.asset.pk)
            if value is not None:
                columns = {"text": value.text, "start": value.start, "number": value.number, "day": value.day}
                fresh.append(CustomValue(asset=verdict.asset, field=one, **columns))
    for field, assets in gone.items():
        CustomValue.objects.filter(field=field, asset__in=assets).delete()
    CustomValue.objects.bulk_create(fresh)


def _put_tags(changing: Sequence[Verdict]) -> None:
    """Tags are made when they are first used; those that go are taken off in one statement for each tag."""
    named = {str(tag.name).lower(): tag for tag in tags.tags_named({name for v in changing for name in v.tags or ()})}
    fresh: list[AssetTag] = []
    gone: dict[Any, list[UUID]] = {}
    for verdict in changing:
        now = {str(tag.name).lower(): tag for tag in verdict.asset.tags.all()}
        wanted = {name.lower() for name in verdict.tags or ()}
        fresh += [AssetTag(asset=verdict.asset, tag=named[name]) for name in wanted - now.keys()]
        for name in now.keys() - wanted:
            gone.setdefault(now[name].pk, []).append(verdict.asset.pk)
    for tag, assets in gone.items():
        AssetTag.objects.filter(tag=tag, asset__in=assets).delete()
    AssetTag.objects.bulk_create(fresh, ignore_conflicts=True)


def _some(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[at : at + IN_ONE_GO] for at in range(0, len(ids), IN_ONE_GO))


# ---- the token: what was previewed, for whom, as it was then -------------------------------------------------------------------


def _signed(by: Actor, edit: Edit, seen: Sequence[tuple[UUID, int]]) -> str:
    packed = b"".join(pk.bytes + version.to_bytes(4, "big") for pk, version in seen)
    return signing.dumps(
        {"by": str(by.user_id), "field": edit.field, "text": edit.text, "assets": b64encode(packed).decode()},
        salt=_SALT,
        compress=True,
    )


def _unsigned(by: Actor, token: str) -> tuple[Edit, list[tuple[UUID, int]]]:
    try:
        said = signing.loads(token, salt=_SALT, max_age=VALID_S)
    except signing.SignatureExpired:
        raise Stale("The preview is older than an hour; look at it again") from None
    except signing.BadSignature:
        raise Invalid("This is no preview of ours; start again from the list") from None
    if said["by"] != str(by.user_id):
        raise Invalid("The preview was made for somebody else; start again from the list")
    packed = b64decode(said["assets"])
    seen = [
        (UUID(bytes=packed[at : at + 16]), int.from_bytes(packed[at + 16 : at + 20], "big")) for at in range(0, len(packed), 20)
    ]
    return Edit(said["field"], said["text"]), seen
