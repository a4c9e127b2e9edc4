"""What is set over gateway.toml: only a few things, checked as the file is, kept on disk, and taken back when it fails."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.orders.desk import Refused
from gateway.orders.overlay import Held, Overlay, Standing, lay_over
from gateway.orders.setting import reread, zone
from gateway.orders.settled import CRASHING, STARTS_ON_TRIAL, Settled
from gateway.problems import check
from gateway.settings import Settings
from sync.wire import Outcome

FILE = """
[gateway]
site = "hamburg"
data_dir = {data}
[[readers]]
name = "dock"
driver = "r2000"
url = "/dev/serial/by-id/usb-1"
[[zones]]
name = "hall"
kind = "storage"
read_points = ["dock:1"]
rules = {{ lost_max_s = 100, fold_s = 0.5 }}
[[zones]]
name = "yard"
kind = "exit"
[[doors]]
name = "gate"
outside = ["dock:2"]
inside = ["dock:3"]
from = "yard"
to = "hall"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(FILE.format(data=f'"{tmp_path / "data"}"'))
    return path


@pytest.fixture
def file(config: Path) -> Settings:
    reading = check(tomllib.loads(config.read_text()), config)
    assert reading.settings is not None, reading.problems
    return reading.settings


def rules(settings: Settings | None, name: str = "hall") -> dict[str, float]:
    assert settings is not None
    return (
        {zone.name: zone.rules.overrides() for zone in settings.zones}
        | {door.name: door.rules.overrides() for door in settings.doors}
    )[name]


def test_orders_lie_over_the_configuration_and_that_over_the_file(file: Settings) -> None:
    overlay = Overlay({"hall": {"lost_max_s": 200, "lost_min_s": 20}}, {"gate": {"cool_down_s": 9}}, "bremen", 100)
    laid = lay_over(file, Standing(zones={"hall": {"lost_min_s": 30}}, configuration=Held(4, overlay)))
    assert rules(laid.settings) == {"fold_s": 0.5, "lost_max_s": 200, "lost_min_s": 30}
    assert rules(laid.settings, "gate") == {"cool_down_s": 9}
    assert laid.settings is not None
    assert (laid.settings.gateway.site, laid.settings.gateway.commit_interval_ms) == ("bremen", 100)
    assert laid.settings.readers == file.readers
    assert laid.settings.gateway.data_dir == file.gateway.data_dir
    assert rules(file) == {"lost_max_s": 100, "fold_s": 0.5}, "the file's own settings stay as they are"
    assert lay_over(file, Standing()).settings == file


@pytest.mark.parametrize(
    ("overlay", "why"),
    [
        (
            Overlay({"hall": {"lost_max_s": 1e9}}),
            "zones.hall.rules.lost_max_s: 1000000000.0 should be less than or equal to 86400",
        ),
        (Overlay({"hall": {"lost_maxs": 1}}), "did you mean 'lost_max_s'"),
        (Overlay({"hall": {"confirm_sightings": 1.5}}), "zones.hall.rules.confirm_sightings"),
        (Overlay(site="Not a name"), "gateway.site"),
        (Overlay(commit_interval_ms=0), "gateway.commit_interval_ms"),
    ],
)
def test_it_is_checked_as_the_file_is(file: Settings, overlay: Overlay, why: str) -> None:
    laid = lay_over(file, Standing(configuration=Held(1, overlay)))
    assert laid.settings is None
    assert why in "; ".join(laid.problems)


def test_what_has_no_place_any_more_is_named_and_the_rest_holds(file: Settings) -> None:
    overlay = Overlay({"loft": {"lost_max_s": 5}, "hall": {"lost_max_s": 7}})
    laid = lay_over(file, Standing(configuration=Held(1, overlay)))
    assert rules(laid.settings)["lost_max_s"] == 7
    assert laid.misfits == ("zones.loft: gateway.toml has none of that name",)


class Applied(list[Settings]):
    async def __call__(self, settings: Settings) -> str:
        self.append(settings)
        return "applied"


def words(**arguments: Any) -> bytes:
    return msgspec.json.encode(arguments)


