"""The page of one door: what was told there lately and what was held back, each drawn, with the reason in words.

It shows as many entries as fit; the address says which kind (`show`) and from where on (`before`). Nothing here needs a script.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from markupsafe import Markup

from gateway.health import DoorEntry, DoorView
from gateway.status import door_words
from gateway.status.door_chart import chart
from gateway.status.page import MAX_BYTES, environment

MAX_ENTRIES = 12  # more is too long to read
MAX_TIPS = 6
_PAGER_BYTES = 2_500  # what an entry brings along: legend, marks, link to older ones
PASSAGES, UNKNOWN, HELD = "", "unknown", "held"
_EMPTY = {
    PASSAGES: (
        "Nothing has gone through yet",
        "Carry a tag through the door: it shows here a few seconds after it has left.",
    ),
    UNKNOWN: ("No passage is unknown", "Of every passage that is kept, the gateway could tell the way."),
}
_NONE_HELD = ("Nothing of this kind was held back", "What comes to the door and does not go through shows here, with the reason.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; anything that makes no sense is left out."""

    show: str = PASSAGES
    before: int | None = None  # entries with a smaller number
    follow: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        show, before = query.get("show", PASSAGES), query.get("before", "")
        known = show in (UNKNOWN, HELD) or show in door_words.FILTERS
        number = int(before) if before.isascii() and before.isdigit() and len(before) <= 12 else None
        return cls(show if known else PASSAGES, number, query.get("follow") == "1")


@dataclass(frozen=True, slots=True)
class Choice:
    show: str
    name: str
    count: int  # sessions


class DoorPage:
    """`files` as for `Page`."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._env = environment(files)
        self._env.globals.update(chart=chart, why=door_words.why, summary=door_words.summary, outcome=door_words.outcome)

    def whole(self, door: DoorView, asked: Asked) -> str:
        name = quote(door.row.name, safe="")
        sentence, light = door_words.headline(door)
        wanted = [entry for entry in _entries(door, asked.show) if asked.before is None or entry.number < asked.before]

        def link(**query: object) -> str:
            """Return the address of this page with what is asked for."""
            chosen = urlencode({key: value for key, value in query.items() if value})
            return f"/doors/{name}" + (f"?{chosen}" if chosen else "")

        def filled(entries: list[Markup]) -> str:
            more = len(wanted) > len(entries)
            return (
                self._env.get_template("door.html")
                .render(
                    door=door,
                    now_ms=door.now_wall_ms,
                    name=name,
                    sentence=sentence,
                    light=light,
                    tips=door_words.advice(door)[:MAX_TIPS],
                    choices=_choices(door),
                    heading=_heading(asked.show),
                    show=asked.show,
                    follow=1 if asked.follow else 0,
                    link=link,
                    entries=entries,
                    before=wanted[len(entries) - 1].number if more and entries else None,
                    newest=asked.before is not None,
                    empty=_EMPTY.get(asked.show, _NONE_HELD),
                )
                .strip()
            )

        room = MAX_BYTES - len(filled([]).encode()) - _PAGER_BYTES
        return filled(self._fitting(wanted, door.now_wall_ms, room))

    def _fitting(self, entries: list[DoorEntry], now_ms: int, room: int) -> list[Markup]:
        """Return the first entries as HTML, as many as fit into so many bytes; of the first one at least a drawing."""
        shown: list[Markup] = []
        for entry in entries[:MAX_ENTRIES]:
            html = self._entry(entry, now_ms)
            if len(html.encode()) > room and not shown:
                html = self._entry(replace(entry, sessions=entry.sessions[:1]), now_ms)
            room -= len(html.encode()) + 1
            if room < 0 and shown:
                break
            shown.append(html)
        return shown

    def _entry(self, entry: DoorEntry, now_ms: int) -> Markup:
        html = self._env.get_template("entry.html").render(entry=entry, now_ms=now_ms).strip()
        return Markup(html)  # noqa: S704  our own template escaped it


def _entries(door: DoorView, show: str) -> tuple[DoorEntry, ...]:
    if show == PASSAGES:
        return door.passages
    if show == UNKNOWN:
        return tuple(entry for entry in door.passages if entry.way == "unknown")
    return tuple(entry for entry in door.held_back if show in (HELD, entry.reason))


def _choices(door: DoorView) -> list[Choice]:
    """Return the kinds to choose from: always the passages and what was held back, of the others those that there are."""
    counted = {
        show: sum(entry.count for entry in _entries(door, show)) for show in (PASSAGES, UNKNOWN, HELD, *door_words.FILTERS)
    }
    names = {PASSAGES: "Passages", UNKNOWN: "Unknown", HELD: "Held back", **door_words.FILTERS}
    return [Choice(show, names[show], total) for show, total in counted.items() if total or show in (PASSAGES, HELD)]


def _heading(show: str) -> str:
    if show in (PASSAGES, UNKNOWN):
        return "Last passages" if show == PASSAGES else "Passages of unknown way"
    return "Held back" if show == HELD else f"Held back: {door_words.REASONS[show]}"
