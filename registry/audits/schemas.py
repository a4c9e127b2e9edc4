"""What the API says of audits, and what it takes."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AwareDatetime, Field

from registry.audits import coverage, services
from registry.audits.models import NAME_CHARS, Campaign
from registry.operations import Paged, Strict

Method = Literal["passive", "walk", "mixed"]
Recurrence = Literal["never", "quarterly", "yearly"]
State = Literal["draft", "open", "review", "closed"]
OutcomeName = Literal[
    "found", "wrong_place", "wrong_custodian", "missing", "unexpected", "unknown_code", "damaged", "not_checked"
]
Keys = Annotated[list[UUID], Field(max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Note = Annotated[str, Field(max_length=1_000)]
Zone = Annotated[str, Field(max_length=64, description="A name like Europe/Berlin")]


class ScopeIn(Strict):
    """What it covers: those of one kind are added up, the kinds narrow each other; without any it covers everything."""

    places: Keys = []
    categories: Keys = []
    people: Keys = []  # those who have the assets


class NewAudit(Strict):
    name: Name
    from_on: date = Field(description="The first day of which what is seen counts")
    until_on: date = Field(description="The last one")
    time_zone: Zone = "UTC"
    method: Method = "mixed"
    recurrence: Recurrence = "never"
    note: Note = ""
    scope: ScopeIn = ScopeIn()


class AuditChanges(Strict):
    name: Name | None = None
    from_on: date | None = None
    until_on: date | None = None
    time_zone: Zone | None = None
    method: Method | None = None
    recurrence: Recurrence | None = None
    note: Note | None = None
    scope: ScopeIn | None = None


class ScopeOut(Schema):
    places: list[UUID]
    categories: list[UUID]
    people: list[UUID]


class RunOut(Schema):
    """Long work on it that is under way or ended badly; `message` says why."""

    state: str
    done: int
    total: int
    message: str


class AuditOut(Schema):
    """An audit. `expected`, `seen` and `off` count the assets that it expects, those seen so far, and those of them that are not
    as they should be."""

    id: UUID
    name: str
    note: str
    method: Method
    recurrence: Recurrence
    state: State
    from_on: date
    until_on: date
    time_zone: str
    window_from: datetime = Field(description="What is seen from here on")
    window_to: datetime = Field(description="and before this counts")
    frozen_at: datetime | None = Field(description="When what it expects was written down; null of a draft")
    reviewed_at: datetime | None = Field(description="Since when its findings are complete")
    scope: ScopeOut
    expected: int
    seen: int
    off: int
    run: RunOut | None
    version: int


class AuditRow(Schema):
    id: UUID
    name: str
    method: Method
    state: State
    from_on: date
    until_on: date
    expected: int
    seen: int
    off: int


class AuditPage(Paged):
    items: list[AuditRow]


class PlaceCount(Schema):
    """`location` is null for what has no place."""

    location: UUID | None
    name: str
    expected: int
    seen: int
    off: int
    walked_at: datetime | None = Field(description="When somebody said that they looked all over it")


class PlaceCounts(Paged):
    items: list[PlaceCount]


class ExpectedAssetOut(Schema):
    """An asset as it stood when the audit opened, and what came of it so far."""

    asset: UUID
    asset_no: str
    name: str
    location: UUID | None
    custodian: UUID | None
    status: str
    outcome: OutcomeName
    seen_at: datetime | None
    seen_location: UUID | None = Field(description="Null too where you may not know the place")


class ExpectedAssets(Paged):
    items: list[ExpectedAssetOut]


Text = Annotated[str, Field(max_length=4096)]


class EvidenceIn(Strict):
    """One thing that was seen: `text` is what was scanned, an asset's number does too; or `asset`."""

    id: UUID = Field(description="Made by whoever tells, best a UUIDv7: told twice it counts once")
    text: Text = ""
    asset: UUID | None = None
    location: UUID | None = None
    at: AwareDatetime | None = Field(None, description="Null: now")
    custodian: UUID | None = Field(None, description="Who was found to have it")
    damaged: bool = False
    note: Annotated[str, Field(max_length=500)] = ""


