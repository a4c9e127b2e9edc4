"""The credentials file: written for its owner alone, read only when nobody else can."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sync.credentials import Credentials, CredentialsUnusable, change_credentials, read_credentials, write_credentials
from tests.certificates import client, fresh_authority

MINE = Credentials("hamburg-1", "127.0.0.1", 8490, "pass word", bytes(range(32)))
GOLDEN = {
    "gateway": "hamburg-1",
    "broker": "mqtt://127.0.0.1:8490",
    "password": "pass word",
    "mac_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
TLS = client(fresh_authority(), "hamburg-1")
SECURE: dict[str, object] = {
    "broker": "mqtts://registry.example.com:8883", "ca": TLS.ca, "certificate": TLS.certificate, "key": TLS.key,
}  # fmt: skip
OTHERS_KEY = client(fresh_authority(), "hamburg-1").key


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(0o600)
    return path


def why_unusable(path: Path) -> str:
    with pytest.raises(CredentialsUnusable) as caught:
        read_credentials(path)
    assert "pass word" not in str(caught.value)
    return str(caught.value)


def test_what_is_written_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("an older one that all can read")
    write_credentials(path, MINE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_credentials(path) == MINE
    assert json.loads(path.read_text()) == GOLDEN | {"v": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["credentials.json"]


def test_a_file_of_just_the_four_members_will_do(tmp_path: Path) -> None:
    assert read_credentials(write(tmp_path / "c.json", GOLDEN)) == MINE


def test_to_another_machine_a_certificate_takes_the_place_of_the_password(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    for host in ("registry.example.com", "192.0.2.7", "2001:db8::1"):
        mine = Credentials("hamburg-1", host, 8883, "", bytes(range(32)), TLS)
        write_credentials(path, mine)
        assert read_credentials(path) == mine
    assert path.stat().st_mode & 0o777 == 0o600
    assert "password" not in json.loads(path.read_text())
    assert "PRIVATE" not in repr(mine)


def test_no_secret_shows_in_a_repr() -> None:
    assert "pass word" not in repr(MINE)
    assert "mac_key" not in repr(MINE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "c.json", GOLDEN)
    path.chmod(mode)
    assert f"chmod 600 {path}" in why_unusable(path)


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    assert "sightpost enrol CODE" in why_unusable(tmp_path / "none.json")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in why_unusable(tmp_path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"gateway": "a/b"}, "gateway:"),
        ({"gateway": "+"}, "gateway:"),
        ({"broker": "127.0.0.1:8490"}, "mqtts://NAME:PORT"),
        ({"broker": "mqtt://127.0.0.1"}, "mqtts://NAME:PORT"),
        ({"broker": "mqtt://192.0.2.7:8490"}, "192.0.2.7 is another machine"),
        ({"broker": "mqtt://example.org:8490"}, "example.org is another machine"),
        ({"broker": "mqtt://127.0.0.1:port"}, "mqtts://NAME:PORT"),
        ({"broker": "mqtts://127.0.0.1:1"}, "ca: missing"),
        ({"broker": "mqtts://127.0.0.1:1", "ca": TLS.ca}, "certificate: missing"),
        (SECURE | {"key": ""}, "key: missing"),
        (SECURE | {"ca": "pass word"}, "ca: not a certificate"),
        (SECURE | {"key": OTHERS_KEY}, "do not belong together"),
        (SECURE | {"key": "pass word"}, "do not belong together"),
        ({"password": ""}, "password: empty"),
        ({"mac_key": "AAEC"}, "3 bytes"),
        ({"mac_key": "?"}, "not base64"),
        ({"v": 2}, "update the older side"),
    ],
)
def test_each_member_is_checked(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    assert why in why_unusable(write(tmp_path / "c.json", GOLDEN | changes))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"gateway": "pass word"}', "\0" * 100_000])
def test_what_is_no_credentials_file_is_refused(tmp_path: Path, content: str) -> None:
    assert "not a credentials file" in why_unusable(write(tmp_path / "c.json", content))


def test_two_changes_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    write_credentials(path, MINE)
    inside, other_came = threading.Event(), threading.Event()

    def slowly(now: Credentials) -> Credentials:
        inside.set()
        other_came.wait(0.2)  # the other one must not get in meanwhile
        return replace(now, mac_key=bytes(32))

    def other(now: Credentials) -> Credentials:
        other_came.set()
        return replace(now, password="another")

    first = threading.Thread(target=change_credentials, args=(path, path, slowly))
    first.start()
    inside.wait()
    change_credentials(path, path, other)
    first.join()
    assert read_credentials(path) == replace(MINE, mac_key=bytes(32), password="another")
