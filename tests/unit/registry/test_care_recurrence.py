"""Recurrences against a reference that looks at every day by itself, and against what people expect of calendars."""

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.care.recurrence import between, checked, every, plain
from registry.problems import Invalid

NAMES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
STARTS = st.dates(date(1996, 1, 1), date(2040, 12, 31))


def last_of(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def expected(start: date, count: int, unit: str, last: date) -> list[date]:
    """Step by step from the first day: month by month, the day itself or the last one of the month."""
    found: list[date] = []
    n = 0
    while True:
        match unit:
            case "day":
                day = start + timedelta(days=n * count)
            case "week":
                day = start + timedelta(weeks=n * count)
            case _:
                months = start.year * 12 + start.month - 1 + n * count * (12 if unit == "year" else 1)
                year, month = divmod(months, 12)
                day = date(year, month + 1, min(start.day, last_of(year, month + 1)))
        if day > last:
            return found
        found.append(day)
        n += 1


@given(STARTS, st.integers(1, 30), st.sampled_from(["day", "week", "month", "year"]))
def test_every_so_many_is_what_people_count_by_hand(start: date, count: int, unit: str) -> None:
    last = start + timedelta(days=3_000)
    rule = every(count, unit, start)
    assert between(rule, start, start, last) == expected(start, count, unit, last)
    assert plain(rule, start) == (count, unit)


@given(
    STARTS,
    st.integers(1, 5),
    st.sampled_from(["WEEKLY", "MONTHLY", "YEARLY"]),
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.sets(st.integers(1, 12), max_size=3),
    st.sets(st.integers(-31, 31).filter(bool), max_size=3),
)
def test_a_rule_comes_on_the_days_that_fit_it_and_no_others(
    start: date, interval: int, freq: str, days: set[str], months: set[int], of_month: set[int]
) -> None:
    rule = f"FREQ={freq};INTERVAL={interval};BYDAY={','.join(sorted(days))}"
    if freq != "WEEKLY":
        rule += f";BYMONTH={','.join(map(str, sorted(months)))}" if months else ""
        rule += f";BYMONTHDAY={','.join(map(str, sorted(of_month)))}" if of_month else ""
    else:
        months, of_month = set(), set()
    last = start + timedelta(days=500)

    def fits(day: date) -> bool:
        match freq:
            case "WEEKLY":
                turn = ((day - timedelta(days=day.weekday())) - (start - timedelta(days=start.weekday()))).days // 7
            case "MONTHLY":
                turn = (day.year - start.year) * 12 + day.month - start.month
            case _:
                turn = day.year - start.year
        negative = day.day - last_of(day.year, day.month) - 1
        return (
            turn % interval == 0
            and NAMES[day.weekday()] in days
            and (not months or day.month in months)
            and (not of_month or day.day in of_month or negative in of_month)
        )

    by_hand = [day for n in range(501) if fits(day := start + timedelta(days=n))]
    assert between(rule, start, start, last) == by_hand


@pytest.mark.parametrize(
    ("rule", "start", "days"),
    [
        (every(1, "month", date(2027, 1, 31)), date(2027, 1, 31), ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]),
        (every(1, "year", date(2028, 2, 29)), date(2028, 2, 29), ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", date(2027, 1, 1), ["2027-01-29", "2027-02-26", "2027-03-26", "2027-04-30"]),
        ("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", date(2027, 1, 1), ["2027-03-28", "2027-10-31", "2028-03-26", "2028-10-29"]),
        ("FREQ=DAILY;INTERVAL=10;COUNT=2", date(2027, 1, 1), ["2027-01-01", "2027-01-11"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270108", date(2027, 1, 1), ["2027-01-04", "2027-01-07"]),
    ],
)
def test_what_calendars_do(rule: str, start: date, days: list[str]) -> None:
    assert [str(day) for day in between(checked(rule, start), start, start, start + timedelta(days=3_600))[: len(days)]] == days


@pytest.mark.parametrize(
    "rule",
    [
        "", "MONTHLY", "FREQ=HOURLY", "FREQ=MONTHLY;FREQ=DAILY", "FREQ=DAILY;BYMONTH=2", "FREQ=DAILY;INTERVAL=0",
        "X=1;FREQ=DAILY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=DAILY;COUNT=2;UNTIL=20280101",
        "FREQ=DAILY;UNTIL=20279999", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=DAILY;UNTIL=20200101", "FREQ=DAILY" + ";" * 300 + "A",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=40",
    ],
)  # fmt: skip
def test_what_never_comes_or_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(rule, date(2027, 1, 1))
    assert refused.value.field == "rule"


@pytest.mark.parametrize(
    "rule", ["FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1,15", "FREQ=WEEKLY;INTERVAL=1;COUNT=9"]
)
def test_a_rule_that_says_more_is_not_written_as_so_many(rule: str) -> None:
    assert plain(rule, date(2026, 1, 31)) is None
