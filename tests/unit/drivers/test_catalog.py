"""Drivers by name, and what a wrong name or a wrong option says."""

import pytest

from drivers import catalog
from drivers.api import ReaderMisconfigured, Wiring
from drivers.conformance import SYSTEM_CLOCK
from drivers.m100.reader import M100Reader
from drivers.r2000.reader import R2000Reader


def wiring(url: str = "/dev/nothing", **options: object) -> Wiring:
    return Wiring("door-3", url, options, SYSTEM_CLOCK)


def test_built_in_drivers_are_entry_points_like_all_others() -> None:
    assert {"camera", "m100", "r2000"} <= set(catalog.names())


def test_a_reader_is_built_by_the_name_of_its_driver_and_touches_no_device() -> None:
    assert isinstance(catalog.open_reader("r2000", wiring(antennas=[1, 2])), R2000Reader)
    assert isinstance(catalog.open_reader("m100", wiring()), M100Reader)


def test_an_unknown_driver_names_the_nearest() -> None:
    with pytest.raises(ReaderMisconfigured, match="driver 'r200' is not known; did you mean r2000"):
        catalog.open_reader("r200", wiring())
    with pytest.raises(ReaderMisconfigured, match="installed are camera, m100, r2000"):
        catalog.open_reader("barcode-gun", wiring())


def test_every_wrong_option_is_named_at_once() -> None:
    with pytest.raises(ReaderMisconfigured) as told:
        catalog.open_reader("r2000", wiring(powr_dbm=30, antennas=[0], region="mars", zzz=1))
    *first, last = str(told.value).splitlines()
    assert first == [
        "options.powr_dbm: unknown key; did you mean 'power_dbm'?",
        "options.antennas[0]: expected int >= 1; it is [0]",
        "options.region: expected one of chn, etsi, fcc; it is 'mars'",
    ]
    assert last.startswith("options.zzz: unknown key; this driver knows address, antenna_check_db, antennas, ")


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ReaderMisconfigured, match=r"antennas = \[1, 1\] names one twice"):
        catalog.open_reader("r2000", wiring(antennas=[1, 1]))
    with pytest.raises(ReaderMisconfigured, match="power_dbm has 1 values for 2 antennas"):
        catalog.open_reader("r2000", wiring(antennas=[1, 2], power_dbm=[30]))
    with pytest.raises(ReaderMisconfigured, match="give one of them"):
        catalog.open_reader("m100", wiring(power_dbm=20, power_raw=2000))


def test_a_wrong_url_is_found_without_opening_it() -> None:
    for driver in ("r2000", "m100"):
        with pytest.raises(ReaderMisconfigured, match="is no line"):
            catalog.open_reader(driver, wiring(url="COM3"))
