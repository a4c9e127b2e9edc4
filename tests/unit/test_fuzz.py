"""Whatever bytes come: a message, or the one error that is documented, soon. From a corpus of real messages and of what broke.

Each file of tests/fuzz/corpus is parsed as it is, then mutated as far as one has time for (`make fuzz`)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsers import CORPUS, PARSERS

FILES = {name: [file.read_bytes() for file in sorted((CORPUS / name).iterdir())] for name in PARSERS}
INTERESTING = [
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\\u0000", b"\\ud800", b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true",
    b"-1", b"0", b"1e999", b"-0.0", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"9" * 400,
    b"[" * 2000, b'{"a":' * 2000, b'"v":2', b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59.999999+23:59", b"a" * 600, b"\x1f\x8b",
]  # fmt: skip


def mutated(whole: bytes, others: list[bytes], draw: st.DataObject) -> bytes:
    """Some of: a bit turned, a piece lost, said twice or taken from another message, something awkward put in, the end lost."""
    for _ in range(draw.draw(st.integers(1, 4))):
        at, to = sorted((draw.draw(st.integers(0, len(whole))), draw.draw(st.integers(0, len(whole)))))
        match draw.draw(st.sampled_from(["flip", "cut", "double", "splice", "put", "end"])):
            case "flip" if at < len(whole):
                whole = whole[:at] + bytes([whole[at] ^ 1 << draw.draw(st.integers(0, 7))]) + whole[at + 1 :]
            case "cut":
                whole = whole[:at] + whole[to:]
            case "double":
                whole = whole[:to] + whole[at:]
            case "splice":
                other = draw.draw(st.sampled_from(others))
                whole = whole[:at] + other[draw.draw(st.integers(0, len(other))) :]
            case "put":
                whole = whole[:at] + draw.draw(st.sampled_from(INTERESTING)) + whole[draw.draw(st.sampled_from([at, to])) :]
            case "end":
                whole = whole[:at]
        whole = whole[:100_000]
    return whole


def test_every_parser_has_a_corpus_and_every_corpus_a_parser() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(PARSERS)
    assert all(FILES.values())


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_in_the_corpus_is_taken_or_refused(name: str) -> None:
    for content in FILES[name]:
        PARSERS[name](content)


@given(st.sampled_from(sorted(PARSERS)), st.data())
def test_what_is_made_of_it_is_taken_or_refused(name: str, draw: st.DataObject) -> None:
    whole = draw.draw(st.sampled_from(FILES[name]))
    PARSERS[name](mutated(whole, FILES[name], draw))
