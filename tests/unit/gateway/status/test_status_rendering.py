"""What the status page writes: the answer first, every state in words, foreign text harmless, never more than 50 KB."""

import dataclasses
import html
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from gateway.health import ReaderState, Snapshot
from gateway.status.page import MAX_BYTES, READER_LIGHTS, Page, row_key, shown_readers, told
from tests import status_samples

FOREIGN = {"img", "style", "iframe", "object", "embed", "form", "base", "input"}  # none of ours; a label may bring them
FILES = {
    name: f"/static/{name}?v=1"
    for name in ("mark.svg", "sightpost.css", "status.css", "theme.js", "times.js", "copy.js", "live.js")
}


class Read(HTMLParser):
    """What a browser would find: every element with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "path", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(FILES)


def text_of(fragment: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", fragment)))


def test_the_page_answers_in_its_first_line_and_shows_each_hop_with_its_reason(page: Page) -> None:
    whole = page.whole(status_samples.in_trouble())
    text = text_of(whole)
    assert "<title>Registry unreachable for 3 h: 4,120 events safe on disk, 41 days of room left · hamburg</title>" in whole
    assert '<h1 class="sentence failed"><span>Registry unreachable for 3 h' in whole
    assert "Broker 0 records/s connection refused by 127.0.0.1:8490 Start it: systemctl start sightpost-registry" in text
    assert re.search(r'<li class="hop failed">.*?failed</span>.*?Broker', whole), "the light has its word too"
    assert "store m100 · tcp://192.0.2.7:4001 Down next try in 4 s tcp://192.0.2.7:4001: connection reset by peer" in text
    assert "belt-cam camera · rtsp://192.0.2.9/stream1 Needs a change for 26 h options.fps is 240" in text
    assert "Antenna 2 no antenna connected" in text


def test_the_tail_follows_a_sighting_to_its_delivery(page: Page) -> None:
    rows = re.findall(r"<tr data-key.*?</tr>", page.parts(status_samples.well())["tail"])
    assert len(rows) == 50
    assert text_of(rows[0]) == " 13:03:22 UTC door-3:1 8004:04012345PUMP0007 1 arrived in hall-a 4120 On disk "
    assert text_of(rows[1]) == " 13:03:20 UTC door-3:2 01+21:04012345000017+1001 2 merged: still in hall-a no event "
    assert text_of(rows[5]).endswith("4115 Delivered ")
    assert 'data-copy="tag:30751feb705c5904e3d50d70">tag:3075 1feb 705c 5904 e3d5 0d70<' in rows[2]
    assert len({row_key(row) for row in status_samples.well().tail}) == 50


def test_every_state_of_a_reader_has_a_colour_and_a_word() -> None:
    assert set(READER_LIGHTS) == set(ReaderState)
    assert len({word for _, word in READER_LIGHTS.values()}) == len(ReaderState)


def test_empty_states_say_what_to_do(page: Page) -> None:
    empty = status_samples.empty()
    parts = page.parts(empty)
    assert "Add a [[readers]] section to gateway.toml and restart. sightpost readers lists what is plugged in." in text_of(
        parts["readers"]
    ).replace(" .", ".")
    assert "newest first, with what became of it" in parts["tail"]
    assert "never" in parts["outbox"]
    well = status_samples.well()
    waiting = dataclasses.replace(well, tail=())
    assert "Hold a tag or a label in front of a reader" in page.parts(waiting)["tail"]
    down = tuple(dataclasses.replace(row, state=ReaderState.DOWN) for row in well.readers)
    assert "No reader is up. The table above says why" in page.parts(dataclasses.replace(waiting, readers=down))["tail"]


@pytest.mark.parametrize("sample", [status_samples.well, status_samples.in_trouble, status_samples.empty, status_samples.hostile])
def test_the_page_is_well_formed_small_and_has_no_foreign_element(page: Page, sample: Callable[[], Snapshot]) -> None:
    whole = page.whole(sample())
    assert len(whole.encode()) < MAX_BYTES == 50_000
    read = Read(whole)
    assert read.open == []
    assert not {tag for tag, _ in read.elements} & FOREIGN
    for tag, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], "a strict CSP forbids it"
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
        for name in ("href", "src"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), "nothing from outside"
    assert not [c for c in whole if not (c.isprintable() or c == "\n")]


def test_a_label_that_is_markup_is_shown_as_it_is_written(page: Page) -> None:
    well = status_samples.well()
    row = dataclasses.replace(well.tail[0], identity="tag:<script>alert(1)</script>\"'")
    tail = page.parts(dataclasses.replace(well, tail=(row,)))["tail"]
    assert "<script" not in tail
    assert "tag:<script>alert(1)</script>\"'" in Read(tail).text


def test_many_readers_are_cut_and_those_in_trouble_stay(page: Page) -> None:
    up = status_samples.well().readers[0]
    readers = tuple(
        dataclasses.replace(up, name=f"r{n}", state=ReaderState.DOWN if n == 180 else ReaderState.UP) for n in range(200)
    )
    part = page.parts(dataclasses.replace(status_samples.well(), readers=readers))["readers"]
    assert "<b>r0</b>" in part
    assert part.index("<b>r1</b>") < part.index("<b>r180</b>"), "their order stays"
    shown = part.count("<tr><td")
    assert f"{200 - shown} more readers" in part
    assert [row.name for row in shown_readers(readers, 2)] == ["r0", "r180"]


def test_nothing_moves_in_what_did_not_change(page: Page) -> None:
    before, after = page.parts(status_samples.well(status_samples.NOW)), page.parts(status_samples.well(status_samples.NOW))
    assert before == after


def test_commands_stand_out_and_a_stray_backtick_does_not() -> None:
    assert told("run `sightpost check` & `x`", 99) == "run <code>sightpost check</code> &amp; <code>x</code>"
    assert told("a ` <b>", 99) == "a ` &lt;b&gt;"
    assert told("`<i>`", 99) == "<code>&lt;i&gt;</code>"
