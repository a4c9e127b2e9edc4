"""A new MAC key: in the credentials file when the order is done, and only if it came under the key in use."""

from pathlib import Path

import msgspec
import pytest

from gateway.orders.desk import Failed, Refused
from gateway.orders.rotating import rotate_keys
from host import private_files
from sync.credentials import Credentials, read_credentials, write_credentials
from sync.key_wrap import wrap

OLD, NEW = bytes(32), bytes(range(32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials.json"
    write_credentials(path, Credentials("hamburg", "127.0.0.1", 8490, "a password", OLD))
    return path


def arguments(under: bytes = OLD) -> bytes:
    return msgspec.json.encode({"serial": 7, "wrapped": wrap(NEW, under=under, gateway="hamburg", serial=7)})


async def test_the_file_is_replaced(file: Path) -> None:
    before = read_credentials(file)
    assert await rotate_keys(lambda: file, file)(arguments()) == "the key with serial 7 is in use"
    after = read_credentials(file)
    assert after.mac_key == NEW
    assert (after.gateway, after.host, after.port, after.password) == (before.gateway, before.host, before.port, before.password)


async def test_a_key_under_another_one_is_refused(file: Path) -> None:
    with pytest.raises(Refused, match="not wrapped under the key in use"):
        await rotate_keys(lambda: file, file)(arguments(under=NEW))
    assert read_credentials(file).mac_key == OLD


async def test_without_a_file_of_its_own_nothing_changes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="there is no such file"):
        await rotate_keys(lambda: file.with_name("none.json"), file)(arguments())

    def read_only(path: Path, content: bytes) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("host.private_files.write", read_only)
    with pytest.raises(Failed, match="cannot be written: Read-only file system; the key in use stays"):
        await rotate_keys(lambda: file, file)(arguments())
    assert read_credentials(file).mac_key == OLD


async def test_where_the_file_cannot_be_replaced_another_one_comes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, write = file.with_name("own.json"), private_files.write

    def handed(path: Path, content: bytes) -> None:
        if path == file:
            raise OSError(30, "Read-only file system")
        write(path, content)

    monkeypatch.setattr("host.private_files.write", handed)
    await rotate_keys(lambda: file, own)(arguments())
    assert (read_credentials(own).mac_key, read_credentials(file).mac_key) == (NEW, OLD)
