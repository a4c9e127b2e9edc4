"""What may be done about people, users and their roles. Each function owns its transaction and is for administrators.

A Person is somebody who can have assets; a User is one who logs in; most are both. There is always at least one active
administrator of everything, whatever is asked for.
"""

import secrets
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import ROLES, Action, Actor
from registry.access.models import ApiToken, Person, RoleBinding, User
from registry.problems import Forbidden, Invalid, NotFound, Stale, Taken
from registry.texts import line

NAME_CHARS, USERNAME_CHARS = 200, 150
FIELDS = ("name", "email", "number", "department")
PSEUDONYM = "Erased person"


@transaction.atomic
def create_person(*, by: Actor, name: str, email: str = "", number: str = "", department: str = "") -> Person:
    """Add somebody who can have assets. Raises Invalid, Taken, Forbidden."""
    _must_administer(by)
    values = _checked({"name": name, "email": email, "number": number, "department": department})
    return _make_person(by, values, None)


@transaction.atomic
def change_person(*, by: Actor, person_id: UUID, version: int | None = None, **changes: Any) -> Person:
    """Change some of FIELDS and `active`. `version` is the one the caller saw.

    Raises Invalid, Taken, NotFound, Forbidden, Stale."""
    _must_administer(by)
    person = _held(person_id)
    if version is not None and version != person.version:
        raise Stale(f"{person.name} was changed meanwhile; look again")
    values = _checked({name: value for name, value in changes.items() if name in FIELDS})
    if changes.get("active") is not None:
        values["active"] = bool(changes["active"])
    differ = sorted(name for name, value in values.items() if getattr(person, name) != value)
    try:
        with transaction.atomic():
            Person.objects.filter(pk=person.pk).update(**values, version=F("version") + 1)
    except IntegrityError:
        raise Taken("number: another person has this number", field="number") from None
    person.refresh_from_db()
    log.record(by, person, "changed", fields=differ)  # which ones; what they were would outlast an erasure
    return person


@transaction.atomic
def invite(*, by: Actor, username: str, person: Person | None = None, name: str = "", email: str = "") -> tuple[Person, str]:
    """Let a person log in (a new one without `person`): return them and a one-time password, to be changed at the first log-in.
    They may nothing until they get a role. Raises Invalid, Taken, Forbidden."""
    _must_administer(by)
    login = line(username, field="username", most=USERNAME_CHARS)
    if person is not None and (person.user_id is not None or person.erased_at is not None):
        raise Invalid("this person has a name to log in with already" if person.user_id else "an erased person cannot log in")
    if User.objects.filter(username__iexact=login).exists():
        raise Taken("username: somebody logs in with this name already", field="username")
    password = secrets.token_urlsafe(12)
    user = User(username=login, must_change_password=True)
    user.set_password(password)
    user.save(force_insert=True)
    if person is None:
        person = _make_person(by, _checked({"name": name or login, "email": email}), user)
    else:
        Person.objects.filter(pk=person.pk).update(user=user, version=F("version") + 1)
        person.refresh_from_db()
    log.record(by, user, "invited", person=person)
    return person, password


@transaction.atomic
def new_password(*, by: Actor, user_id: UUID) -> str:
    """Replace a lost password by a one-time one; open sessions of the user end. Raises NotFound, Forbidden."""
    _must_administer(by)
    user = _user(user_id)
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    log.record(by, user, "one-time password given")
    return password


@transaction.atomic
def set_active(*, by: Actor, user_id: UUID, active: bool) -> User:
    """Let a user in or keep them out, from their next request on.

    Raises Invalid for the last administrator, NotFound, Forbidden."""
    _must_administer(by)
    user = _user(user_id)
    if user.is_active == active:
        return user
    user.is_active = active
    user.save(update_fields=["is_active"])
    _somebody_administers()
    log.record(by, user, "activated" if active else "deactivated", {"active": not active}, active=active)
    return user


