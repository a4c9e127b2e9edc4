"""`sightpost outbox`: every command on a real store that a gateway, here another connection, holds open beside it."""

import json
import shutil
import stat as file_mode
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from gateway.commands import app
from sync.outbox import Outbox
from sync.wire import Ack, EventKind, LocationEvent, Record, RecordKind, Rejected, location_event

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
CLOCK: dict[str, Any] = {"wall_ms": lambda: int(NOW.timestamp() * 1000), "mono_ns": lambda: 7_000_000, "boot_id": "boot-1"}


class Site:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "outbox.db"
        self.config = folder / "gateway.toml"
        self.config.write_text('[gateway]\nsite = "test"\ndata_dir = "data"\noutbox_mb = 16\n')

    def says(self, *words: str | Path, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["outbox", *map(str, words), "-c", str(self.config)], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.output

    def json(self, *words: str | Path, code: int = 0) -> Any:
        return json.loads(self.says(*words, "--json", code=code))

    def opened(self) -> Outbox:
        return Outbox.open(self.path, **CLOCK)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def outbox(site: Site) -> Iterator[Outbox]:
    """What the running gateway has open: 3 sent, 2 refused, 7 waiting."""
    with closing(site.opened()) as opened:
        opened.append([LocationEvent(EventKind.ARRIVED, f"tag:{n}", "e2", NOW, NOW, "hall:1", zone_to="hall") for n in range(12)])
        refused = (Rejected(2, "bad_zone", "no such zone"), Rejected(4, "bad_body", "too odd"))
        through = opened.read_after(4, 1, 10**6)[0][0]
        opened.acknowledge(Ack(opened.epoch, 5, through.event_id, 100, NOW, rejected=refused), nonce=None)
        yield opened


def waiting(outbox: Outbox) -> list[Record]:
    return outbox.read_after(outbox.stat().acked, 100_000, 10**9)[0]


def test_stat_and_ls_say_what_waits(site: Site, outbox: Outbox) -> None:
    said = site.json("stat")
    assert (said["waiting"], said["acked"], said["last"], said["dead"], said["quota_bytes"]) == (7, 5, 12, 2, 16_000_000)
    assert "7 waiting, of 12" in site.says("stat")
    listed = site.json("ls", "-n", "3")
    assert listed["waiting"] == 7
    assert [(r["seq"], r["kind"], r["what"], r["identity"]) for r in listed["records"]] == [
        (n, "location", "arrived", f"tag:{n - 1}") for n in (6, 7, 8)
    ]
    assert listed["records"][0]["event_id"] == str(waiting(outbox)[0].event_id)
    lines = site.says("ls", "-n", "2").splitlines()
    assert lines[0].split()[0] == "6"
    assert lines[-1] == "5 more numbers wait."


@pytest.mark.parametrize("words", [("stat",), ("ls",), ("export", "e"), ("import", "e"), ("recover",), ("dead",)])
def test_without_an_outbox_every_command_says_so_and_makes_none(site: Site, words: tuple[str, ...]) -> None:
    assert "There is no outbox yet" in site.says(*words, code=1)
    assert not site.path.exists()


@pytest.mark.parametrize("words", [("stat",), ("dead", "--retry")])
def test_an_unreadable_outbox_is_a_sentence_and_stays_where_it_is(site: Site, words: tuple[str, ...]) -> None:
    site.path.parent.mkdir()
    site.path.write_bytes(b"no database at all" * 1000)
    assert "cannot be used: file is not a database" in site.says(*words, code=1)
    assert [file.name for file in site.path.parent.iterdir()] == ["outbox.db"]


def test_an_export_comes_in_elsewhere_with_its_ids_and_only_once(site: Site, outbox: Outbox, tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    assert site.json("export", file) == {"exported": 12, "file": str(file)}
    assert file_mode.S_IMODE(file.stat().st_mode) == 0o600
    whats = [json.loads(line)["what"] for line in file.read_text().splitlines()[1:]]
    assert whats == ["sent"] * 3 + ["waiting"] * 7 + ["dead"] * 2
    assert "an export never replaces a file" in site.says("export", file, code=1)
    before = file.read_bytes()
    (tmp_path / "other").mkdir()
    other = Site(tmp_path / "other")
    with closing(other.opened()) as theirs:
        theirs.append_records([(RecordKind.NOTICE, b"1")])
        said = other.json("import", file)
        assert (said["taken"], said["known"], said["refused"]) == (7, 0, 0)
        assert (other.json("import", file)["taken"], other.json("import", file)["known"]) == (0, 7)
        came = waiting(theirs)[1:]
        assert [r.seq for r in came] == list(range(2, 9))
        same = [(r.event_id, r.kind, r.stored_at, r.mono_ms, r.boot_id, location_event(r)) for r in waiting(outbox)]
        assert [(*kept, replace(event, again=True)) for *kept, event in same] == [
            (r.event_id, r.kind, r.stored_at, r.mono_ms, r.boot_id, location_event(r)) for r in came
        ]
        assert other.json("import", file, "--sent")["taken"] == 3
        assert theirs.append_records([(RecordKind.NOTICE, b"2")]) == 12  # the gateway beside it goes on
    assert file.read_bytes() == before


def test_lines_that_are_no_records_are_named_and_the_others_come_in(site: Site, outbox: Outbox, tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    site.says("export", file)
    header, *lines = file.read_text().splitlines()
    (line,) = [json.loads(line) for line in lines if '"seq":7' in line]
    fresh = line | {"event_id": "0193c5f8-0000-7000-8000-000000000001"}
    odd = fresh | {"event_id": "0193c5f8-0000-7000-8000-000000000002", "wall_ms": -5}
    file.write_text("\n".join([header, "{", json.dumps(fresh), '{"what": "waiting"}', json.dumps(odd)]))
    said = site.json("import", file, code=1)
    assert (said["taken"], said["refused"], [bad.split(":")[0] for bad in said["bad_lines"]]) == (1, 1, ["line 2", "line 4"])
    file.write_text("something else\n")
    assert "is neither an export nor the store of an outbox" in site.says("import", file, code=1)
    assert "No such file" in site.says("import", tmp_path / "nowhere", code=1)
    assert "is the outbox of this gateway itself" in site.says("import", site.path, code=2)


def test_what_waited_on_the_card_of_a_replaced_gateway_comes_in(site: Site, outbox: Outbox, tmp_path: Path) -> None:
    card = tmp_path / "card"
    shutil.copytree(site.path.parent, card)  # its WAL too, as after a power cut
    files = {file.name: file.read_bytes() for file in card.iterdir()}
    (tmp_path / "new").mkdir()
    new = Site(tmp_path / "new")
    with closing(new.opened()) as theirs:
        new.path.with_name(".outbox-copies-99999999-x").mkdir()  # left by a command that was killed
        assert new.json("import", card / "outbox.db")["taken"] == 7
        assert [r.event_id for r in waiting(theirs)] == [r.event_id for r in waiting(outbox)]
        assert all(location_event(r).again for r in waiting(theirs)), "their order is that of their times now"
        assert not any(location_event(r).again for r in waiting(outbox))
    assert {file.name: file.read_bytes() for file in card.iterdir()} == files
    assert sorted(file.name for file in new.path.parent.iterdir()) == ["outbox.db"]


def test_what_does_not_fit_stays_in_the_file_and_nothing_here_gives_way(site: Site, outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    big = Site(tmp_path / "big")
    with closing(big.opened()) as theirs:
        for _ in range(9):
            theirs.append_records([(RecordKind.NOTICE, b'"%s"' % (b"x" * 4000))] * 500)
    said = site.json("import", big.path, code=1)
    assert said["taken"] % 500 == 0
    assert 3000 < said["taken"] < 4500
    assert "its quota of 16 MB is used up" in said["why"]
    assert "it goes on where it ended" in site.says("import", big.path, code=1)
    assert [r.seq for r in waiting(outbox)][:7] == list(range(6, 13))
    assert outbox.stat().dropped == ()


def test_a_refused_record_goes_again_under_a_new_number_and_its_old_id(site: Site, outbox: Outbox, tmp_path: Path) -> None:
    listed = site.json("dead")
    assert [(r["identity"], r["code"], r["text"]) for r in listed["records"]] == [
        ("tag:3", "bad_body", "too odd"),
        ("tag:1", "bad_zone", "no such zone"),
    ]
    assert "bad_zone: no such zone" in site.says("dead")
    assert site.json("dead", "--export", tmp_path / "dead.jsonl")["exported"] == 2
    first = listed["records"][0]["event_id"]
    assert site.json("dead", "--retry", first) == {"retried": 1}
    assert site.json("dead", "--retry", first, code=1) == {"retried": 0}
    again = waiting(outbox)[-1]
    assert (again.seq, str(again.event_id), again.stored_at, location_event(again).again) == (13, first, NOW, True)
    assert "1 record to be sent again" in site.says("dead", "--retry")
    assert site.says("dead") == "Nothing was refused.\n"
    assert [gap.reason for gap in outbox.read_after(0, 100, 10**6)[1]] == ["dead", "dead"]  # their old numbers never come
    assert "is not an event_id" in site.says("dead", "--retry", "x", code=2)
    assert "goes with --retry" in site.says("dead", first, code=2)


def test_a_store_that_was_set_aside_is_recovered_once(site: Site) -> None:
    with closing(site.opened()) as before:
        for n in range(40):
            before.append_records([(RecordKind.NOTICE, b'{"n":%d,"x":"%s"}' % (n * 50 + k, b"x" * 300)) for k in range(50)])
    damaged = bytearray(site.path.read_bytes())
    damaged[:4096] = bytes(4096)
    damaged[100_000:108_000] = bytes(8000)
    site.path.write_bytes(damaged)
    with closing(site.opened()) as outbox:
        (aside,) = outbox.stat().set_aside
        assert aside in site.says("stat")
        said = site.json("recover")
        assert 1950 <= said["taken"] <= 2000
        assert len(waiting(outbox)) == said["taken"]
        numbers = [json.loads(bytes(r.body))["n"] for r in waiting(outbox)]
        assert numbers == sorted(set(numbers))  # in the order of before
        assert outbox.stat().set_aside == ()
        kept = site.path.with_name(aside.replace("unreadable", "recovered"))
        assert kept.read_bytes() == bytes(damaged)
        assert "No store has been set aside." in site.says("recover")
        assert site.json("recover", kept)["known"] == said["taken"]  # a second time by name changes nothing
