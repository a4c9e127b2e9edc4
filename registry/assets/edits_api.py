"""REST: changing many assets in one way, as on the pages: a preview says what would change, then exactly that is done, and can be
undone."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from ninja import Path, Router, Schema, Status
from pydantic import Field

from registry.access.actors import Actor
from registry.assets import bulk_edit, editing, finding
from registry.assets.editing import Edit
from registry.assets.list_schemas import wanted
from registry.assets.models import Asset
from registry.operations import Strict, acting
from registry.problems import Invalid, NotFound
from registry.work import runs
from registry.work.models import Run

router = Router(tags=["assets"])
VALUE_CHARS = 20_000


class EditableOut(Schema):
    field: str
    title: str


class EditablesOut(Schema):
    """`tags.add` and `tags.drop` take names with commas between; what refers to something takes its id."""

    items: list[EditableOut]


class NewEdit(Strict):
    """Which assets: by id, or all that a list shows."""

    field: Annotated[str, Field(min_length=1, max_length=60)]
    value: Annotated[str, Field(max_length=VALUE_CHARS, description="As text; empty: none")]
    assets: Annotated[list[UUID], Field(max_length=bulk_edit.MOST)] | None = None
    query: Annotated[str, Field(max_length=4_000)] | None = Field(
        None, description="In place of `assets`: all that `GET /assets` lists with this address, like `status=in_use&sort=name`"
    )


class StepOut(Schema):
    """So many assets go from one value to another."""

    field: str
    before: str
    after: str
    count: int


class RefusedOut(Schema):
    asset: UUID
    name: str
    why: str


class PreviewOut(Schema):
    """`token` has exactly this done, for an hour. Of `steps` and `refused` the first 50."""

    said: str
    changing: int
    same: int
    steps: list[StepOut]
    refused: list[RefusedOut]
    more_refused: int
    token: str


class Confirmation(Strict):
    token: Annotated[str, Field(min_length=1, max_length=400_000)]


class EditOut(Schema):
    """Up to 500 assets are changed at once; more are worked off later: `state` goes from `waiting` over `running` to `done`.
    `request` finds all of it in the log of changes."""

    id: UUID
    field: str
    value: str
    state: str
    total: int
    changed: int
    failed: int
    refused: list[RefusedOut]
    request: UUID
    created_at: datetime
    finished_at: datetime | None


@router.get(
    "/assets/edits/fields",
    response=EditablesOut,
    operation_id="list_editable_fields",
    summary="What can be changed on many assets",
)
def list_editable_fields(request: HttpRequest) -> Any:
    return EditablesOut(
        items=[EditableOut(field=name, title=title) for name, title in editing.fields_for(acting(request)).items()]
    )


@router.post(
    "/assets/edits/preview", response=PreviewOut, operation_id="preview_edit", summary="Say what a change of many assets would do"
)
def preview_edit(request: HttpRequest, body: NewEdit) -> Any:
    by = acting(request)
    return _preview_out(bulk_edit.preview(by, Edit(body.field, body.value), _meant(by, body)))


@router.post("/assets/edits", response={201: EditOut}, operation_id="confirm_edit", summary="Do what a preview said")
def confirm_edit(request: HttpRequest, body: Confirmation) -> Any:
    """What somebody changed meanwhile is left alone and named in `refused`."""
    return Status(201, _edit_out(bulk_edit.confirm(by=acting(request), token=body.token)))


@router.get("/assets/edits/{run_id}", response=EditOut, operation_id="get_edit", summary="How far a change of many assets is")
def get_edit(request: HttpRequest, run_id: Path[UUID]) -> Any:
    return _edit_out(_run(acting(request), run_id))


@router.post(
    "/assets/edits/{run_id}/undo",
    response=PreviewOut,
    operation_id="preview_undo",
    summary="Say what putting it all back would do",
)
def preview_undo(request: HttpRequest, run_id: Path[UUID]) -> Any:
    """Confirm it like any other edit."""
    by = acting(request)
    return _preview_out(bulk_edit.undoing(by, _run(by, run_id)))


def _meant(by: Actor, body: NewEdit) -> list[UUID]:
    """Those of them in sight. Raises Invalid, NotFound, Several."""
    if (body.assets is None) == (body.query is None):
        raise Invalid("assets: name them here, or a list as `query`; one of both", field="assets")
    if body.assets is not None:
        ids = list(dict.fromkeys(body.assets))
        seen = set(Asset.objects.visible_to(by).order_by().filter(pk__in=ids).values_list("pk", flat=True))
        return [pk for pk in ids if pk in seen]
    criteria = wanted(by, QueryDict((body.query or "").removeprefix("?")).dict())
    return list(finding.find(by, criteria).order_by("pk").values_list("pk", flat=True)[: bulk_edit.MOST + 1])


def _run(by: Actor, run_id: UUID) -> Run:
    run = runs.find(by, run_id)
    if run.kind != bulk_edit.KIND:
        raise NotFound("There is no such change of many assets.")
    return run


def _preview_out(found: bulk_edit.Preview) -> PreviewOut:
    steps = [StepOut(field=one.field, before=one.before, after=one.after, count=one.count) for one in found.steps]
    return PreviewOut(
        said=found.said, changing=found.changing, same=found.same, steps=steps, refused=_refused_out(found.refused),
        more_refused=found.more_refused, token=found.token,
    )  # fmt: skip


def _refused_out(refused: Any) -> list[RefusedOut]:
    return [RefusedOut(asset=one.asset_id, name=one.name, why=one.why) for one in refused]


def _edit_out(run: Run) -> EditOut:
    return EditOut(
        id=run.pk, field=run.parameters["field"], value=run.parameters["text"], state=run.state, total=run.total,
        changed=run.done, failed=run.failed,
        refused=_refused_out(bulk_edit.refused_of(run)), request=run.request_id, created_at=run.created_at,
        finished_at=run.finished_at,
    )  # fmt: skip