@transaction.atomic
def bind(*, by: Actor, user_id: UUID, role: str, location: Any = None, category: Any = None) -> RoleBinding:
    """Give a role, everywhere or within a place and a category. Raises Invalid, Taken, NotFound, Forbidden."""
    _must_administer(by)
    user = _user(user_id)
    if role not in ROLES:
        raise Invalid(f"role: {role[:40]!r} is not one of {', '.join(ROLES)}", field="role")
    binding = RoleBinding(user=user, role=role, location=location, category=category)
    try:
        with transaction.atomic():
            binding.save(force_insert=True)
    except IntegrityError:
        raise Taken("role: they have this role there already", field="role") from None
    log.record(by, user, "role given", role=role, place=location, category=category)
    return binding


@transaction.atomic
def unbind(*, by: Actor, binding_id: UUID) -> User:
    """Take a role away. Raises Invalid for the last administrator; NotFound, Forbidden."""
    _must_administer(by)
    found = RoleBinding.objects.select_related("user", "location", "category").filter(pk=binding_id).first()
    if found is None:
        raise NotFound("this role was taken away already")
    user = found.user
    said = {"role": found.role, "place": found.location, "category": found.category}
    found.delete()
    _somebody_administers()
    log.record(by, user, "role taken away", said)
    return user


@transaction.atomic
def erase_person(*, by: Actor, person_id: UUID) -> Person:
    """Forget who it was: a pseudonym stands in place of the name, and nobody logs in with it any more; what they signed is taken
    away (its file goes by retention.sweep). What they had and did stays under the pseudonym; the log of changes never knew more
    than the id. There is no way back.

    Raises Invalid, NotFound, Forbidden."""
    _must_administer(by)
    person = _held(person_id)
    if person.erased_at is not None:
        return person
    if person.assets.exists():
        raise Invalid(f"{person.name} still has {person.assets.count()} assets; take them back or hand them on first")
    pseudonym = f"{PSEUDONYM} {person.pk.hex[-6:]}"
    if person.user_id is not None:
        _forget_user(_user(person.user_id))
    Person.objects.filter(pk=person.pk).update(
        name=pseudonym, email="", number=None, department="", active=False, erased_at=timezone.now(), version=F("version") + 1
    )
    person.custodies.update(accepted_as="", signature=None)  # of the app above, reached by name
    person.refresh_from_db()
    log.record(by, person, "erased")
    return person


def administrators() -> list[User]:
    """The active users who may do everything everywhere."""
    everywhere = Q(bindings__role="administrator", bindings__location__isnull=True, bindings__category__isnull=True)
    return list(User.objects.filter(Q(is_superuser=True) | everywhere, is_active=True).distinct())


def _forget_user(user: User) -> None:
    user.username, user.first_name, user.last_name, user.email = f"erased-{user.pk.hex}", "", "", ""
    user.is_active = user.is_superuser = user.is_staff = False
    user.set_unusable_password()  # and so every open session ends
    user.save()
    _somebody_administers()
    user.bindings.all().delete()
    ApiToken.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=timezone.now())
    user.views.filter(shared=False).delete()
    for relation in ("emailaddress_set", "socialaccount_set", "authenticator_set"):  # of the log-in by others, where it is in use
        if hasattr(user, relation):
            getattr(user, relation).all().delete()


def _make_person(by: Actor, values: dict[str, Any], user: User | None) -> Person:
    person = Person(**values, user=user)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise Taken("number: another person has this number", field="number") from None
    log.record(by, person, "created")
    return person


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in given.items():
        most = {"number": 60, "email": 254}.get(field, NAME_CHARS)
        values[field] = line(value or "", field=field, most=most, required=field == "name")
    if values.get("email"):
        try:
            validate_email(values["email"])
        except ValidationError:
            raise Invalid("email: this is no mail address", field="email") from None
    if "number" in values:
        values["number"] = values["number"] or None
    return values


def _held(person_id: UUID) -> Person:
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    if person is None:
        raise NotFound("there is no such person")
    return person


def _user(user_id: UUID) -> User:
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound("there is no such user")
    return user


def _somebody_administers() -> None:
    """To be asked after the change, inside its transaction. Two who take the other's role at once wait for each other's rows."""
    list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk").values_list("pk"))
    list(RoleBinding.objects.select_for_update().filter(role="administrator").order_by("pk").values_list("pk"))
    if not administrators():
        raise Invalid("this is the last administrator; make somebody else one first")


def _must_administer(by: Actor) -> None:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("people, users and roles are for administrators")
