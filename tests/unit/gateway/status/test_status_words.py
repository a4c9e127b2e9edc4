"""Numbers, times and foreign text as the status page writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.status import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7, "7"), (7.25, "7.2"), (99.95, "100.0"), (412.4, "412"), (4120, "4,120"), (24_120.0, "24,120")],
)
def test_numbers(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (4096, "4.1 kB"), (3_481_600, "3.5 MB"), (5e15, "5000.0 TB")]
)
def test_sizes(value: float, text: str) -> None:
    assert words.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (11_520, "3 h 12 min"), (172_800, "2 days"),
     (180_000, "2 days 2 h"), (41 * 86_400 + 5, "41 days")],
)  # fmt: skip
def test_spans(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


def test_a_moment_of_today_is_a_time_of_day_and_any_other_carries_its_date() -> None:
    now = 1_773_493_402_125
    assert words.utc(now - 1000, now) == "13:03:21 UTC"
    assert words.utc(now - 86_400_000, now) == "13 Mar 2026 13:03 UTC"
    assert words.stamp(now) == "2026-03-14T13:03:22.125Z"
    assert words.stamp(now - 125) == "2026-03-14T13:03:22Z"


@pytest.mark.parametrize(("hours", "scale"), [(0, "age-minutes"), (1, "age-hours"), (24, "age-days"), (168, "age-weeks")])
def test_the_age_scale(hours: int, scale: str) -> None:
    assert words.age(0, hours * 3_600_000) == scale


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pump", "pump"),
        ("a\x00b", r"a\x00b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("a\u2028b", r"a\u2028b"),
        ("ü 東", "ü 東"),
    ],
)
def test_the_invisible_is_spelled_out(text: str, shown: str) -> None:
    assert words.printable(text, 40) == shown


@given(st.text(st.characters(), max_size=300), st.integers(8, 100))
def test_foreign_text_is_printable_bounded_and_keeps_both_ends(text: str, most: int) -> None:
    shown = words.printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= 2 * most
    shown.encode()
    if len(text) > most and text.isprintable():
        assert len(shown) == most
        assert shown[0] == text[0]
        assert shown[-1] == text[-1]


def test_hex_is_grouped_and_a_key_of_gs1_is_not() -> None:
    assert words.in_fours("tag:30751feb705c5904e3d50d70") == "tag:3075 1feb 705c 5904 e3d5 0d70"
    assert words.in_fours("tag:lamp-7") == "tag:lamp-7"
    assert words.in_fours("8004:04012345PUMP0007") == "8004:04012345PUMP0007"
