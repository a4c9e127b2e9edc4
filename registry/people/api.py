"""REST: people, their roles, tokens, and the log of changes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from registry.access import people, services
from registry.access.actors import Action, Actor
from registry.access.models import ApiToken, Person, RoleBinding, User
from registry.assets.models import Category, Location
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, tagged, version_seen
from registry.paging import Order, Page, cut
from registry.people import log
from registry.problems import Forbidden, NotFound

router = Router()

BY_NAME = Order("name", Lower("name"))
BY_TOKEN = Order("name", F("name"))
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


class TokenOut(Schema):
    id: UUID
    name: str
    prefix: str
    scope: str
    person: str | None
    allowed_ips: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenPage(Paged):
    items: list[TokenOut]


class NewToken(Strict):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    scope: Literal["read", "write"] = "read"
    expires_at: AwareDatetime | None = None
    allowed_ips: list[Annotated[str, Field(max_length=50)]] = Field(default_factory=list, max_length=services.MOST_NETWORKS)


class NewTokenOut(Schema):
    """`text` is the token itself; nobody can show it again."""

    token: TokenOut
    text: str


class ChangedField(Schema):
    name: str
    before: str
    after: str


class ChangeOut(Schema):
    """One change. `object_id` and `request` find what else concerns the same thing, and what was changed together."""

    id: UUID
    at: datetime
    who: str
    through: str
    request: UUID
    kind: str
    object_id: str
    object: str
    action: str
    fields: list[ChangedField]


class ChangePage(Schema):
    """`next` is the `after` of the next question, or null at the end. A page may be short, or empty, before the end: who may read
    only a part of the log looks through some of it at a time."""

    items: list[ChangeOut]
    next: UUID | None


# ---- people --------------------------------------------------------------------------------------------------------------------


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


# ---- tokens --------------------------------------------------------------------------------------------------------------------


@router.get("/tokens", response=TokenPage, operation_id="list_tokens", tags=["tokens"], summary="Tokens, without their secrets")
def list_tokens(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    by = acting(request)
    found = ApiToken.objects.select_related("user__person")
    if not by.may_everywhere(Action.ADMINISTER):
        found = found.filter(user=by.user_id) if by.user_id is not None else found.filter(pk__in=[by.token_id])
    page = cut(found, BY_TOKEN, cursor, limit)
    return TokenPage(items=[_token_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/tokens", response={201: NewTokenOut}, operation_id="create_token", tags=["tokens"], summary="Make a token of one's own"
)
def create_token(request: HttpRequest, response: HttpResponse, body: NewToken) -> Any:
    """It may what its maker may, within its scope."""
    by = acting(request)
    user = User.objects.get(pk=by.user_id) if by.user_id is not None else None
    token, text = services.issue_token(
        by=by, name=body.name, scope=body.scope, user=user, expires_at=body.expires_at, allowed_ips=body.allowed_ips
    )
    response["Cache-Control"] = "no-store"
    return Status(201, NewTokenOut(token=_token_out(token), text=text))


@router.post("/tokens/{token_id}/revoke", response=TokenOut, operation_id="revoke_token", tags=["tokens"], summary="End a token")
def revoke_token(request: HttpRequest, token_id: Path[UUID]) -> Any:
    return _token_out(services.revoke_token(by=acting(request), token_id=token_id))


# ---- the log of changes --------------------------------------------------------------------------------------------------------


@router.get("/changes", response=ChangePage, operation_id="list_changes", tags=["changes"], summary="Who changed what")
def list_changes(
    request: HttpRequest,
    kind: Annotated[str, Query(max_length=40, description="asset, location, category, person, ...")] = "",
    object_id: Annotated[str, Query(max_length=40, description="Of this thing alone")] = "",
    user: Annotated[UUID | None, Query(description="By this user")] = None,
    request_id: Annotated[UUID | None, Query(alias="request", description="By this request, import or run")] = None,
    since: Annotated[AwareDatetime | None, Query()] = None,
    until: Annotated[AwareDatetime | None, Query()] = None,
    after: Annotated[UUID | None, Query(description="`next` of the answer before")] = None,
    limit: Limit = 50,
) -> Any:
    """Newest first."""
    wanted = log.Wanted(kind, object_id, user, request_id, since, until)
    found = log.find(acting(request), wanted, after=after, size=limit)
    return ChangePage(items=[_change_out(entry) for entry in found.entries], next=found.next)


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


def _token_out(token: ApiToken) -> TokenOut:
    owner = str(getattr(token.user, "person", None) or token.user.username) if token.user is not None else None
    return TokenOut(
        id=token.pk, name=token.name, prefix=token.prefix, scope=token.scope, person=owner, allowed_ips=token.allowed_ips,
        created_at=token.created_at, expires_at=token.expires_at, last_used_at=token.last_used_at, revoked_at=token.revoked_at,
    )  # fmt: skip


def _change_out(entry: log.Entry) -> ChangeOut:
    change = entry.change
    return ChangeOut(
        id=change.pk, at=change.at, who=entry.who, through=change.through, request=change.request_id, kind=change.object_type,
        object_id=change.object_id, object=entry.name, action=change.action,
        fields=[ChangedField(name=field.name, before=field.before, after=field.after) for field in entry.fields],
    )  # fmt: skip
