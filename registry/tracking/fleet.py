"""How the gateways are, worst first. The list, the page of one, the live page, the overview and the API say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Max, Q, Sum
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.tracking.gateway_health import LastHealth, ReaderRow, last
from registry.tracking.models import Gap, Gateway, GatewayQuerySet, Quarantine
from registry.trust.models import GatewayCertificate

SILENT_AFTER: Final = timedelta(seconds=90)  # a gateway reports its health every 30 s
OLD_BACKLOG_S: Final = 300.0
CLOCK_OFF_S: Final = 10.0
FEW_DAYS: Final = 3.0  # of room in the outbox
ENDS_SOON: Final = timedelta(days=21)  # a certificate is renewed at two thirds of its 90 days: this one was not
GAPS_LATELY: Final = timedelta(days=7)
WORST: Final = {"failed": 0, "attention": 1, "waiting": 2, "unknown": 3, "good": 4}
SHOWN: Final = ("troubled", "all", "revoked")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be. `state` is a class of the stylesheet; `words` go behind the gateway's name."""

    kind: str
    state: str
    words: str
    size: float = 0.0  # how bad among its kind

    @property
    def rank(self) -> tuple[int, int, float]:
        return WORST[self.state], KINDS.index(self.kind), -self.size


KINDS: Final = ("machines", "unseen", "readers", "path", "backlog", "gaps", "certificate", "clock", "quarantine")
"""Of trouble, in the order it counts where it is equally bad."""


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """`state` is a class of the stylesheet, `word` goes with it, `why` says more where there is more to say. `quarantined` is
    None for those who may not look into the quarantine; `certificate_ends` where the gateway has none."""

    gateway: Gateway
    state: str
    word: str
    why: str
    last_heard: datetime | None
    health: LastHealth
    troubles: tuple[Trouble, ...]
    gaps_lately: int
    quarantined: int | None
    certificate_ends: datetime | None = None

    @property
    def waiting(self) -> int | None:
        return self.health.waiting

    @property
    def oldest_age_s(self) -> float | None:
        return self.health.oldest_age_s

    @property
    def readers(self) -> tuple[ReaderRow, ...]:
        return self.health.readers


def gateway_rows(by: Actor, shown: GatewayQuerySet | None = None) -> list[GatewayRow]:
    """Worst first: all that they see and that are not revoked, or these. Who does not see all places does not see all readers
    either, so how they are stays unsaid, and what follows from it."""
    found = Gateway.objects.visible_to(by).filter(revoked_at__isnull=True) if shown is None else shown
    return rows_of(by, list(found))


def rows_of(by: Actor, found: Sequence[Gateway]) -> list[GatewayRow]:
    """Of gateways that they see."""
    now = timezone.now()
    whole = by.sees_all_places()
    gaps = _gaps(found, now) if whole else {}
    ends = _certificates(found)
    refused = _refused(found) if by.may_everywhere(Action.ADMINISTER) else None
    rows = [
        replace(
            _row(gateway, now, gaps.get(gateway.pk, 0), refused, ends.get(gateway.pk), whole=whole),
            certificate_ends=ends.get(gateway.pk),
        )
        for gateway in found
    ]
    return sorted(rows, key=lambda row: (row.troubles[0].rank if row.troubles else (WORST[row.state], 0, 0.0), row.gateway.pk))


def one_row(by: Actor, gateway: Gateway) -> GatewayRow:
    return rows_of(by, [gateway])[0]


def wanted(by: Actor, *, show: str, q: str) -> list[GatewayRow]:
    """Those of a list: `show` is one of SHOWN, `q` a part of a name or id."""
    rows = gateway_rows(by, named(Gateway.objects.visible_to(by).filter(revoked_at__isnull=show != "revoked"), q))
    return [row for row in rows if row.state != "good"] if show == "troubled" else rows


def named(gateways: GatewayQuerySet, q: str) -> GatewayQuerySet:
    """Those with `q` in their name or id."""
    q = q.replace("\0", "").strip()[:200]
    return gateways.filter(Q(name__icontains=q) | Q(pk__icontains=q)) if q else gateways


def is_silent(heard: datetime | None, now: datetime) -> bool:
    return heard is None or now - heard > SILENT_AFTER


def missing(gateways: Sequence[Gateway], since: datetime | None = None) -> Mapping[str, int]:
    """By gateway how many records it has declared that they will never come."""
    gaps = Gap.objects.filter(epoch__gateway__in=gateways).order_by()
    if since is not None:
        gaps = gaps.filter(declared_at__gte=since)
    summed = gaps.values_list("epoch__gateway").annotate(number=Sum(F("last") - F("first") + 1))
    return dict(summed)


def _gaps(gateways: Sequence[Gateway], now: datetime) -> Mapping[str, int]:
    return missing(gateways, now - GAPS_LATELY)


def _refused(gateways: Sequence[Gateway]) -> Mapping[str, int]:
    rows = Quarantine.objects.open().filter(gateway__in=gateways).order_by()
    return dict(rows.values_list("gateway").annotate(number=Count("pk")))


