"""Several codes or words in one cell: as an export writes them, and as people do."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assets.columns import joined, plain
from registry.importing.codes import split_codes, split_words

bare = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=12).filter(
    lambda text: not text.startswith(";") and not text.endswith(";")
)


@given(st.lists(bare, unique=True, min_size=1, max_size=5))
def test_what_an_export_joins_is_split_again(codes: list[str]) -> None:
    assert split_codes(joined(codes)) == codes


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("INV 42", ["INV 42"]),
        ("INV 42; 3474257BF40000000000162E", ["INV 42", "3474257BF40000000000162E"]),
        ("8004:0614 tag:drill", ["8004:0614", "tag:drill"]),
        ("tag:INV 42", ["tag:INV 42"]),
        ("3474257BF40000000000162E 3474257BF40000000000162F", ["3474257BF40000000000162E", "3474257BF40000000000162F"]),
        ("a\nb\r\nc", ["a", "b", "c"]),
        ("a;;b; c", ["a;b", "c"]),
        (" ; ; ", []),
        ("a; a", ["a"]),
    ],
)
def test_codes_as_people_write_them(cell: str, codes: list[str]) -> None:
    assert split_codes(cell) == codes


@pytest.mark.parametrize(
    ("cell", "words"), [("red, blue", ["red", "blue"]), ("red; dark, blue", ["red", "dark, blue"]), ("a,b;", ["a,b"]), ("", [])]
)
def test_words_as_people_write_them(cell: str, words: list[str]) -> None:
    assert split_words(cell) == words


@pytest.mark.parametrize(
    ("amount", "text"),
    [("5.0000", "5"), ("1.2340", "1.2340"), ("0.1000", "0.1"), ("1.2345", "1.2345"), ("1000", "1000"), ("0", "0")],
)
def test_a_written_number_is_never_ambiguous(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text
