"""Mails about stock that runs out or expires: each condition once to each person who watches, until it is over."""

from collections.abc import Iterable
from typing import Final

from django.db import transaction
from django.utils import timezone

from registry.access.actors import Actor
from registry.access.models import User
from registry.access.rights import of_user
from registry.problems import Invalid
from registry.stock.models import StockLine, StockTold, StockWatch
from registry.work import outgoing

LINES: Final = 200  # in one mail; what is more comes with the next
Condition = StockTold.Condition


@transaction.atomic
def watch(*, by: Actor, wanted: bool) -> None:
    """Be told by mail, or not any more. Raises Invalid."""
    user = User.objects.filter(pk=by.user_id).first() if by.user_id is not None else None
    if user is None:
        raise Invalid("mails go to people: log in as one")
    if not wanted:
        StockWatch.objects.filter(user=user).delete()
        StockTold.objects.filter(user=user).delete()
        return
    if not outgoing.can_mail():
        raise Invalid("this registry has no mail server: name one as host under [mail] in registry.toml")
    if not user.email:
        raise Invalid("you have no e-mail address: an administrator can give you one")
    StockWatch.objects.get_or_create(user=user)


def tell() -> int:
    """Put a mail to each watcher about what is new; forget what is over. Return how many mails. Due every few minutes."""
    _forget_what_is_over()
    if not outgoing.can_mail():
        return 0
    watchers = User.objects.filter(stock_watch__isnull=False, is_active=True).exclude(email="").order_by("pk")
    return sum(_tell(user) for user in watchers)


@transaction.atomic
def _tell(user: User) -> bool:
    """The mail and the memory of it are one transaction: neither is lost, neither comes twice."""
    by, today = of_user(user, through="work"), timezone.now().date()
    seen = StockLine.objects.visible_to(by).select_related("asset", "location")
    known = set(StockTold.objects.filter(user=user).values_list("line", "condition"))
    low = [one for one in seen.low().order_by("asset__name", "pk") if (one.pk, Condition.LOW) not in known][:LINES]
    expiring = seen.expiring(today).order_by("expires_on", "pk")
    soon = [one for one in expiring if (one.pk, Condition.EXPIRING) not in known][:LINES]
    if not low and not soon:
        return False
    StockTold.objects.bulk_create(
        [StockTold(line=one, user=user, condition=Condition.LOW) for one in low]
        + [StockTold(line=one, user=user, condition=Condition.EXPIRING) for one in soon]
    )
    text = "\n".join([*_section("Below the minimum:", map(_low, low)), *_section("Expiring:", map(_soon, soon))])
    subject = f"Stock: {len(low)} below the minimum, {len(soon)} expiring"
    outgoing.mail(to=user.email, subject=subject, text=f"{text}\nEnd these mails on the page of stock.\n")
    return True


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [title, *found, ""] if found else []


def _low(one: StockLine) -> str:
    assert one.minimum is not None
    return f"- {one.asset.asset_no} {one.asset.name}, {one.location.name}: {one.quantity:f} of at least {one.minimum:f}"


def _soon(one: StockLine) -> str:
    lot = f" lot {one.lot}" if one.lot else ""
    return f"- {one.asset.asset_no} {one.asset.name}{lot}, {one.location.name}: {one.quantity:f} until {one.expires_on}"


@transaction.atomic
def _forget_what_is_over() -> None:
    """So that a condition that comes again is told again."""
    today = timezone.now().date()
    StockTold.objects.filter(condition=Condition.LOW).exclude(line__in=StockLine.objects.low()).delete()
    StockTold.objects.filter(condition=Condition.EXPIRING).exclude(line__in=StockLine.objects.expiring(today)).delete()
