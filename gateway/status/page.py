"""Snapshot to HTML: the whole page, and the parts of it that the live stream replaces.

Each part is one template of its own, used by the page and by the stream, so both say the same. Everything foreign is escaped by
jinja2 and cut by `words.printable`; a list that would not fit is shortened, so the page stays under 50 KB whatever is read.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gateway.health import Light, ReaderRow, ReaderState, Snapshot, TailRow
from gateway.status import words
from gateway.status.door_words import held_back

MAX_BYTES = 50_000
MAX_READERS = 40
MAX_TAIL = 50
MAX_COUNTERS = 60
MAX_DOORS = 20
MAX_REASONS = 16
_PLAIN_PARTS = ("sentence", "path", "outbox", "about")
_COUNTERS_BYTES = 4_000
_READERS_BYTES = 14_000
_DOORS_BYTES = 6_000
_HELD_BYTES = 2_000
_FRAME_BYTES = 5_400  # head, headings and the title, at their longest

READER_LIGHTS = {
    ReaderState.UP: (Light.GOOD, "Up"),
    ReaderState.CONNECTING: (Light.WAITING, "Connecting"),
    ReaderState.DOWN: (Light.FAILED, "Down"),
    ReaderState.MISCONFIGURED: (Light.ATTENTION, "Needs a change"),
}
CLOCK_LIGHTS = {
    "synced": (Light.GOOD, "Synced"),
    "holdover": (Light.WAITING, "Not synced now"),
    "unset": (Light.FAILED, "Not set"),
}


def shown_readers(readers: tuple[ReaderRow, ...], most: int) -> tuple[ReaderRow, ...]:
    """Return at most `most` readers in their own order; when some have to stay away, those that are up do."""
    if len(readers) <= most:
        return readers
    troubled_first = sorted(range(len(readers)), key=lambda i: (readers[i].state is ReaderState.UP, i))
    return tuple(readers[i] for i in sorted(troubled_first[:most]))


def row_key(row: TailRow) -> str:
    """Return what tells this sighting from the others in the tail; the browser keeps a row by it."""
    return f"{row.wall_ms:x}-{zlib.crc32(f'{row.read_point} {row.identity} {row.outcome}'.encode(errors='replace')):x}"


def told(text: str, most: int) -> Markup:
    """Return a sentence of ours for the page: foreign parts escaped, and what stands between backticks as code."""
    parts = words.printable(text, most).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def environment(files: Mapping[str, str]) -> Environment:
    """Return the templates with the words they use; also for the pages of doors (door_page.py)."""
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        number=words.number,
        size=words.size,
        span=words.span,
        stamp=words.stamp,
        printable=words.printable,
        fours=words.in_fours,
        told=told,
    )
    env.globals.update(
        files=files,
        READER_LIGHTS=READER_LIGHTS,
        CLOCK_LIGHTS=CLOCK_LIGHTS,
        Light=Light,
        ReaderState=ReaderState,
        count=words.count,
        utc=words.utc,
        age=words.age,
        row_key=row_key,
        shown_readers=shown_readers,
        held_back=held_back,
    )
    return env


class Page:
    """The templates, and the addresses of the files the page asks for (`/static/sightpost.css?v=...`)."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._env = environment(files)

    def whole(self, snapshot: Snapshot) -> str:
        parts = {name: Markup(html) for name, html in self.parts(snapshot).items()}  # noqa: S704  our own templates escaped it
        return self._render("page", snapshot, parts=parts)

    def parts(self, snapshot: Snapshot) -> dict[str, str]:
        """Return the inner HTML of each live part by the id of its element. The tail gets the room that the others leave."""
        parts = {name: self._render(name, snapshot) for name in _PLAIN_PARTS}
        parts["counters"] = self._fitted("counters", snapshot, MAX_COUNTERS, _COUNTERS_BYTES)
        parts["readers"] = self._fitted("readers", snapshot, MAX_READERS, _READERS_BYTES)
        parts["doors"] = self._fitted("doors", snapshot, MAX_DOORS, _DOORS_BYTES)
        parts["held"] = self._fitted("held", snapshot, MAX_REASONS, _HELD_BYTES)
        taken = _FRAME_BYTES + sum(len(html.encode()) for html in parts.values())
        parts["tail"] = self._fitted("tail", snapshot, MAX_TAIL, MAX_BYTES - taken)
        return parts

    def _fitted(self, name: str, snapshot: Snapshot, most: int, room: int) -> str:
        """Return the part with as many of its `most` rows as fit into `room` bytes."""
        html = self._render(name, snapshot, most=most)
        while len(html.encode()) > room and most > 1:
            most = most * 2 // 3
            html = self._render(name, snapshot, most=most)
        return html

    def _render(self, name: str, snapshot: Snapshot, **more: object) -> str:
        return self._env.get_template(f"{name}.html").render(now=snapshot, now_ms=snapshot.now_wall_ms, **more).strip()
