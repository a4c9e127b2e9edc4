"""The file itself: missing, unreadable, not text, not TOML."""

from pathlib import Path

import pytest

from gateway.problems import MAX_FILE_BYTES, read


def problem_of(path: Path) -> str:
    reading = read(path)
    assert reading.settings is None
    (problem,) = reading.problems
    return str(problem)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "gateway.toml").startswith(
        f"gateway.toml: file: there is no {tmp_path}/gateway.toml; name it with -c"
    )


def test_a_syntax_error_has_its_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[gateway]\nsite = "hamburg"\ndata_dir\n')
    assert problem_of(path).startswith("gateway.toml: line 3, column 9: expected '=' after a key")


@pytest.mark.parametrize(
    ("data", "what"), [(b"\xff\xfe", "byte 0 is not UTF-8"), (b"#" * (MAX_FILE_BYTES + 1), "larger than 1000000 bytes")]
)
def test_what_is_no_settings_file_is_refused(data: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(data)
    assert what in problem_of(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in problem_of(tmp_path)