async def test_a_zone_order_holds_over_a_restart_until_it_is_taken_back(file: Settings) -> None:
    applied, settled = Applied(), Settled(file)
    do = zone(settled, applied)
    assert await do(words(zone="hall", rules={"lost_max_s": 60})) == "applied"
    assert rules(applied[-1])["lost_max_s"] == 60
    again = Settled(file)
    assert rules(again.at_start())["lost_max_s"] == 60
    assert again.notes == ("zone hall: lost_max_s = 60 by order of the registry",)
    await zone(again, applied)(words(zone="hall"))
    assert rules(applied[-1])["lost_max_s"] == 100
    assert Settled(file).notes == ()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"zone": "loft", "rules": {"lost_max_s": 60}}, "gateway.toml has none of that name"),
        ({"zone": "hall", "rules": {"lost_max_s": -1}}, "greater than or equal to 0"),
        ({"zone": "hall", "rules": {"url": 1}}, "unknown key"),
        ({"zone": "hall"}, "no order has set anything of zone 'hall'"),
    ],
)
async def test_a_wrong_zone_order_changes_nothing(file: Settings, arguments: dict[str, Any], why: str) -> None:
    applied, settled = Applied(), Settled(file)
    with pytest.raises(Refused, match=why):
        await zone(settled, applied)(words(**arguments))
    assert not applied
    assert settled.standing == Standing()


async def test_reread_takes_the_file_if_it_is_right_and_keeps_what_is_set_over_it(config: Path, file: Settings) -> None:
    applied, settled = Applied(), Settled(file)
    await zone(settled, applied)(words(zone="hall", rules={"lost_max_s": 60}))
    do = reread(settled, applied, config)

    def edit(change: Callable[[str], str]) -> None:
        config.write_text(change(config.read_text()))

    edit(lambda text: text.replace("fold_s = 0.5", "fold_s = 0.3"))
    await do(b"{}")
    assert rules(applied[-1]) == {"fold_s": 0.3, "lost_max_s": 60}
    edit(lambda text: text.replace("fold_s = 0.3", "folds = 1"))
    with pytest.raises(Refused, match=r"nothing has changed: gateway.toml: zones.hall.rules.folds: unknown key"):
        await do(b"{}")
    edit(lambda text: text.replace("folds = 1", "fold_s = 0.3").replace('driver = "r2000"', 'driver = "r200"'))
    with pytest.raises(Refused, match="did you mean r2000"):
        await do(b"{}")
    assert len(applied) == 2
    edit(
        lambda text: (
            text.replace('driver = "r200"', 'driver = "r2000"')
            .replace('name = "hall"', 'name = "shed"')
            .replace('to = "hall"', 'to = "shed"')
        )
    )
    await do(b"{}")  # the zone that an order speaks of is gone: said, not refused
    assert settled.notes[-1] == "zones.hall: gateway.toml has none of that name"


def test_a_configuration_with_which_the_gateway_dies_again_and_again_is_taken_back(file: Settings) -> None:
    on_trial = Standing(configuration=Held(5, Overlay(site="bremen")), before=Held(4, Overlay(site="luebeck")), highest=5)
    (file.gateway.data_dir).mkdir()
    (file.gateway.data_dir / "set-from-afar.json").write_bytes(msgspec.json.encode(on_trial))
    for _ in range(STARTS_ON_TRIAL):
        assert Settled(file).at_start().gateway.site == "bremen"
    settled = Settled(file)
    assert settled.at_start().gateway.site == "luebeck"
    standing = settled.standing
    assert (standing.configuration.number, standing.before, standing.highest) == (4, None, 5)
    assert (standing.outcome, standing.text) == (Outcome.TAKEN_BACK, CRASHING)
    assert Settled(file).at_start().gateway.site == "luebeck"


def test_a_file_that_cannot_be_read_leaves_gateway_toml(file: Settings) -> None:
    file.gateway.data_dir.mkdir()
    (file.gateway.data_dir / "set-from-afar.json").write_bytes(b"{")
    assert Settled(file).at_start() == file
