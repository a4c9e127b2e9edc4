"""REST: tags, and the fields that a company adds to its assets."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.access.actors import Actor
from registry.assets import custom, own_fields, tags
from registry.assets.models import Category, CustomField, Tag
from registry.assets.trees_api import category_or_404
from registry.operations import (
    READ_ONCE,
    Cursor,
    IfMatch,
    Limit,
    Paged,
    Strict,
    acting,
    must_be_as_seen,
    tagged,
    version_seen,
)
from registry.paging import MAX_PAGE, Order, Page, cut
from registry.problems import Invalid, NotFound

router = Router(tags=["words"])
FieldType = Literal["text", "long_text", "number", "integer", "boolean", "date", "choice", "url", "email"]
BY_KEY = Order("key", F("key"))


# ---- tags ----------------------------------------------------------------------------------------------------------------------


class TagOut(Schema):
    id: UUID
    name: str


class TagPage(Paged):
    items: list[TagOut]


class TagName(Strict):
    name: Annotated[str, Field(min_length=1, max_length=tags.CHARS)]


class TagInto(Strict):
    into: UUID


@router.get("/tags", response=TagPage, operation_id="list_tags", summary="All tags")
def list_tags(request: HttpRequest, cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    acting(request)
    page = cut(Tag.objects.all(), Order("name", Lower("name")), cursor, limit)
    return TagPage(items=[_tag_out(tag) for tag in page.rows], next=page.next, previous=page.previous)


@router.post("/tags", response={201: TagOut}, operation_id="create_tag", summary="Add a tag")
def create_tag(request: HttpRequest, response: HttpResponse, body: TagName) -> Any:
    return Status(201, tagged(response, _tag_out(tags.create_tag(by=acting(request), name=body.name))))


@router.get("/tags/{word_id}", response=TagOut, operation_id="get_tag", summary="Read a tag", openapi_extra=READ_ONCE)
def get_tag(request: HttpRequest, response: HttpResponse, word_id: Path[UUID]) -> Any:
    return tagged(response, _tag_out(_tag_or_404(word_id)))


@router.patch("/tags/{word_id}", response=TagOut, operation_id="rename_tag", summary="Rename a tag everywhere")
def rename_tag(request: HttpRequest, response: HttpResponse, word_id: Path[UUID], body: TagName, if_match: IfMatch = None) -> Any:
    with transaction.atomic():
        tag = _tag_or_404(word_id, held=True)
        must_be_as_seen(if_match, _tag_out(tag))
        tag = tags.rename_tag(by=acting(request), tag=tag, name=body.name)
    return tagged(response, _tag_out(tag))


@router.post(
    "/tags/{word_id}/merge", response=TagOut, operation_id="merge_tag", summary="Put another tag in the place of this one"
)
def merge_tag(request: HttpRequest, word_id: Path[UUID], body: TagInto) -> Any:
    into = Tag.objects.filter(pk=body.into).first()
    if into is None:
        raise Invalid("into: there is no tag with this id", field="into")
    return _tag_out(tags.merge_tag(by=acting(request), tag=_tag_or_404(word_id), into=into))


@router.delete("/tags/{word_id}", response={204: None}, operation_id="delete_tag", summary="Take a tag off everything")
def delete_tag(request: HttpRequest, word_id: Path[UUID]) -> Any:
    tags.delete_tag(by=acting(request), tag=_tag_or_404(word_id))
    return Status(204, None)


def _tag_or_404(tag_id: UUID, *, held: bool = False) -> Tag:
    found = Tag.objects.filter(pk=tag_id)
    tag = (found.select_for_update() if held else found).first()
    if tag is None:
        raise NotFound("There is no such tag.")
    return tag


def _tag_out(tag: Tag) -> TagOut:
    return TagOut(id=tag.pk, name=tag.name)


# ---- the company's own fields --------------------------------------------------------------------------------------------------


class OwnFieldOut(Schema):
    """`categories`: it applies to these and those below them; to all assets where there are none."""

    id: UUID
    key: str
    name: str
    type: str
    required: bool
    choices: list[str]
    minimum: str | None
    maximum: str | None
    pattern: str
    unit: str
    help: str
    position: int
    active: bool
    categories: list[UUID]
    version: int


class OwnFields(Paged):
    items: list[OwnFieldOut]


Bound = Annotated[float, Field(gt=-(10**11), lt=10**11)]
Categories = Annotated[list[UUID], Field(max_length=500)]
Choices = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=own_fields.MOST_CHOICES)]


class OwnFieldChanges(Strict):
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    required: bool | None = None
    choices: Choices | None = None
    minimum: Bound | None = None
    maximum: Bound | None = None
    pattern: Annotated[str, Field(max_length=200)] | None = None
    unit: Annotated[str, Field(max_length=20)] | None = None
    help: Annotated[str, Field(max_length=300)] | None = None
    position: Annotated[int, Field(ge=0, le=10_000)] | None = None
    active: bool | None = None
    categories: Categories | None = None


class NewOwnField(OwnFieldChanges):
    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    type: FieldType
    name: Annotated[str, Field(min_length=1, max_length=80)]  # has to be there


@router.get("/custom-fields", response=OwnFields, operation_id="list_custom_fields", summary="The company's own fields")
def list_custom_fields(
    request: HttpRequest,
    category: Annotated[UUID | None, Query(description="Those that apply to assets of this category")] = None,
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    found = CustomField.objects.prefetch_related("categories")
    if category is not None:
        applying = custom.fields_of(category_or_404(by, category))
        found = found.filter(pk__in=[one.pk for one in applying])
    page: Page[CustomField] = cut(found, BY_KEY, cursor, limit)
    seen = _seen(by)
    return OwnFields(items=[_field_out(one, seen) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/custom-fields", response={201: OwnFieldOut}, operation_id="create_custom_field", summary="Add a field of your own")
def create_custom_field(request: HttpRequest, response: HttpResponse, body: NewOwnField) -> Any:
    given, categories = _field_given(request, body)
    by = acting(request)
    field = own_fields.create_field(by=by, kind=given.pop("type"), categories=categories or (), **given)
    return Status(201, tagged(response, _field_out(field, _seen(by))))


@router.get(
    "/custom-fields/{field_id}",
    response=OwnFieldOut,
    operation_id="get_custom_field",
    summary="Read a field of your own",
    openapi_extra=READ_ONCE,
)
def get_custom_field(request: HttpRequest, response: HttpResponse, field_id: Path[UUID]) -> Any:
    return tagged(response, _field_out(_field_or_404(field_id), _seen(acting(request))))


@router.patch(
    "/custom-fields/{field_id}", response=OwnFieldOut, operation_id="change_custom_field", summary="Change a field of your own"
)
def change_custom_field(
    request: HttpRequest, response: HttpResponse, field_id: Path[UUID], body: OwnFieldChanges, if_match: IfMatch = None
) -> Any:
    """Key and type stay for ever. `active: false` retires it: its values stay."""
    by, field = acting(request), _field_or_404(field_id)
    version = version_seen(if_match, field)
    given, categories = _field_given(request, body)
    field = own_fields.change_field(by=by, field=field, version=version, changes=given, categories=categories)
    return tagged(response, _field_out(field, _seen(by)))


def _field_or_404(field_id: UUID) -> CustomField:
    field = CustomField.objects.filter(pk=field_id).first()
    if field is None:
        raise NotFound("There is no such field.")
    return field


def _seen(by: Actor) -> set[UUID]:
    return set(Category.objects.visible_to(by).values_list("pk", flat=True))


def _field_given(request: HttpRequest, body: OwnFieldChanges) -> tuple[dict[str, Any], list[Category] | None]:
    """Raises Invalid."""
    given = {name: getattr(body, name) for name in body.model_fields_set - {"categories"}}
    given = {name: value for name, value in given.items() if value is not None or name in ("minimum", "maximum")}
    if body.categories is None:
        return given, None
    found = list(Category.objects.visible_to(acting(request)).filter(pk__in=body.categories))
    if len(found) != len(set(body.categories)):
        raise Invalid("categories: there is none with one of these ids", field="categories")
    return given, found


def _field_out(field: CustomField, seen: set[UUID]) -> OwnFieldOut:
    """`seen`: the categories that the caller may know."""
    plain: dict[str, Any] = {
        name: getattr(field, name) for name in OwnFieldOut.model_fields if name not in ("categories", "minimum", "maximum")
    }
    bounds: dict[str, Any] = {name: _bound_out(getattr(field, name)) for name in ("minimum", "maximum")}
    categories = [one.pk for one in field.categories.all() if one.pk in seen]
    return OwnFieldOut(**plain, **bounds, categories=categories)


def _bound_out(bound: Any) -> str | None:
    return format(bound.normalize() + 0, "f") if bound is not None else None
