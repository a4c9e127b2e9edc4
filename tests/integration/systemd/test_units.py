"""The units as the installer leaves them: nothing for systemd to complain about, exposure at most 2.0."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
GATEWAY_TOML = """
[[readers]]
name = "door-3"
driver = "r2000"
url = "/dev/serial/by-id/usb-1a86_USB_Serial"
[[readers]]
name = "belt-cam"
driver = "camera"
url = "/dev/v4l/by-id/usb-cam"
"""


def installed(root: Path, gateway_toml: str) -> Path:
    settings = root / "etc/sightpost"
    settings.mkdir(parents=True)
    (settings / "gateway.toml").write_text(gateway_toml)
    prefix = Path(sys.executable).parents[1]
    subprocess.run(
        [PROJECT / "systemd/install.sh", "--root", root, "--prefix", prefix], check=True, capture_output=True, timeout=30
    )
    return root / "etc/systemd/system"


@pytest.mark.parametrize("settings", [GATEWAY_TOML, '[gateway]\nsite = "net-only"\n'], ids=["devices", "network only"])
def test_units_are_verified_and_locked_down(tmp_path: Path, settings: str) -> None:
    units = installed(tmp_path, settings)
    for unit in ("sightpost.service", "sightpost-registry.service"):
        # A man page or service of this machine that is missing is not the unit's fault; every other word is.
        verify = subprocess.run(["systemd-analyze", "verify", units / unit], capture_output=True, text=True, timeout=30)
        assert (verify.returncode, verify.stdout + verify.stderr) == (0, "")
        security = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", units / unit],
            capture_output=True,
            text=True,
            timeout=30,
        )
        exposure = re.search(r"exposure level for \S+ ([0-9.]+)", security.stdout)
        assert exposure, security.stderr
        assert float(exposure[1]) <= 2.0
        assert security.returncode == 0


def test_the_installer_opens_only_the_devices_of_the_readers(tmp_path: Path) -> None:
    drop_in = (installed(tmp_path, GATEWAY_TOML) / "sightpost.service.d/devices.conf").read_text()
    assert sorted(re.findall(r"DeviceAllow=(\S+) rw", drop_in)) == ["char-ttyACM", "char-ttyUSB", "char-video4linux"]


def test_the_installer_keeps_settings_that_are_there(tmp_path: Path) -> None:
    installed(tmp_path, GATEWAY_TOML)
    assert (tmp_path / "etc/sightpost/gateway.toml").read_text() == GATEWAY_TOML


def test_credentials_are_handed_over_only_when_they_are_there(tmp_path: Path) -> None:
    units = installed(tmp_path, GATEWAY_TOML)
    drop_in = units / "sightpost.service.d/credentials.conf"
    assert not drop_in.exists()
    (tmp_path / "etc/sightpost/credentials.json").write_text("{}")
    subprocess.run([PROJECT / "systemd/install.sh", "--root", tmp_path, "--gateway"], check=True, capture_output=True, timeout=30)
    assert "LoadCredential=gateway.json:" in drop_in.read_text()
