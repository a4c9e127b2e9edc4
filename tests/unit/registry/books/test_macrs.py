"""US tax: the printed tables, the recursion behind them, and what decides which of them a property gets."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.books.calendars import Calendar
from registry.books.macrs import Decided, Property, decide, recapture, schedule
from registry.books.macrs_tables import CLASSES, TaxConvention, by_recursion, first_share, method_of, percentages
from registry.books.us_limits import bonus, section_179
from registry.problems import Invalid

D = Decimal
TABLES: list[tuple[str, TaxConvention, int]] = [
    *((c, "half_year", 1) for c in ("3", "5", "7", "10", "15", "20")),
    *((c, "mid_quarter", q) for c in ("3", "5", "7", "10", "15", "20") for q in (1, 2, 3, 4)),
    *((c, "mid_month", m) for c in ("27.5", "39") for m in range(1, 13)),
]
PRINTED_OTHERWISE = {("7", "mid_quarter", 2), ("20", "mid_quarter", 1)}


def test_a_column_of_each_table_as_printed() -> None:
    printed: dict[tuple[str, TaxConvention, int], str] = {
        ("5", "half_year", 1): "20.00 32.00 19.20 11.52 11.52 5.76",
        ("7", "mid_quarter", 2): "17.85 23.47 16.76 11.97 8.87 8.87 8.87 3.34",
        ("3", "mid_quarter", 4): "8.33 61.11 20.37 10.19",
        ("10", "mid_quarter", 3): "7.50 18.50 14.80 11.84 9.47 7.58 6.55 6.55 6.56 6.55 4.10",
        ("15", "mid_quarter", 1): "8.75 9.13 8.21 7.39 6.65 5.99 5.90 5.91 5.90 5.91 5.90 5.91 5.90 5.91 5.90 0.74",
    }
    for key, column in printed.items():
        assert " ".join(map(str, percentages(*key).years)) == column
    assert percentages("27.5", "mid_month", 7).years[-1] == D("0.152")
    assert percentages("39", "mid_month", 1).years[-1] == D("0.107")


@pytest.mark.parametrize(("name", "convention", "part"), TABLES)
def test_a_column_takes_the_whole_basis(name: str, convention: TaxConvention, part: int) -> None:
    assert sum(percentages(name, convention, part).years) == 100


@pytest.mark.parametrize(("name", "convention", "part"), [t for t in TABLES if t[1] != "mid_month"])
def test_the_recursion_gives_the_printed_columns_but_two(name: str, convention: TaxConvention, part: int) -> None:
    years, factor = method_of(name, "gds")
    computed = by_recursion(years, factor, first_share(convention, part), 3 if name == "20" else 2)
    assert (computed == percentages(name, convention, part).years) == ((name, convention, part) not in PRINTED_OTHERWISE)


def test_a_sale_in_the_third_year_after_section_179_and_bonus() -> None:
    thing = Property(D(50000), "5", date(2024, 4, 1), section_179=D(10000), disposed=date(2026, 7, 1))
    rows = schedule(thing, Calendar())
    assert [(r.year, r.total) for r in rows] == [(2024, D(37200)), (2025, D(5120)), (2026, D(1536))]
    assert (rows[0].section_179, rows[0].bonus, rows[0].depreciation, rows[0].basis) == (D(10000), D(24000), D(3200), D(16000))
    assert (rows[-1].accumulated, rows[-1].adjusted) == (D(43856), D(6144))
    gain = D(24000) - rows[-1].adjusted
    assert (gain, recapture(gain, rows[-1].accumulated)) == (D(17856), D(17856))


def test_the_last_table_year_takes_the_rest_of_the_basis() -> None:
    rows = schedule(Property(D("1000.07"), "3", date(2025, 3, 1), bonus=False), Calendar())
    assert [str(r.depreciation) for r in rows] == ["333.32", "444.53", "148.11", "74.11"]


@pytest.mark.parametrize(("month", "share"), [(2, "1.5"), (5, "4.5"), (8, "7.5"), (11, "10.5")])
def test_the_year_of_disposal_under_mid_quarter(month: int, share: str) -> None:
    thing = Property(D(10000), "5", date(2024, 12, 1), bonus=False, disposed=date(2026, month, 3))
    rows = schedule(thing, Calendar(), "mid_quarter")
    assert [r.percent for r in rows] == [D("5.00"), D("38.00"), D("22.80")]
    assert rows[-1].depreciation == round(D(2280) * D(share) / 12, 2)


def test_real_property_counts_half_the_month_it_is_sold_in() -> None:
    thing = Property(D(390000), "39", date(2024, 5, 20), disposed=date(2026, 3, 2))
    rows = schedule(thing, Calendar())
    assert [str(r.depreciation) for r in rows] == ["6259.50", "9999.60", "2083.25"]


def test_what_is_sold_in_the_year_it_was_bought_deducts_nothing() -> None:
    assert schedule(Property(D(100), "5", date(2025, 2, 1), disposed=date(2025, 12, 31)), Calendar()) == ()


def test_the_year_decides_between_half_year_and_mid_quarter() -> None:
    year = Calendar().year_of(date(2025, 1, 1))
    early, late = Property(D(6000), "5", date(2025, 2, 1)), Property(D(4000), "7", date(2025, 10, 1))
    assert decide(year, [early, late]) == Decided("half_year", D(4000), D(10000))
    more = Property(D("4000.01"), "7", date(2025, 10, 1))
    assert decide(year, [early, more]).convention == "mid_quarter"
    expensed = Property(D(14000), "7", date(2025, 10, 1), section_179=D(10000))
    assert decide(year, [early, expensed]).convention == "half_year"
    house, gone = (
        Property(D(10**6), "39", date(2025, 12, 1)),
        Property(D(5000), "5", date(2025, 11, 1), disposed=date(2025, 12, 1)),
    )
    assert decide(year, [early, late, house, gone]).convention == "half_year"


def test_a_short_tax_year_is_computed_from_then_on() -> None:
    calendar = Calendar(closings=(date(2024, 8, 31), date(2024, 12, 31)))  # the first year has four months
    rows = schedule(Property(D(10000), "5", date(2024, 10, 5), bonus=False), calendar)
    # two of twelve months at 40 %; then 40 % of the rest, until straight line over what is left of five years is as much
    assert [str(r.depreciation) for r in rows[:3]] == ["666.67", "3733.33", "2240.00"]
    assert {r.source for r in rows} == {"computed"}
    assert sum(r.depreciation for r in rows) == 10000
    later = Calendar(closings=(date(2026, 6, 30),))
    rows = schedule(Property(D(10000), "5", date(2024, 3, 1), bonus=False), later)
    assert [(str(r.depreciation), r.source) for r in rows[:3]] == [
        ("2000.00", "IRS A-1"), ("3200.00", "IRS A-1"), ("960.00", "computed")
    ]  # fmt: skip


def test_elections_are_computed() -> None:
    straight = percentages("5", "half_year", 1, "straight_line")
    assert [str(p) for p in straight.years] == ["10.00", "20.00", "20.00", "20.00", "20.00", "10.00"]
    assert straight.source == "computed"
    assert [str(p) for p in percentages("5", "half_year", 1, "150").years] == [
        "15.00",
        "25.50",
        "17.85",
        "16.66",
        "16.66",
        "8.33",
    ]
    assert [str(p) for p in percentages("5", "half_year", 1, "ads", 6).years] == [
        "8.33",
        "16.67",
        "16.67",
        "16.67",
        "16.66",
        "16.67",
        "8.33",
    ]
    assert len(percentages("25", "half_year", 1).years) == 26


def test_limits_of_section_179() -> None:
    year = section_179(2025, elected=D(2300000), placed=D(4200000), income=D(2000000), carried=D(50000))
    assert (year.limit, year.deducted, year.carried) == (D(2300000), D(2000000), D(350000))
    with pytest.raises(Invalid, match="2300000 that 2025 allows"):
        section_179(2025, elected=D(2300001), placed=D(4200000), income=D(10**7))
    with pytest.raises(Invalid, match="begin in 2031"):
        section_179(2031, elected=D(1), placed=D(1), income=D(1))


@pytest.mark.parametrize(
    ("acquired", "placed", "percent"),
    [
        (date(2025, 1, 20), date(2025, 6, 1), 100),
        (date(2025, 1, 19), date(2025, 6, 1), 40),
        (date(2023, 5, 1), date(2024, 6, 1), 60),
        (date(2023, 5, 1), date(2023, 6, 1), 80),
        (date(2018, 5, 1), date(2022, 12, 31), 100),
    ],
)
def test_the_bonus_goes_by_both_days(acquired: date, placed: date, percent: int) -> None:
    assert bonus(acquired, placed).percent == percent


@pytest.mark.parametrize(
    ("field", "given_"),
    [
        ("bonus", {"acquired": date(2016, 1, 1), "placed": date(2017, 1, 1)}),
        ("section_179", {"placed": date(2099, 1, 1), "section_179": D(1)}),
        ("section_179", {"section_179": D(1001)}),
        ("class_years", {"recovery_class": "4"}),
        ("recovery", {"recovery": "150", "recovery_class": "15"}),
        ("ads_years", {"recovery": "ads"}),
        ("placed", {"acquired": date(2025, 6, 1)}),
        ("disposed", {"disposed": date(2025, 1, 1)}),
        ("cost", {"cost": D(-1)}),
    ],
)
def test_what_is_refused(field: str, given_: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        schedule(replace(Property(D(1000), "5", date(2025, 5, 1)), **given_), Calendar())
    assert refused.value.field == field


@settings(max_examples=150)
@given(
    cents=st.integers(1, 10**10),
    name=st.sampled_from(sorted(CLASSES)),
    placed=st.dates(date(2018, 1, 1), date(2025, 12, 31)),
    convention=st.sampled_from(("half_year", "mid_quarter")),
    calendar=st.sampled_from(
        (Calendar(), Calendar(6, 30), Calendar(closings=(date(2021, 5, 31),)), Calendar(closings=(date(2019, 9, 30),)))
    ),
    share=st.sampled_from((Fraction(1), Fraction(2, 3))),
)
def test_the_rows_take_the_basis_and_none_is_negative(
    cents: int, name: str, placed: date, convention: TaxConvention, calendar: Calendar, share: Fraction
) -> None:
    rows = schedule(Property(D(cents) / 100, name, placed, business_share=share), calendar, convention)
    assert all(r.depreciation >= 0 and r.bonus >= 0 and r.adjusted >= 0 for r in rows)
    assert rows[-1].adjusted == 0
    assert sum(r.total for r in rows) == rows[-1].accumulated
