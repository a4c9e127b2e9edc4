"""Worked examples, to the cent, and what each row says about itself."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from registry.books.calendars import Calendar
from registry.books.events import Disposal, Impairment, LifeChange, Reversal, Split
from registry.books.explaining import explain
from registry.books.schedule import Schedule, build, carrying_on
from registry.books.terms import Book, Opening, Reading, Rules, Terms

D = Decimal
MONTHLY, YEARLY = Book("EUR"), Book("EUR", period_months=12)


def amounts(schedule: Schedule) -> list[str]:
    return [str(row.amount) for row in schedule.rows]


def test_straight_line_by_days_of_the_whole_life() -> None:
    rules = Rules("straight_line", 24, "actual_days", "actual/total")
    rows = build(Terms(D(24000), date(2025, 3, 17), rules, D(1500)), MONTHLY).rows
    by_days = {28: D("863.01"), 30: D("924.66"), 31: D("955.48")}
    assert len(rows) == 25
    assert rows[0].amount == D("462.33")
    assert [r.amount for r in rows[1:-1]] == [by_days[r.end.day] for r in rows[1:-1]]
    assert (rows[-1].end, rows[-1].amount, rows[-1].carrying) == (date(2027, 3, 16), D("493.13"), D(1500))
    why = explain(rows[0])
    assert [str(x) for x in (why.base, why.rate, why.used, why.of, why.unit)] == ["22500.00", "1", "15", "730", "day"]
    assert str(why.exact) == "462.3287671233"
    assert (rows[-1].why.taken, str(explain(rows[-1]).exact)) == ("remainder", "493.1506849315")


def test_declining_balance_with_half_year_and_switch() -> None:
    rules = Rules("declining_balance", 96, "half_year", factor=Fraction(3, 2), switch="remaining_life")
    schedule = build(Terms(D(18000), date(2025, 8, 20), rules), YEARLY)
    assert amounts(schedule) == [
        "1687.50", "3058.59", "2485.11", "2019.15", "1944.37", "1944.37", "1944.36", "1944.37", "972.18"
    ]  # fmt: skip
    assert [r.why.rule for r in schedule.rows][3:5] == ["declining", "declining_switched"]
    assert explain(schedule.rows[0]).rate == Fraction(3, 16)
    assert explain(schedule.rows[4]).of == 54


def test_the_switch_to_the_line_of_the_original_figures() -> None:
    rules = Rules("declining_balance", 60, factor=Fraction(2), switch="original")
    assert amounts(build(Terms(D(10000), date(2025, 1, 1), rules), YEARLY)) == ["4000.00", "2400.00", "2000.00", "1600.00"]


def test_months_share_the_figure_of_their_fiscal_year_unless_the_book_compounds() -> None:
    rules = Rules("declining_balance", 48, rate=Fraction(2, 5), final_period="leave")
    rows = build(Terms(D(12000), date(2025, 1, 1), rules), MONTHLY).rows
    assert {r.amount for r in rows[:12]} == {D("400.00")}
    assert {r.amount for r in rows[12:24]} == {D("240.00")}
    compounding = Rules("declining_balance", 48, rate=Fraction(2, 5), final_period="leave", compounding="period")
    assert amounts(build(Terms(D(12000), date(2025, 1, 1), compounding), MONTHLY))[:3] == ["400.00", "386.67", "373.78"]


def test_the_rate_that_leads_to_the_salvage_leads_there() -> None:
    rules = Rules("declining_balance", 48, final_period="leave")
    assert amounts(build(Terms(D(10000), date(2025, 1, 1), rules, D(4096)), YEARLY)) == [
        "2000.00",
        "1600.00",
        "1280.00",
        "1024.00",
    ]


def test_sum_of_years_from_the_middle_of_a_year() -> None:
    schedule = build(Terms(D(50000), date(2025, 10, 1), Rules("sum_of_years", 48), D(5000)), YEARLY)
    assert amounts(schedule) == ["4500.00", "16875.00", "12375.00", "7875.00", "3375.00"]


def test_units_with_an_estimate_cut_on_the_way() -> None:
    hours = [(2025, 30000), (2026, 26000), (2027, 25000), (2028, 40000)]
    readings = tuple(Reading(date(year, 12, 31), D(used)) for year, used in hours)
    terms = Terms(D(60000), date(2025, 1, 1), Rules("units", units_total=D(140000)), D(4000), readings=readings)
    schedule = build(terms, YEARLY, [LifeChange(date(2027, 1, 1), units_left=D(60000))])
    assert amounts(schedule) == ["12000.00", "10400.00", "14000.00", "19600.00"]
    assert schedule.rows[3].why.taken == "floor"
    missing = Terms(D(60000), date(2025, 1, 1), Rules("units", units_total=D(140000)), readings=(readings[0], readings[2]))
    assert [r.end.year for r in build(missing, YEARLY).rows] == [2025, 2027]


@pytest.mark.parametrize(("book", "rows"), [(Book("EUR", rounding="cumulative"), 27), (YEARLY, 3)], ids=["monthly", "yearly"])
def test_a_sale_after_27_months(book: Book, rows: int) -> None:
    sold = [Disposal(date(2026, 7, 1), proceeds=D(24000))]
    schedule = build(Terms(D(50000), date(2024, 4, 1), Rules("straight_line", 60)), book, sold)
    assert (len(schedule.rows), schedule.accumulated, schedule.carrying) == (rows, D("22500.00"), D("27500.00"))
    assert schedule.disposal is not None
    assert schedule.disposal.gain == D(-3500)
    assert schedule.disposal.cost == 50000
    assert schedule.disposal.accumulated == 22500


def test_an_impairment_and_its_reversal() -> None:
    terms = Terms(D(120000), date(2020, 1, 1), Rules("straight_line", 120))
    schedule = build(terms, YEARLY, [Impairment(date(2023, 12, 31), D(54000)), Reversal(date(2025, 12, 31), D(50000))])
    assert amounts(schedule) == ["12000.00"] * 4 + ["9000.00"] * 2 + ["12000.00"] * 4
    assert [(e.amount, e.profit) for e in schedule.effects] == [(D(-18000), D(-18000)), (D(12000), D(12000))]
    days = (date(2020, 6, 1), date(2023, 12, 30), date(2023, 12, 31), date(2025, 12, 30), date(2025, 12, 31), date(2029, 12, 31))
    assert [carrying_on(schedule, day) for day in days] == [D(x) for x in (120000, 84000, 54000, 45000, 48000, 0)]


def test_an_asset_taken_over_goes_on_over_the_rest_of_its_life() -> None:
    terms = Terms(D(6000), date(2022, 1, 1), Rules("straight_line", 60), opening=Opening(date(2024, 12, 31), D(3500)))
    assert amounts(build(terms, YEARLY)) == ["1250.00", "1250.00"]


def test_a_percentage_of_cost_and_a_floor() -> None:
    assert amounts(build(Terms(D(900), date(2025, 1, 1), Rules("fixed_percentage", rate=Fraction(1, 3)), D(100)), YEARLY)) == [
        "300.00", "300.00", "200.00"
    ]  # fmt: skip
    assert amounts(build(Terms(D(900), date(2025, 1, 1), Rules("sl_on_cost", 36), D(400)), YEARLY)) == ["300.00", "200.00"]


def test_a_table_takes_its_years_and_the_last_one_the_rest() -> None:
    table = Rules("table", percentages=tuple(map(D, ("33.33", "44.45", "14.81", "7.41"))))
    assert amounts(build(Terms(D("999.99"), date(2025, 5, 9), table), YEARLY)) == ["333.30", "444.50", "148.10", "74.09"]


def test_what_is_written_off_at_once_and_what_never_is() -> None:
    assert amounts(build(Terms(D(120), date(2025, 5, 9), Rules("immediate")), MONTHLY)) == ["120.00"]
    assert build(Terms(D(120), date(2025, 5, 9), Rules("none")), MONTHLY).rows == ()


@pytest.mark.parametrize(
    ("convention", "first", "last"),
    [
        ("full_month", "900.00", "300.00"), ("next_month", "800.00", "400.00"), ("mid_month", "850.00", "350.00"),
        ("half_year", "600.00", "600.00"), ("half_year_by_half", "1200.00", "1200.00"), ("mid_quarter", "750.00", "450.00"),
        ("actual_days", "863.33", "336.67"), ("full_year", "1200.00", "1200.00"),
    ],
)  # fmt: skip
def test_what_a_convention_takes_of_the_first_year(convention: str, first: str, last: str) -> None:
    rules = Rules("straight_line", 36, convention)  # type: ignore[arg-type]
    rows = amounts(build(Terms(D(3600), date(2025, 4, 12), rules), YEARLY))
    assert (rows[0], rows[-1]) == (first, last)


@pytest.mark.parametrize(
    ("convention", "taken"),
    [
        ("full_month", "500.00"), ("next_month", "600.00"), ("mid_month", "550.00"), ("half_year", "600.00"),
        ("half_year_by_half", "600.00"), ("mid_quarter", "450.00"), ("actual_days", "540.00"), ("full_year", "0"),
    ],
)  # fmt: skip
def test_what_a_convention_takes_of_the_year_of_disposal(convention: str, taken: str) -> None:
    rules = Rules("straight_line", 36, convention)  # type: ignore[arg-type]
    schedule = build(Terms(D(3600), date(2025, 1, 1), rules), YEARLY, [Disposal(date(2026, 6, 12))])
    assert sum(r.amount for r in schedule.rows if r.fiscal_year == 2026) == D(taken)


def test_short_fiscal_years_take_their_months() -> None:
    book = Book("EUR", Calendar(closings=(date(2026, 3, 31),)), period_months=12)
    rules = Rules("declining_balance", 48, factor=Fraction(2), switch="remaining_life")
    rows = build(Terms(D(16000), date(2025, 1, 1), rules), book).rows
    assert [(r.end.isoformat(), str(r.amount)) for r in rows[:3]] == [
        ("2025-12-31", "8000.00"), ("2026-03-31", "1000.00"), ("2027-03-31", "3500.00")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "first", "last"), [("EUR", "33.33", "33.34"), ("JPY", "33", "34"), ("KWD", "33.333", "33.334")]
)
def test_a_currency_has_its_own_smallest_amount(currency: str, first: str, last: str) -> None:
    rows = amounts(build(Terms(D(100), date(2025, 1, 1), Rules("straight_line", 3)), Book(currency)))
    assert rows == [first, first, last]


def test_two_splits_in_one_month_share_out_what_is_left_by_then() -> None:
    splits = [Split(date(2026, 1, 10), Fraction(1, 4), "parent"), Split(date(2026, 1, 20), Fraction(1, 3), "parent")]
    schedule = build(Terms(D(4800), date(2025, 1, 1), Rules("straight_line", 24)), MONTHLY, splits)
    assert [str(row.amount) for row in schedule.rows[11:14]] == ["200.00", "100.00", "100.00"]
    assert [(effect.cost, effect.accumulated) for effect in schedule.effects] == [(D(1200), D(600)), (D(1200), D(600))]
    assert schedule.rows[-1].carrying == 0
