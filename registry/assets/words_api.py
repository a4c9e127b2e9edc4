"""REST: the words a company sorts its assets by. All four kinds have the same three operations; then tags and own fields."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema, Status
from pydantic import Field

from registry.assets import own_fields, tags, words
from registry.assets.models import NAME_CHARS, AssetModel, Category, CostCenter, CustomField, StatusLabel, Supplier, Tag
from registry.assets.schemas import StatusName
from registry.operations import Cursor, IfMatch, Limit, Paged, Strict, acting, version_seen
from registry.paging import MAX_PAGE, Order, cut
from registry.problems import Invalid, NotFound

router = Router(tags=["words"])
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Text = Annotated[str, Field(max_length=NAME_CHARS)]
Long = Annotated[str, Field(max_length=10_000)]
Months = Annotated[int, Field(ge=1, le=words.MOST_MONTHS)]
FieldType = Literal["text", "long_text", "number", "integer", "boolean", "date", "choice", "url", "email"]


class ModelFields(Strict):
    name: Name
    manufacturer: Text = ""
    part_no: Text = ""
    category: UUID | None = None
    replace_after_months: Months | None = None
    notes: Long = ""
    active: bool = True


class ModelChanges(Strict):
    name: Name | None = None
    manufacturer: Text | None = None
    part_no: Text | None = None
    category: UUID | None = None
    replace_after_months: Months | None = None
    notes: Long | None = None
    active: bool | None = None


class SupplierFields(Strict):
    name: Name
    email: Annotated[str, Field(max_length=254)] = ""
    phone: Text = ""
    url: Annotated[str, Field(max_length=500)] = ""
    customer_no: Text = ""
    notes: Long = ""
    active: bool = True


class SupplierChanges(Strict):
    name: Name | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    phone: Text | None = None
    url: Annotated[str, Field(max_length=500)] | None = None
    customer_no: Text | None = None
    notes: Long | None = None
    active: bool | None = None


class CostCenterFields(Strict):
    code: Annotated[str, Field(min_length=1, max_length=40)]
    name: Name
    active: bool = True


class CostCenterChanges(Strict):
    code: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    name: Name | None = None
    active: bool | None = None


class StatusLabelFields(Strict):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    status: StatusName
    active: bool = True


class StatusLabelChanges(Strict):
    name: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    status: StatusName | None = None
    active: bool | None = None


class WordOut(Schema):
    id: UUID
    version: int
    active: bool


class ModelOut(WordOut):
    name: str
    manufacturer: str
    part_no: str
    category: UUID | None
    replace_after_months: int | None
    notes: str


class SupplierOut(WordOut):
    name: str
    email: str
    phone: str
    url: str
    customer_no: str
    notes: str


class CostCenterOut(WordOut):
    code: str
    name: str


class StatusLabelOut(WordOut):
    name: str
    status: str


def _operations(path: str, one: str, model: Any, out: Any, fields: Any, changes: Any, sort: str) -> None:
    """List, add and change words of one kind."""
    page: Any = type(f"{out.__name__}Page", (Paged,), {"__annotations__": {"items": list[out]}})
    order = Order(sort, Lower(sort))
    many, said = path.replace("-", "_"), one.replace("_", " ")

    def found(word_id: UUID) -> Any:
        word = model.objects.filter(pk=word_id).first()
        if word is None:
            raise NotFound(f"There is no such {said}.")
        return word

    @router.get(f"/{path}", response=page, operation_id=f"list_{many}", summary=f"All {path.replace('-', ' ')}")
    def list_words(request: HttpRequest, cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
        acting(request)
        cut_out = cut(model.objects.all(), order, cursor, limit)
        return page(items=[_word_out(row, out) for row in cut_out.rows], next=cut_out.next, previous=cut_out.previous)

    def create(request: HttpRequest, response: HttpResponse, body: Any) -> Any:
        word = words.create_word(by=acting(request), model=model, **_given(request, body))
        response["ETag"] = f'"{word.version}"'
        return Status(201, _word_out(word, out))

    create.__annotations__["body"] = fields
    router.post(f"/{path}", response={201: out}, operation_id=f"create_{one}", summary=f"Add a {said}")(create)

    def change(request: HttpRequest, response: HttpResponse, word_id: Path[UUID], body: Any, if_match: IfMatch = None) -> Any:
        word = found(word_id)
        version = version_seen(if_match, word)
        word = words.change_word(by=acting(request), word=word, version=version, changes=_given(request, body))
        response["ETag"] = f'"{word.version}"'
        return _word_out(word, out)

    change.__annotations__["body"] = changes
    router.patch(f"/{path}/{{word_id}}", response=out, operation_id=f"change_{one}", summary=f"Change a {said}")(change)


def _given(request: HttpRequest, body: Strict) -> dict[str, Any]:
    """What was sent; a null takes away what may be missing and leaves the rest. Raises Invalid."""
    nullable = {"category", "replace_after_months"}
    given = {name: getattr(body, name) for name in body.model_fields_set}
    given = {name: value for name, value in given.items() if value is not None or name in nullable}
    if given.get("category") is not None:
        category = Category.objects.visible_to(acting(request)).filter(pk=given["category"]).first()
        if category is None:
            raise Invalid("category: there is none with this id", field="category")
        given["category"] = category
    return given


def _word_out(word: Any, out: Any) -> Any:
    values = {name: getattr(word, name) for name in out.model_fields if name != "category"}
    if "category" in out.model_fields:
        values["category"] = word.category_id
    return out(**values)


_operations("models", "model", AssetModel, ModelOut, ModelFields, ModelChanges, "name")
_operations("suppliers", "supplier", Supplier, SupplierOut, SupplierFields, SupplierChanges, "name")
_operations("cost-centers", "cost_center", CostCenter, CostCenterOut, CostCenterFields, CostCenterChanges, "code")
_operations("status-labels", "status_label", StatusLabel, StatusLabelOut, StatusLabelFields, StatusLabelChanges, "name")


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
    return TagPage(items=[TagOut(id=tag.pk, name=tag.name) for tag in page.rows], next=page.next, previous=page.previous)


@router.patch("/tags/{word_id}", response=TagOut, operation_id="rename_tag", summary="Rename a tag everywhere")
def rename_tag(request: HttpRequest, word_id: Path[UUID], body: TagName) -> Any:
    tag = tags.rename_tag(by=acting(request), tag=_tag_or_404(word_id), name=body.name)
    return TagOut(id=tag.pk, name=tag.name)


@router.post(
    "/tags/{word_id}/merge", response=TagOut, operation_id="merge_tag", summary="Put another tag in the place of this one"
)
def merge_tag(request: HttpRequest, word_id: Path[UUID], body: TagInto) -> Any:
    into = Tag.objects.filter(pk=body.into).first()
    if into is None:
        raise Invalid("into: there is no tag with this id", field="into")
    tag = tags.merge_tag(by=acting(request), tag=_tag_or_404(word_id), into=into)
    return TagOut(id=tag.pk, name=tag.name)


@router.delete("/tags/{word_id}", response={204: None}, operation_id="delete_tag", summary="Take a tag off everything")
def delete_tag(request: HttpRequest, word_id: Path[UUID]) -> Any:
    tags.delete_tag(by=acting(request), tag=_tag_or_404(word_id))
    return Status(204, None)


def _tag_or_404(tag_id: UUID) -> Tag:
    tag = Tag.objects.filter(pk=tag_id).first()
    if tag is None:
        raise NotFound("There is no such tag.")
    return tag


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


class OwnFields(Schema):
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
def list_custom_fields(request: HttpRequest) -> Any:
    by = acting(request)
    seen = set(Category.objects.visible_to(by).values_list("pk", flat=True))
    return OwnFields(items=[_field_out(one, seen) for one in CustomField.objects.prefetch_related("categories")])


@router.post("/custom-fields", response={201: OwnFieldOut}, operation_id="create_custom_field", summary="Add a field of your own")
def create_custom_field(request: HttpRequest, response: HttpResponse, body: NewOwnField) -> Any:
    given, categories = _field_given(request, body)
    field = own_fields.create_field(by=acting(request), kind=given.pop("type"), categories=categories or (), **given)
    response["ETag"] = f'"{field.version}"'
    return Status(201, _field_out(field))


@router.patch(
    "/custom-fields/{field_id}", response=OwnFieldOut, operation_id="change_custom_field", summary="Change a field of your own"
)
def change_custom_field(
    request: HttpRequest, response: HttpResponse, field_id: Path[UUID], body: OwnFieldChanges, if_match: IfMatch = None
) -> Any:
    """Key and type stay for ever. `active: false` retires it: its values stay."""
    field = CustomField.objects.filter(pk=field_id).first()
    if field is None:
        raise NotFound("There is no such field.")
    version = version_seen(if_match, field)
    given, categories = _field_given(request, body)
    field = own_fields.change_field(by=acting(request), field=field, version=version, changes=given, categories=categories)
    response["ETag"] = f'"{field.version}"'
    return _field_out(field)


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


def _field_out(field: CustomField, seen: set[UUID] | None = None) -> OwnFieldOut:
    plain: dict[str, Any] = {
        name: getattr(field, name) for name in OwnFieldOut.model_fields if name not in ("categories", "minimum", "maximum")
    }
    bounds: dict[str, Any] = {name: _bound_out(getattr(field, name)) for name in ("minimum", "maximum")}
    categories = [one.pk for one in field.categories.all() if seen is None or one.pk in seen]
    return OwnFieldOut(**plain, **bounds, categories=categories)


def _bound_out(bound: Any) -> str | None:
    return format(bound.normalize() + 0, "f") if bound is not None else None
