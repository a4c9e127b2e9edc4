"""The last health message of a gateway: whether it is news, how it is kept (Gateway.health), and read again. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from registry.tracking.models import Gateway
from registry.tracking.parsing import plain
from sync.wire import Health

LIGHTS = ("good", "waiting", "attention", "failed", "unknown")
UNDER_WAY: Final = timedelta(minutes=5)  # that a health message may be, and clocks may differ
READER_TITLES = {"up": "Up", "connecting": "Connecting", "down": "Down", "misconfigured": "Needs a change"}
READER_STATES = {"up": "good", "connecting": "waiting", "down": "failed", "misconfigured": "attention"}


def is_news(health: Health, before: dict[str, Any] | None, now: datetime) -> bool:
    """Is this from now, and later than what was kept before? A broker may have recorded it, or held it back. Who has once told
    the registry's time always does. A time that is kept and has not come yet is of a clock of ours that was set back since."""
    said, last = health.registry_time, _moment((before or {}).get("registry_time"))
    if said is None:
        return last is None
    return abs(now - said) <= UNDER_WAY and (last is None or said > last or last > now + UNDER_WAY)


def kept(health: Health) -> dict[str, Any]:
    """Return what stands in the row of its gateway."""
    return {
        "waiting": health.waiting,
        "oldest_age_s": health.oldest_age_s,
        "software": plain(health.software),
        "readers": [{"name": plain(r.name), "state": plain(r.state), "why": plain(r.why)} for r in health.readers],
        "hops": [
            {
                "name": plain(h.name),
                "light": plain(h.light),
                "rate": plain(h.rate),
                "reason": plain(h.reason),
                "step": plain(h.step),
            }
            for h in health.hops
        ],
        "doors": [plain(door) for door in health.doors],
        "said_at": _text(health.said_at),
        "started_at": _text(health.started_at),
        "registry_time": _text(health.registry_time),
        "days_left": health.days_left,
        "dead": health.dead,
    }


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """`state` is a class of the stylesheet, `word` the gateway's own."""

    name: str
    state: str
    word: str
    why: str

    @property
    def title(self) -> str:
        """As the gateway's own page says it."""
        return READER_TITLES.get(self.word, self.word)


@dataclass(frozen=True, slots=True)
class Hop:
    """One station of the path; `light` is a class of the stylesheet."""

    name: str
    light: str
    rate: str
    reason: str
    step: str


@dataclass(frozen=True, slots=True)
class LastHealth:
    """What a gateway said of itself last. `clock_off_s`: how far its clock is ahead of ours (negative: behind), with the time the
    message took; of an older gateway None, and no hops."""

    waiting: int | None = None
    oldest_age_s: float | None = None
    readers: tuple[ReaderRow, ...] = ()
    hops: tuple[Hop, ...] = ()
    doors: tuple[str, ...] = ()
    clock_off_s: float | None = None
    started_at: datetime | None = None
    days_left: float | None = None
    dead: int = 0


def last(gateway: Gateway) -> LastHealth:
    kept: dict[str, Any] = gateway.health or {}
    said_at = _moment(kept.get("said_at"))
    return LastHealth(
        waiting=kept.get("waiting"),
        oldest_age_s=kept.get("oldest_age_s"),
        readers=tuple(
            ReaderRow(r["name"], READER_STATES.get(r["state"], "unknown"), r["state"], r.get("why", ""))
            for r in kept.get("readers", ())
        ),
        hops=tuple(
            Hop(h["name"], h["light"] if h["light"] in LIGHTS else "unknown", h["rate"], h["reason"], h["step"])
            for h in kept.get("hops", ())
        ),
        doors=tuple(kept.get("doors", ())),
        clock_off_s=(said_at - gateway.health_at).total_seconds() if said_at and gateway.health_at else None,
        started_at=_moment(kept.get("started_at")),
        days_left=kept.get("days_left"),
        dead=kept.get("dead", 0),
    )


def _text(moment: datetime | None) -> str | None:
    """None also for a time at the edge of the calendar, which no other time zone takes."""
    return moment.isoformat() if moment is not None and 1970 <= moment.year <= 9998 else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
