"""`sightpost simulate` on a gateway that was installed without the camera's extra, which brings NumPy."""

import sys

import pytest
from typer.testing import CliRunner

from gateway.commands import app


@pytest.fixture
def no_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("gateway.simulate.dock") or name.split(".")[0] == "numpy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)


@pytest.mark.usefixtures("no_numpy")
def test_the_score_says_which_extra_brings_numpy() -> None:
    said = CliRunner().invoke(app, ["simulate", "--score"])
    assert said.exit_code == 2
    assert "sightpost[camera]" in said.stderr
    assert said.stdout == ""


@pytest.mark.usefixtures("no_numpy")
def test_the_numbers_of_the_site_need_nothing_more() -> None:
    said = CliRunner().invoke(app, ["simulate"])
    assert said.exit_code == 0
    assert "sensitivity_dbm" in said.stdout
