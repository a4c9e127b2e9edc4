"""The page of one gateway's orders: what was ordered and what it answered, a form for more, and what is set over its settings."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.orders import services, words
from registry.orders.models import GatewayConfiguration, GatewayOrder
from registry.page import acting, page, put_errors
from registry.paging import BadCursor, Order, cut
from registry.problems import Forbidden, NotFound, Problem
from registry.tracking.gateway_health import last
from registry.tracking.models import Gateway
from sync.verbs import Verb

PAGE_SIZE: Final = 50
NEWEST: Final = Order("newest", F("placed_at"), "time", descending=True)
CALLED: Final = {
    Verb.PING: "Say how it is",
    Verb.IDENTIFY: "Let a reader beep",
    Verb.ZONE: "Set parameters of a zone",
    Verb.REREAD: "Read gateway.toml again",
    Verb.ROTATE_KEYS: "Go over to a new key",
}
CHIPS: Final = {"waiting": "waiting", "done": "good", "refused": "attention", "failed": "failed", "expired": "attention"}
SET_CHIPS: Final = {"waiting": "waiting", "holds": "good", "refused": "attention", "taken_back": "attention"}


class OrderForm(forms.Form):
    verb = forms.ChoiceField(label="What it is to do")
    arguments = forms.CharField(
        label="With",
        required=False,
        max_length=2000,
        widget=forms.TextInput({"list": "offered", "autocomplete": "off"}),
        help_text="For a beep: reader=dock-3. For a zone: zone=hall-a rules.lost_max_s=300; without rules, what was set goes.",
    )

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        may = [verb for verb in CALLED if by.may_everywhere(services.NEEDS.get(verb, Action.ADMINISTER))]
        self.fields["verb"].choices = [(verb.value, CALLED[verb]) for verb in may]  # type: ignore[attr-defined]


@page("GET", "POST")
def orders(request: HttpRequest, gateway_id: str) -> HttpResponse:
    by = acting(request)
    try:
        placed = services.orders_of(by=by, gateway_id=gateway_id)
        shown = cut(placed, NEWEST, request.GET.get("cursor"), PAGE_SIZE)
    except Forbidden:
        raise PermissionDenied from None
    except (NotFound, BadCursor):
        raise Http404 from None
    form = OrderForm(by, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        verb, typed = form.cleaned_data["verb"], form.cleaned_data["arguments"]
        try:
            services.order(by=by, gateway_id=gateway_id, verb=verb, arguments=words.arguments_of(typed.split()))
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, "It is told.", "good")
            return redirect("gateway-orders", gateway_id)
    gateway = Gateway.objects.get(pk=gateway_id)
    context = {
        "area": "gateways",
        "gateway": gateway,
        "offered": [f"reader={reader.name}" for reader in last(gateway).readers] if by.sees_all_places() else [],
        "form": form,
        "rows": [_row(one.settle(timezone.now())) for one in shown.rows],
        "waiting": any(one.state == GatewayOrder.State.WAITING for one in shown.rows),
        "next": shown.next,
        "previous": shown.previous,
        "set": _set(gateway_id) if by.may_everywhere(Action.ADMINISTER) else None,
    }
    only = "part" in request.GET
    return render(request, "orders/_list.html" if only else "orders/orders.html", context, status=422 if form.errors else 200)


def _row(one: GatewayOrder) -> dict[str, Any]:
    called = CALLED.get(Verb(one.verb)) if one.verb in set(Verb) else one.verb
    arguments = "" if one.verb == Verb.ROTATE_KEYS else words.in_words(one.arguments)
    return {"order": one, "called": called, "arguments": arguments, "chip": CHIPS[one.state]}


def _set(gateway_id: str) -> dict[str, Any] | None:
    row = GatewayConfiguration.objects.filter(gateway=gateway_id).first()
    if row is None:
        return None
    return {"row": row, "chip": SET_CHIPS[row.state], "lines": _lines(row.content)}


def _lines(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (what, value) of what is set."""
    plain = [(name.replace("_", " ").capitalize(), str(value)) for name, value in content.items() if not isinstance(value, dict)]
    for kind in ("zones", "doors"):
        plain += [(f"{kind[:-1].capitalize()} {name}", words.in_words(rules)) for name, rules in content.get(kind, {}).items()]
    return plain
