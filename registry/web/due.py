"""What is due, for the first page: how much of what, with a link to exactly these rows."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from registry.access.actors import Actor
from registry.assets import filters
from registry.assets.filters import Criteria
from registry.assets.models import Asset
from registry.assets.scope import of_each
from registry.care import lists as care
from registry.care import orders as work
from registry.custody.models import Custody, Transfer
from registry.enrolment import services as enrolment
from registry.stock import services as stock

WARRANTY = Criteria(warranty="30")


@dataclass(frozen=True, slots=True)
class Due:
    """`state` is a class of the stylesheet; `words` follow the number."""

    number: int
    words: str
    state: str
    url: str


def what_is_due(by: Actor, now: datetime) -> list[Due]:
    """Of everything in their scope; what there is none of is left out."""
    transfers = Transfer.objects.visible_to(by)
    warranty = Asset.objects.order_by().filter(of_each(by), filters.condition(WARRANTY))
    low, expiring = stock.conditions(by, now.date())
    overdue = Custody.objects.visible_to(by).overdue(now)
    ladder = care.ladder(by, now.date())
    waiting, used_again = enrolment.conditions(by, now)
    found = (
        Due(used_again, "codes of gateways used twice within a week", "failed", reverse("enrolment")),
        Due(waiting, "waiting to be let in as gateways", "attention", reverse("enrolment")),
        Due(overdue.count(), "overdue to come back", "failed", _link("custody", show="overdue")),
        Due(transfers.overdue(now).count(), "late to arrive", "attention", _link("transfers", show="overdue")),
        Due(transfers.on_the_way().count(), "on the way", "waiting", _link("transfers", show="way")),
        Due(warranty.count(), "out of warranty within 30 days", "waiting", _link("assets", **filters.written(WARRANTY))),
        Due(work.overdue(by, now.date()), "work orders overdue", "failed", _link("work-orders", show="overdue")),
        Due(ladder[30], "agreements that end or need notice within 30 days", "attention", _link("agreements", show="30")),
        Due(low, "below the minimum in stock", "attention", _link("stock", show="low")),
        Due(expiring, "expired in stock or soon", "attention", _link("stock", show="expiring")),
    )
    return [one for one in found if one.number]


def _link(page: str, **query: str) -> str:
    return f"{reverse(page)}?{urlencode(query)}"
