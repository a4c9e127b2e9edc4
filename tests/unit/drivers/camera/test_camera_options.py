"""What a camera's section of the configuration may say."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivers.api import Action, NotSupported, ReaderMisconfigured, Verb, Wiring
from drivers.camera.reader import CameraReader, open_reader
from drivers.conformance import SYSTEM_CLOCK


def wiring(url: str = "/dev/v4l/by-id/cam", **options: object) -> Wiring:
    return Wiring("cam", url, options, SYSTEM_CLOCK)


@pytest.mark.parametrize(
    "url",
    [
        "/dev/v4l/by-id/cam",
        "rtsp://192.0.2.9/stream1",
        "rtsps://cam:322/x",
        "http://192.0.2.9:8080/v",
        "belt.mp4",
        "file:///tmp/b.avi",
    ],
)
def test_every_kind_of_address_is_taken_and_no_device_is_touched(url: str) -> None:
    assert open_reader(wiring(url, fps=5, every_s=0.5, symbologies=["qr"])).name == "cam"


@pytest.mark.parametrize(
    ("url", "options", "why"),
    [
        ("", {}, "url is empty"),
        ("file://", {}, "url is empty"),
        ("tcp://192.0.2.9:4001", {}, "tcp:// is not for cameras"),
        ("http://", {}, "no host"),
        ("http://[::1/x", {}, "IPv6"),
        ("http://192.0.2.9:99999/", {}, "[Pp]ort"),
        ("rtsp://admin:hunter2@192.0.2.9/", {}, "login_file"),
        ("a.mp4", {"fps": 0}, "fps = 0 is not between 0.2 and 60"),
        ("a.mp4", {"fps": "fast"}, "options.fps"),
        ("a.mp4", {"fps": float("nan")}, "fps"),
        ("a.mp4", {"every_s": -1}, "every_s"),
        ("a.mp4", {"width": 1}, "width"),
        ("a.mp4", {"frames": 10}, "options.frames: unknown key"),
        ("a.mp4", {"symbologies": ["code-128"]}, "did you mean code128"),
        ("a.mp4", {"symbologies": []}, "at least one"),
        ("a.mp4", {"login_file": "/nowhere"}, "only a network camera"),
        ("http://192.0.2.9/", {"login_file": "/nowhere"}, "No such file"),
    ],
)
def test_a_wrong_setting_says_which_and_what_to_do(url: str, options: dict[str, object], why: str) -> None:
    with pytest.raises(ReaderMisconfigured, match=why) as caught:
        open_reader(wiring(url, **options))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        ("admin:hunter2\n", 0o644, "others may read"),
        ("hunter2", 0o600, "user:password"),
        ("", 0o600, "user:password"),
        ("a:b\nc:d", 0o600, "one line"),
    ],
)
def test_a_bad_login_file_is_refused_without_its_content(tmp_path: Path, content: str, mode: int, why: str) -> None:
    login = tmp_path / "login"
    login.write_text(content)
    login.chmod(mode)
    with pytest.raises(ReaderMisconfigured, match=why) as caught:
        open_reader(wiring("http://192.0.2.9/", login_file=str(login)))
    assert "hunter2" not in str(caught.value)


def test_the_login_is_not_in_a_repr(tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("admin:hunter2\n")
    login.chmod(0o600)
    reader = open_reader(wiring("http://192.0.2.9/", login_file=str(login)))
    assert isinstance(reader, CameraReader)
    assert "hunter2" not in f"{vars(reader)!r}"


async def test_a_camera_does_nothing_but_look() -> None:
    for verb in Verb:
        with pytest.raises(NotSupported):
            await open_reader(wiring()).act(Action(verb))


def test_opencv_is_loaded_when_a_camera_is_opened_and_not_before() -> None:
    code = """if True:
        import sys
        from drivers.camera.reader import open_reader
        heavy = {"cv2", "numpy", "zxingcpp", "pyzbar"}
        before = heavy & sys.modules.keys()
        from drivers.api import Wiring
        from drivers.conformance import SYSTEM_CLOCK
        open_reader(Wiring("cam", "a.mp4", {}, SYSTEM_CLOCK))
        print(sorted(before), sorted(heavy & sys.modules.keys()))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ['cv2', 'numpy', 'pyzbar', 'zxingcpp']"
