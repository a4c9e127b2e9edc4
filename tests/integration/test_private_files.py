"""Secrets on disk: whole or not there, for their owner alone, and in the hands of the service whose folder it is."""

import os
from pathlib import Path

import pytest

from host import private_files


def test_only_the_owner_may_read_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    private_files.write(tmp_path / "secret", b"one")
    private_files.write(tmp_path / "secret", b"two")
    assert (tmp_path / "secret").read_bytes() == b"two"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_written_by_root_it_belongs_to_the_folders_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs as anybody: who is not root may only give a file to himself, and that is what it must try."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: given.append((uid, gid)))
    private_files.write(tmp_path / "secret", b"one")
    os.close(private_files.open_lock(tmp_path / "lock"))
    folder = tmp_path.stat()
    assert given == [(folder.st_uid, folder.st_gid)] * 2
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(OSError, match="secret"):
        private_files.write(tmp_path / "secret", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
