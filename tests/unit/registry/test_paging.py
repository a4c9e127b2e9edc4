"""Pages of a list that is sorted in memory: it goes on behind the row that was last, wherever that stands by now."""

import base64

import pytest

from registry.paging import BadCursor, Page, cut_sorted

LETTERS = list("abcdefghij")


def cut(rows: list[str], cursor: str | None = None, size: int = 3) -> Page[str]:
    return cut_sorted(rows, str, cursor, size)


def test_there_and_back_again() -> None:
    forth, page = [cut(LETTERS)], cut(LETTERS)
    while page.next is not None:
        page = cut(LETTERS, page.next)
        forth.append(page)
    assert ["".join(one.rows) for one in forth] == ["abc", "def", "ghi", "j"]
    back = []
    while page.previous is not None:
        page = cut(LETTERS, page.previous)
        back.append("".join(page.rows))
    assert back == ["ghi", "def", "abc"]
    assert forth[0].previous is None


def test_it_goes_on_behind_the_last_row_although_others_came_before_it() -> None:
    first = cut(LETTERS)
    assert cut(["x", "y", *LETTERS], first.next).rows == list("def")
    assert cut(LETTERS[2:], first.next).rows == list("def")


def test_where_the_last_row_is_gone_it_goes_on_where_that_stood() -> None:
    first = cut(LETTERS)
    assert cut([one for one in LETTERS if one != "c"], first.next).rows == list("def")
    assert cut([], first.next) == Page([], None, None)


@pytest.mark.parametrize("mark", [b"", b"{}", b"[]", b'[true,"a"]', b'["a",true,1]', b'[false,"a",1.5]', b"\xff", b"[" * 900])
def test_a_cursor_of_others_is_refused(mark: bytes) -> None:
    cursor = base64.urlsafe_b64encode(mark).decode() or "-"
    with pytest.raises(BadCursor):
        cut(LETTERS, cursor)
    with pytest.raises(BadCursor):
        cut(LETTERS, "nonsense")
