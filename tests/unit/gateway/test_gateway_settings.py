"""gateway.toml: what it may say, and that everything wrong with it is named at once, for people."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.location.site import RULES, ZoneKind, ZoneRules
from gateway.problems import check, nearest
from gateway.settings import RulesSection, Section, Settings

DATA = Path(__file__).parents[2] / "data/gateway"
EXAMPLE = Path(__file__).parents[3] / "config/gateway.toml"
SMALL = """
[gateway]
site = "hamburg"
[[readers]]
name = "dock-1"
driver = "r2000"
url = "/dev/serial/by-id/usb-1"
[[zones]]
name = "hall"
kind = "storage"
read_points = ["dock-1:1"]
"""


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in check(tomllib.loads(text), Path("/etc/sightpost/gateway.toml")).problems]


def warnings_of(text: str) -> list[str]:
    return [str(warning) for warning in check(tomllib.loads(text), Path("/etc/sightpost/gateway.toml")).warnings]


def settings_of(text: str) -> Settings:
    reading = check(tomllib.loads(text), Path("/etc/sightpost/gateway.toml"))
    assert reading.settings is not None, reading.problems
    return reading.settings


def test_a_small_file_is_enough() -> None:
    settings = settings_of(SMALL)
    assert settings.gateway.data_dir == Path("/var/lib/sightpost")
    assert settings.status.port == 8470
    assert settings.as_site().zones[0].rules == RULES[ZoneKind.STORAGE]


def test_the_example_is_valid_and_has_no_warnings() -> None:
    text = EXAMPLE.read_text()
    assert problems_of(text) == []
    assert warnings_of(text) == []


def commented_in(text: str) -> str:
    """The example with every setting that stands behind a # switched on."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)


def test_the_example_shows_every_setting_with_its_default() -> None:
    raw = tomllib.loads(commented_in(EXAMPLE.read_text()))
    assert problems_of(commented_in(EXAMPLE.read_text())) == []
    shown: dict[str, dict[str, Any]] = {
        "gateway": raw["gateway"],
        "status": raw["status"],
        "registry": raw["registry"],
        "readers": raw["readers"][0],
        "zones": raw["zones"][-1],
        "doors": raw["doors"][0],
    }
    for kind, section in shown.items():
        inner = Settings.model_fields[kind].annotation
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else inner.__args__[0]  # type: ignore[union-attr]
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert set(section) == keys, kind
    plain = Settings.model_validate({"gateway": {"site": "x"}})
    for key in ("commit_interval_ms", "queue_reads", "outbox_mb", "company_prefixes"):
        assert raw["gateway"][key] == getattr(plain.gateway, key)
    assert Path(raw["gateway"]["data_dir"]) == plain.gateway.data_dir
    assert Path(raw["registry"]["credentials"]) == plain.registry.credentials
    assert raw["status"] == plain.status.model_dump()
    rules = dataclasses.asdict(RULES[ZoneKind.STORAGE]) | {"close_dbm": -45}
    assert raw["zones"][-1]["rules"] == rules


def test_every_rule_of_the_engine_can_be_set_and_no_other() -> None:
    assert set(RulesSection.model_fields) == {field.name for field in dataclasses.fields(ZoneRules)}


def sections(model: type[BaseModel] = Settings) -> list[type[BaseModel]]:
    return [model, *(s for s in Section.__subclasses__() if s is not model)]


@pytest.mark.parametrize("model", sections())
def test_every_setting_says_what_to_write(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_rules_override_those_of_the_kind() -> None:
    settings = settings_of(SMALL + "rules = { lost_max_s = 120, close_dbm = -40 }\n")
    assert settings.as_site().zones[0].rules == ZoneRules.for_kind("storage", lost_max_s=120, close_dbm=-40)


def test_relative_paths_count_from_the_folder_of_the_file() -> None:
    settings = settings_of(
        SMALL.replace('"hamburg"', '"hamburg"\ndata_dir = "data"')
        + '[registry]\ncredentials = "c.json"\nrun = true\nconfig = "/r.toml"\n'
    )
    assert settings.gateway.data_dir == Path("/etc/sightpost/data")
    assert settings.registry.credentials == Path("/etc/sightpost/c.json")
    assert settings.registry.config == Path("/r.toml")


def test_a_file_broken_in_many_ways_names_all_of_them_at_once() -> None:
    broken = DATA / "broken.toml"
    reading = check(tomllib.loads(broken.read_text()), broken)
    assert [str(problem) for problem in reading.problems] == (DATA / "broken.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "[[readers]]\nname = 'cam'\ndriver = 'camera'\nurl = '/dev/video0'",
            "readers.cam.url: /dev/video0 may be another device",
        ),
        (
            "[[readers]]\nname = 'x'\ndriver = 'm100'\nurl = 'serial:///dev/ttyACM0?baud=9600'",
            "readers.x.url: serial:///dev/ttyACM0",
        ),
        ("[[zones]]\nname = 'desk'\nkind = 'desk'\nread_points = ['dock-1:1']", "'dock-1:1' already reads for zone 'hall'"),
        (
            "[[doors]]\nname = 'd'\noutside = []\ninside = ['dock-1:2']\nfrom = 'hall'\nto = 'hall'",
            "doors.d.outside: [] should have at",
        ),
        ("[[doors]]\nname = 'd'\noutside = ['dock-1:1']\ninside = ['dock-1:2']\nfrom = 'hall'\nto = 'hall'", "on both sides"),
        ("[status]\nport = 'http'", "status.port: 'http' should be a valid integer"),
        ("doors = 3", "doors: 3 should be a valid list"),
        ("doors = [3]", "doors.#1: 3 should be"),
        ("[statsu]\nport = 1", "statsu: unknown key; did you mean 'status'?"),
        ("[[readers]]\nname = 3\ndriver = 'm100'\nurl = 'tcp://192.0.2.1:1'", "readers.#2.name: 3 should be a valid string"),
    ],
)
def test_one_fault_is_named_with_what_to_do(more: str, problem: str) -> None:
    text = more + "\n" + SMALL if more.startswith("doors") else SMALL + more
    found = problems_of(text)
    assert any(problem in line for line in found), found
    assert all(";" in line for line in found), found


@pytest.mark.parametrize(
    ("more", "warning"),
    [
        (
            "[[readers]]\nname = 'spare'\ndriver = 'm100'\nurl = 'tcp://192.0.2.1:1'",
            "readers.spare: no zone or door has a read point",
        ),
        ("[[zones]]\nname = 'moon'\nkind = 'exit'", "zones.moon: has no read point and no door leads to it"),
    ],
)
def test_what_leads_to_nothing_is_a_warning(more: str, warning: str) -> None:
    assert problems_of(SMALL + more) == []
    assert any(warning in line for line in warnings_of(SMALL + more))


def test_no_readers_at_all_is_a_warning() -> None:
    assert warnings_of("[gateway]\nsite = 'x'") == [
        "gateway.toml: readers: there are none, so nothing will be read; add a table [[readers]]"
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "url", "from", "to", "read_points", "outside", "rules", "run", "site"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["gateway", "status", "registry", "readers", "zones", "doors", "x"]), anything))
def test_no_shape_of_a_file_makes_the_check_itself_fail(raw: dict[str, Any]) -> None:
    reading = check(raw, Path("gateway.toml"))
    assert (reading.settings is None) == bool(reading.problems)


def test_the_nearest_word_or_all_of_them() -> None:
    assert nearest("urll", ["url", "name"]) == "did you mean 'url'?"
    assert nearest("zzz", ["url", "name"]) == "the keys here are name, url"