class NewEvidence(Strict):
    evidence: list[EvidenceIn] = Field(min_length=1, max_length=200)


class EvidenceAnswer(Schema):
    """What came of it. `refused`: it does not count, and `why` says why; what lies outside of the audit's days is kept with that
    reason. `repeated`: this very evidence is there already."""

    id: UUID
    state: str = Field(description="An outcome, `repeated` or `refused`")
    key: str = Field(description="The canonical key of the code")
    asset: UUID | None
    name: str
    why: str


class AnswersOut(Schema):
    answers: list[EvidenceAnswer] = Field(description="One for each, in their order")


class EvidenceOut(Schema):
    id: UUID
    kind: str = Field(description="read, scan, photo or manual")
    asset: UUID | None
    key: str
    location: UUID | None = Field(description="Null too where you may not know the place")
    at: datetime
    recorded_at: datetime
    event: UUID | None = Field(description="The location event that it was taken from")
    custodian: UUID | None
    damaged: bool
    note: str
    refused: str = Field(description="Why it does not count; empty: it does")


class EvidencePage(Paged):
    items: list[EvidenceOut]


class RoomDone(Strict):
    """`done`: somebody looked all over this place (null: what has no place); what was not seen there is missing."""

    location: UUID | None
    done: bool = True


Form = Literal["pdf", "csv", "xlsx"]
ResolutionName = Literal["none", "move_accepted", "searched", "written_off", "registered", "ignored"]


class FindingOut(Schema):
    """What came of one asset, or of a code that no asset has (`key`)."""

    id: int
    asset: UUID | None
    asset_no: str
    name: str
    key: str
    outcome: OutcomeName
    location: UUID | None = Field(description="Where it should be")
    seen_location: UUID | None = Field(description="Null too where you may not know the place")
    seen_at: datetime | None
    evidence: UUID | None
    resolution: str
    resolved_by: UUID | None
    resolved_at: datetime | None
    note: str
    consequence: str = Field(description="What the signing did about it")


class FindingPage(Paged):
    items: list[FindingOut]


class Resolve(Strict):
    """`move_accepted`: where it was seen is its home; `written_off`: it is disposed of; both when the audit is signed."""

    findings: list[int] = Field(min_length=1, max_length=500)
    resolution: ResolutionName
    note: Annotated[str, Field(max_length=500)] = ""


class ResolvedOut(Schema):
    resolved: int


class Sign(Strict):
    signed_as: Annotated[str, Field(min_length=1, max_length=200, description="The name of who signs")]


class SealOut(Schema):
    """`holds`: what was signed is what is stored."""

    digest: str | None = Field(description="SHA-256, hexadecimal; null: not signed")
    signed_as: str
    at: datetime | None
    holds: bool


class CaseOut(Schema):
    id: UUID
    asset: UUID
    asset_no: str
    name: str
    audit: UUID = Field(description="The later one of the two")
    opened_at: datetime
    closed_at: datetime | None
    note: str


class CasePage(Paged):
    items: list[CaseOut]


class CaseClosed(Strict):
    note: Annotated[str, Field(min_length=1, max_length=500)]


def shown(one: Campaign) -> AuditOut:
    """An audit with its counts."""
    count, run, scope = coverage.count_of(one), services.run_of(one), services.scope_of(one)
    told = RunOut(state=run.state, done=run.done, total=run.total, message=run.message) if run is not None else None
    return AuditOut(
        id=one.pk, name=one.name, note=one.note, method=one.method, recurrence=one.recurrence, state=one.state,  # type: ignore[arg-type]
        from_on=one.from_on, until_on=one.until_on, time_zone=one.time_zone, window_from=one.window_from,
        window_to=one.window_to, frozen_at=one.frozen_at, reviewed_at=one.reviewed_at,
        scope=ScopeOut(places=list(scope.places), categories=list(scope.categories), people=list(scope.people)),
        expected=count.expected, seen=count.seen, off=count.off, run=told, version=one.version,
    )  # fmt: skip
