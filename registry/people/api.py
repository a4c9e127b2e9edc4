"""REST: people, whether they log in, and their roles."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.access import people
from registry.access.actors import Action, Actor
from registry.access.models import Person, RoleBinding, User
from registry.assets.models import Category, Location
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, tagged, version_seen
from registry.paging import Order, Page, cut
from registry.people.changes_api import router as changes_router
from registry.people.tokens_api import router as tokens_router
from registry.problems import Forbidden, NotFound

router = Router()
for _part in (tokens_router, changes_router):
    router.add_router("", _part)

BY_NAME = Order("name", Lower("name"))
BY_ROLE = Order("role", F("role"))
RoleName = Literal["viewer", "operator", "auditor", "accountant", "manager", "administrator"]
Text = Annotated[str, Field(max_length=people.NAME_CHARS)]


class PersonOut(Schema):
    """What only administrators see is null for others."""

    id: UUID
    name: str
    department: str
    active: bool
    number: str | None
    email: str | None
    username: str | None
    may_log_in: bool | None
    version: int | None


class PersonPage(Paged):
    items: list[PersonOut]


class NewPerson(Strict):
    name: Annotated[str, Field(min_length=1, max_length=people.NAME_CHARS)]
    email: Annotated[str, Field(max_length=254)] = ""
    number: Annotated[str, Field(max_length=60)] = ""
    department: Text = ""


class PersonChanges(Strict):
    name: Annotated[str, Field(min_length=1, max_length=people.NAME_CHARS)] | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    number: Annotated[str, Field(max_length=60)] | None = None
    department: Text | None = None
    active: bool | None = None


class Invitation(Strict):
    username: Annotated[str, Field(min_length=1, max_length=people.USERNAME_CHARS)]


class Invited(Schema):
    """The one-time password cannot be shown again."""

    person: PersonOut
    password: str


class OneTimePassword(Schema):
    """To be changed at the next log-in; it cannot be shown again."""

    password: str


class LogIn(Strict):
    """Whether this person may log in, from their next request on."""

    active: bool


class RoleOut(Schema):
    """`place` and `category` are null where the role holds for all of them."""

    id: UUID
    role: str
    place: UUID | None
    category: UUID | None


class RolePage(Paged):
    items: list[RoleOut]


class NewRole(Strict):
    role: RoleName
    place: UUID | None = None
    category: UUID | None = None


@router.get("/people", response=PersonPage, operation_id="list_people", tags=["people"], summary="People who can have assets")
def list_people(
    request: HttpRequest, q: Annotated[str, Query(max_length=100)] = "", cursor: Cursor = None, limit: Limit = 50
) -> Any:
    by = acting(request)
    if not by.may_anywhere(Action.HANDLE) and not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("people are listed for those who hand out assets")
    found = Person.objects.select_related("user")
    for word in q.replace("\0", "").split()[:5]:
        found = found.filter(Q(name__icontains=word) | Q(department__icontains=word) | Q(number__istartswith=word))
    if not by.may_everywhere(Action.ADMINISTER):
        found = found.filter(active=True)
    page = cut(found, BY_NAME, cursor, limit)
    return PersonPage(items=[_person_out(by, row) for row in page.rows], next=page.next, previous=page.previous)


@router.post("/people", response={201: PersonOut}, operation_id="create_person", tags=["people"], summary="Add a person")
def create_person(request: HttpRequest, response: HttpResponse, body: NewPerson) -> Any:
    by = acting(request)
    return Status(201, tagged(response, _person_out(by, people.create_person(by=by, **body.model_dump()))))


@router.get(
    "/people/{person_id}",
    response=PersonOut,
    operation_id="get_person",
    tags=["people"],
    summary="Read a person",
    openapi_extra=READ_ONCE,
)
def get_person(request: HttpRequest, response: HttpResponse, person_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, _person_out(by, _person(by, person_id)))


@router.patch("/people/{person_id}", response=PersonOut, operation_id="change_person", tags=["people"], summary="Change a person")
def change_person(
    request: HttpRequest, response: HttpResponse, person_id: Path[UUID], body: PersonChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    person = _person(by, person_id)
    version = version_seen(if_match, person)
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    people.change_person(by=by, person_id=person.pk, version=version, **changes)
    return tagged(response, _person_out(by, _person(by, person_id)))


@router.post(
    "/people/{person_id}/erase", response=PersonOut, operation_id="erase_person", tags=["people"], summary="Erase a person"
)
def erase_person(request: HttpRequest, person_id: Path[UUID]) -> Any:
    """A pseudonym takes the name's place; what they had and did stays. There is no way back."""
    by = acting(request)
    return _person_out(by, people.erase_person(by=by, person_id=_person(by, person_id).pk))