def _certificates(gateways: Sequence[Gateway]) -> Mapping[str, datetime]:
    """By gateway when the last of its certificates ends."""
    rows = GatewayCertificate.objects.filter(gateway__in=gateways, revoked_at__isnull=True).order_by()
    return dict(rows.values_list("gateway").annotate(ends=Max("not_after")))


def _row(
    gateway: Gateway,
    now: datetime,
    gaps: int,
    refused: Mapping[str, int] | None,
    ends: datetime | None,
    *,
    whole: bool,
) -> GatewayRow:
    health = last(gateway) if whole else LastHealth()
    heard = max((t for t in (gateway.last_hello_at, gateway.last_batch_at, gateway.health_at) if t is not None), default=None)
    kept_aside = refused.get(gateway.pk, 0) if refused is not None else None
    troubles: list[Trouble] = []
    online = gateway.state == Gateway.State.ONLINE
    if gateway.revoked_at is not None:
        return GatewayRow(gateway, "unknown", "Revoked", "", heard, health, (), gaps, kept_aside)
    match gateway.state:
        case Gateway.State.ONLINE:
            word = "Online"
            if is_silent(heard, now):
                troubles.append(Trouble("unseen", "attention", "is silent", _since(heard, now)))
        case Gateway.State.STOPPED:
            word = "Stopped"
            troubles.append(
                Trouble("unseen", "unknown", _because("was stopped", gateway.state_reason), _since(gateway.state_at, now))
            )
        case Gateway.State.OFFLINE:
            word = "Offline"
            troubles.append(
                Trouble("unseen", "failed", _because("is offline", gateway.state_reason), _since(gateway.state_at, now))
            )
        case _:
            word = "Never seen"
            troubles.append(Trouble("unseen", "waiting", "was never seen: start it with the credentials made for it"))
    if gateway.held_at is not None:
        both = f"{gateway.machine[:10]} and {gateway.other_machine[:10]}"
        words = f"is in use on two machines at once ({both}): nothing is taken until somebody says which one it is"
        troubles.append(Trouble("machines", "failed", words))
        word = "Held"
    if online:
        troubles += _of_readers(health)
        troubles += _of_path(health)
    troubles += _of_delivery(gateway, health, gaps, online=online)
    if ends is not None and ends - now < ENDS_SOON:
        left_s = (ends - now).total_seconds()
        words = f"has a certificate that ends in {_span(left_s)}" if left_s > 0 else "has a certificate that has ended"
        troubles.append(Trouble("certificate", "attention" if left_s > 0 else "failed", words, -left_s))
    if kept_aside:
        noun = "record that was" if kept_aside == 1 else "records that were"
        troubles.append(Trouble("quarantine", "attention", f"has sent {kept_aside:,} {noun} not taken in", kept_aside))
    troubles.sort(key=lambda trouble: trouble.rank)
    state = troubles[0].state if troubles else "good"
    why = troubles[0].words if troubles else ""
    return GatewayRow(gateway, state, word, f"{why[:1].upper()}{why[1:]}", heard, health, tuple(troubles), gaps, kept_aside)


def _of_readers(health: LastHealth) -> list[Trouble]:
    down = [reader.name for reader in health.readers if reader.state in ("failed", "attention")]
    if not down:
        return []
    named = ", ".join(down[:3]) + (f" and {len(down) - 3} more" if len(down) > 3 else "")
    return [Trouble("readers", "attention", f"does not read at {named}", len(down))]


def _of_path(health: LastHealth) -> list[Trouble]:
    """What the path shows between the readers and the broker: the two ends speak for themselves."""
    worse = [
        hop for hop in health.hops if hop.name not in ("readers", "broker", "registry") and hop.light in ("failed", "attention")
    ]
    return [Trouble("path", "attention", f"says of its {hop.name}: {hop.reason}") for hop in worse]


def _of_delivery(gateway: Gateway, health: LastHealth, gaps: int, *, online: bool) -> list[Trouble]:
    found = []
    if online and health.oldest_age_s is not None and health.oldest_age_s > OLD_BACKLOG_S:
        words = f"keeps {health.waiting or 0:,} events that wait, the oldest for {_span(health.oldest_age_s)}"
        found.append(Trouble("backlog", "attention", words, health.oldest_age_s))
    if health.days_left is not None and health.days_left < FEW_DAYS:
        found.append(Trouble("backlog", "attention", f"has room for {_span(health.days_left * 86_400)} left in its outbox"))
    if gaps:
        noun = "record" if gaps == 1 else "records"
        found.append(
            Trouble("gaps", "attention", f"has declared {gaps:,} {noun} missing in the last {GAPS_LATELY.days} days", gaps)
        )
    if gateway.clock_quality == "unset":
        found.append(Trouble("clock", "attention", "has a clock that nobody has set"))
    elif online and health.clock_off_s is not None and abs(health.clock_off_s) > CLOCK_OFF_S:
        way = "ahead" if health.clock_off_s > 0 else "behind"
        off_s = abs(health.clock_off_s)
        found.append(Trouble("clock", "attention", f"has a clock that is {_span(off_s)} {way}", off_s))
    return found


def _because(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def _since(moment: datetime | None, now: datetime) -> float:
    return (now - moment).total_seconds() if moment is not None else float("inf")


def _span(seconds: float) -> str:
    for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {word}"
    return f"{int(seconds // 86_400):,} days"
