"""People, who of them logs in, and which roles they have where. For administrators; others see the names of people."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from registry.access import people
from registry.access.actors import ROLES, Action, Actor
from registry.access.models import Person, RoleBinding
from registry.assets.pickers import Picked
from registry.assets.pickers import bind as bind_pickers
from registry.page import acting, changed_meanwhile, page, put_errors, said
from registry.paging import BadCursor, Order, cut
from registry.people.words import MEANS
from registry.problems import Problem, Stale

PAGE_SIZE = 50
BY_NAME = Order("name", Lower("name"))


class PersonForm(forms.Form):
    name = forms.CharField(max_length=people.NAME_CHARS)
    email = forms.CharField(label="Mail address", max_length=254, required=False)
    number = forms.CharField(label="Staff number", max_length=60, required=False)
    department = forms.CharField(max_length=people.NAME_CHARS, required=False)


class ChangePersonForm(PersonForm):
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


class NewPersonForm(PersonForm):
    username = forms.CharField(label="Name to log in with", max_length=people.USERNAME_CHARS, required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=[(role, role.capitalize()) for role in ROLES])
    location = Picked("place", label="Place", required=False, empty="Everywhere")
    category = Picked("category", required=False, empty="All categories")

    def __init__(self, by: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bind_pickers(self, by)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    if not by.may_anywhere(Action.HANDLE) and not by.may_everywhere(Action.ADMINISTER):
        raise PermissionDenied
    q = request.GET.get("q", "").replace("\0", "").strip()[:100]
    found = Person.objects.select_related("user")
    for word in q.split()[:5]:
        found = found.filter(Q(name__icontains=word) | Q(department__icontains=word) | Q(number__istartswith=word))
    if not by.may_everywhere(Action.ADMINISTER):
        found = found.filter(active=True)
    try:
        shown = cut(found, BY_NAME, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        shown = cut(found, BY_NAME, None, PAGE_SIZE)
    bound: dict[Any, list[str]] = {}
    users = [person.user_id for person in shown.rows]
    for binding in RoleBinding.objects.filter(user__in=users).select_related("location", "category"):
        bound.setdefault(binding.user_id, []).append(where(binding))
    administers = by.may_everywhere(Action.ADMINISTER)
    rows = [(person, _roles(person, bound) if administers else []) for person in shown.rows]
    context = {"area": "people", "rows": rows, "q": q, "next": shown.next, "previous": shown.previous, "administers": administers}
    return render(request, "people/people.html", context)


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = administering(request)
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        username = given.pop("username")
        try:
            person = people.create_person(by=by, **given)
            password = people.invite(by=by, username=username, person=person)[1] if username else ""
        except Problem as problem:
            put_errors(form, problem)
        else:
            if password:
                return _with_password(request, person, password)
            messages.success(request, f"{person.name} is added.", "good")
            return redirect("person", person.pk)
    context = {"area": "people", "form": form}
    return render(request, "people/person_form.html", context, status=422 if form.errors else 200)


@page()
def show(request: HttpRequest, person_id: UUID) -> HttpResponse:
    administering(request)
    return _shown(request, _person(person_id))


@page("GET", "POST")
def edit(request: HttpRequest, person_id: UUID) -> HttpResponse:
    by, person = administering(request), _person(person_id)
    form = ChangePersonForm(request.POST or None, initial=_values(person))
    meanwhile = None
    if request.method == "POST" and form.is_valid():
        try:
            people.change_person(by=by, person_id=person.pk, **form.cleaned_data)
        except Stale:
            meanwhile = changed_meanwhile(form, _values(_person(person_id)))
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, "Saved.", "good")
            return redirect("person", person.pk)
    context = {"area": "people", "form": form, "person": person, "meanwhile": meanwhile}
    return render(request, "people/person_form.html", context, status=422 if form.errors or meanwhile is not None else 200)


def _values(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in (*people.FIELDS, "version")}


@page("POST")
def invite(request: HttpRequest, person_id: UUID) -> HttpResponse:
    by, person = administering(request), _person(person_id)
    try:
        person, password = people.invite(by=by, username=request.POST.get("username", ""), person=person)
    except Problem as problem:
        return _shown(request, person, invite_error=said(problem), username=request.POST.get("username", "")[:150])
    return _with_password(request, person, password)


@page("POST")
def password(request: HttpRequest, person_id: UUID) -> HttpResponse:
    by, person = administering(request), _with_user(person_id)
    return _with_password(request, person, people.new_password(by=by, user_id=person.user_id))


@page("POST")
def active(request: HttpRequest, person_id: UUID) -> HttpResponse:
    by, person = administering(request), _with_user(person_id)
    wanted = request.POST.get("active") == "yes"
    told = f"{person.name} may log in again." if wanted else f"{person.name} cannot log in any more."
    return _done(request, person, told, lambda: people.set_active(by=by, user_id=person.user_id, active=wanted))


@page("POST")
def bind(request: HttpRequest, person_id: UUID) -> HttpResponse:
    by, person = administering(request), _with_user(person_id)
    form = RoleForm(acting(request), request.POST)
    if form.is_valid():
        try:
            people.bind(by=by, user_id=person.user_id, **form.cleaned_data)
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"{person.name} is {form.cleaned_data['role']} now.", "good")
            return redirect("person", person.pk)
    return _shown(request, person, role_form=form)


@page("POST")
def unbind(request: HttpRequest, person_id: UUID, binding_id: UUID) -> HttpResponse:
    by, person = administering(request), _with_user(person_id)
    binding = get_object_or_404(RoleBinding, pk=binding_id, user=person.user_id)
    return _done(request, person, "The role is taken away.", lambda: people.unbind(by=by, binding_id=binding.pk))


@page("POST")
def erase(request: HttpRequest, person_id: UUID) -> HttpResponse:
    by, person = administering(request), _person(person_id)
    if request.POST.get("name", "").strip() != person.name:
        return _shown(request, person, erase_error="Type the name as it stands above, then it is erased.")
    return _done(request, person, "The person is erased.", lambda: people.erase_person(by=by, person_id=person.pk))


def administering(request: HttpRequest) -> Actor:
    by = acting(request)
    if not by.may_everywhere(Action.ADMINISTER):
        raise PermissionDenied
    return by


def where(binding: RoleBinding) -> str:
    """`manager at Hall A, only Pumps`."""
    place = f" at {binding.location.name}" if binding.location is not None else ""
    kind = f", only {binding.category.name}" if binding.category is not None else ""
    return f"{binding.role}{place}{kind}"


def _roles(person: Person, bound: dict[Any, list[str]]) -> list[str]:
    if person.user is None:
        return []
    return ["administrator", *bound.get(person.user_id, [])] if person.user.is_superuser else bound.get(person.user_id, [])


def _person(person_id: UUID) -> Person:
    return get_object_or_404(Person.objects.select_related("user"), pk=person_id)


def _with_user(person_id: UUID) -> Any:
    return get_object_or_404(Person.objects.select_related("user").filter(user__isnull=False), pk=person_id)


def _done(request: HttpRequest, person: Person, told: str, do: Callable[[], Any]) -> HttpResponse:
    try:
        do()
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    else:
        messages.success(request, told, "good")
    return redirect("person", person.pk)


def _with_password(request: HttpRequest, person: Person, password: str) -> HttpResponse:
    """Shown in the answer itself and nowhere kept: going back to the page does not show it again."""
    response = _shown(request, Person.objects.select_related("user").get(pk=person.pk), one_time=password)
    response.status_code = 200
    response["Cache-Control"] = "no-store"
    return response


def _shown(request: HttpRequest, person: Person, **more: Any) -> HttpResponse:
    bindings = RoleBinding.objects.filter(user=person.user_id).select_related("location", "category") if person.user_id else []
    roles = [(binding, where(binding), MEANS[binding.role]) for binding in bindings]
    tokens = list(person.user.tokens.filter(revoked_at__isnull=True)) if person.user is not None else []
    context = {
        "area": "people", "person": person, "roles": roles, "tokens": tokens, "means": MEANS.items(),
        "role_form": RoleForm(acting(request)),
        "assets": person.assets.count(), "last_login": person.user.last_login if person.user is not None else None,
    }  # fmt: skip
    wrong = bool(more.get("invite_error") or more.get("erase_error") or more.get("role_form"))
    return render(request, "people/person.html", context | more, status=422 if wrong else 200)
