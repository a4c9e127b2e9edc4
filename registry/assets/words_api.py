"""REST: the words a company sorts its assets by: models, suppliers, cost centres, status labels. All have the same operations;
tags and fields of its own stand in fields_api.py."""

from typing import Annotated, Any
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema, Status
from pydantic import Field

from registry.assets import words
from registry.assets.models import NAME_CHARS, AssetModel, Category, CostCenter, StatusLabel, Supplier
from registry.assets.schemas import Name, StatusName
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, tagged, version_seen
from registry.paging import MAX_PAGE, Order, cut
from registry.problems import Invalid, NotFound

router = Router(tags=["words"])
Text = Annotated[str, Field(max_length=NAME_CHARS)]
Long = Annotated[str, Field(max_length=10_000)]
Months = Annotated[int, Field(ge=1, le=words.MOST_MONTHS)]


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
    """List, add, read, change and delete words of one kind."""
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
        return Status(201, tagged(response, _word_out(word, out)))

    create.__annotations__["body"] = fields
    router.post(f"/{path}", response={201: out}, operation_id=f"create_{one}", summary=f"Add a {said}")(create)

    @router.get(
        f"/{path}/{{word_id}}", response=out, operation_id=f"get_{one}", summary=f"Read a {said}", openapi_extra=READ_ONCE
    )
    def read(request: HttpRequest, response: HttpResponse, word_id: Path[UUID]) -> Any:
        return tagged(response, _word_out(found(word_id), out))

    @router.delete(
        f"/{path}/{{word_id}}", response={204: None}, operation_id=f"delete_{one}", summary=f"Delete a {said} that nothing has"
    )
    def delete(request: HttpRequest, word_id: Path[UUID]) -> Any:
        words.delete_word(by=acting(request), word=found(word_id))
        return Status(204, None)

    def change(request: HttpRequest, response: HttpResponse, word_id: Path[UUID], body: Any, if_match: IfMatch = None) -> Any:
        word = found(word_id)
        version = version_seen(if_match, word)
        word = words.change_word(by=acting(request), word=word, version=version, changes=_given(request, body))
        return tagged(response, _word_out(word, out))

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