@router.post(
    "/people/{person_id}/user", response={201: Invited}, operation_id="invite_person", tags=["people"], summary="Let log in"
)
def invite_person(request: HttpRequest, response: HttpResponse, person_id: Path[UUID], body: Invitation) -> Any:
    by = acting(request)
    response["Cache-Control"] = "no-store"
    person, password = people.invite(by=by, username=body.username, person=_person(by, person_id))
    return Status(201, Invited(person=_person_out(by, person), password=password))


@router.post(
    "/people/{person_id}/password",
    response=OneTimePassword,
    operation_id="give_new_password",
    tags=["people"],
    summary="Give a one-time password to somebody who forgot theirs",
)
def give_new_password(request: HttpRequest, response: HttpResponse, person_id: Path[UUID]) -> Any:
    by = acting(request)
    user = _user(by, person_id)
    response["Cache-Control"] = "no-store"
    return OneTimePassword(password=people.new_password(by=by, user_id=user.pk))


@router.post(
    "/people/{person_id}/log-in",
    response=PersonOut,
    operation_id="let_log_in",
    tags=["people"],
    summary="Keep somebody out, or let them in again",
)
def let_log_in(request: HttpRequest, person_id: Path[UUID], body: LogIn) -> Any:
    by = acting(request)
    people.set_active(by=by, user_id=_user(by, person_id).pk, active=body.active)
    return _person_out(by, _person(by, person_id))


@router.get("/people/{person_id}/roles", response=RolePage, operation_id="list_roles", tags=["people"], summary="Their roles")
def list_roles(request: HttpRequest, person_id: Path[UUID], cursor: Cursor = None, limit: Limit = 50) -> Any:
    user = _user(acting(request), person_id)
    page: Page[RoleBinding] = cut(RoleBinding.objects.filter(user=user), BY_ROLE, cursor, limit)
    return RolePage(items=[_role_out(binding) for binding in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/people/{person_id}/roles", response={201: RoleOut}, operation_id="give_role", tags=["people"], summary="Give a role"
)
def give_role(request: HttpRequest, person_id: Path[UUID], body: NewRole) -> Any:
    by = acting(request)
    user = _user(by, person_id)
    place = _one(Location.objects.filter(pk=body.place), "place") if body.place else None
    category = _one(Category.objects.filter(pk=body.category), "category") if body.category else None
    return Status(201, _role_out(people.bind(by=by, user_id=user.pk, role=body.role, location=place, category=category)))


@router.delete(
    "/people/{person_id}/roles/{binding_id}",
    response={204: None},
    operation_id="take_role",
    tags=["people"],
    summary="Take a role",
)
def take_role(request: HttpRequest, person_id: Path[UUID], binding_id: Path[UUID]) -> Any:
    by = acting(request)
    binding = _one(RoleBinding.objects.filter(pk=binding_id, user=_user(by, person_id)), "role")
    people.unbind(by=by, binding_id=binding.pk)
    return Status(204, None)


# ---- what they share -----------------------------------------------------------------------------------------------------------


def _person_out(by: Actor, person: Person) -> PersonOut:
    whole = by.may_everywhere(Action.ADMINISTER)
    return PersonOut(
        id=person.pk, name=person.name, department=person.department, active=person.active,
        number=person.number if whole else None, email=person.email if whole else None,
        username=person.user.username if whole and person.user is not None else None, version=person.version if whole else None,
        may_log_in=(person.user is not None and person.user.is_active) if whole else None,
    )  # fmt: skip


def _person(by: Actor, person_id: UUID) -> Person:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("people are for administrators")
    found: Person = _one(Person.objects.select_related("user").filter(pk=person_id), "person")
    return found


def _user(by: Actor, person_id: UUID) -> User:
    person = _person(by, person_id)
    if person.user is None:
        raise NotFound("This person does not log in; invite them first.")
    return person.user


def _one(found: Any, what: str) -> Any:
    row = found.first()
    if row is None:
        raise NotFound(f"There is no such {what}.", field=what)
    return row


def _role_out(binding: RoleBinding) -> RoleOut:
    return RoleOut(id=binding.pk, role=binding.role, place=binding.location_id, category=binding.category_id)
