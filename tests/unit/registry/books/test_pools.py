"""Allowances by pool: rates by day, charges, what is given before the pool, and that nothing is lost on the way."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.books.pools import AccountingPeriod, Pooled, Sold, Spent, pool_period
from registry.books.uk_rates import writing_down
from registry.problems import Invalid

D = Decimal
YEAR = AccountingPeriod(date(2025, 1, 1), date(2025, 12, 31))
DAY = date(2025, 6, 1)


def outcome(pooled: Pooled) -> tuple[str, str, str, str]:
    return pooled.why, str(pooled.allowance), str(pooled.charge), str(pooled.closing)


def test_a_pool_is_written_down() -> None:
    made = pool_period(YEAR, D(10000), [Spent(DAY, D(5000))], [Sold(DAY, D(3000), D(2000))])
    assert outcome(made) == ("written_down", "2340.00", "0.00", "10660.00")
    assert pool_period(YEAR, D(10000), [], [], pool="special").allowance == 600
    half = AccountingPeriod(date(2025, 1, 1), date(2025, 6, 30))
    assert pool_period(half, D(10000), [], []).allowance == 900


@pytest.mark.parametrize(
    ("start", "end", "business", "percent"),
    [
        (date(2025, 4, 1), date(2026, 3, 31), "company", "18"),
        (date(2026, 4, 1), date(2027, 3, 31), "company", "14"),
        (date(2026, 1, 1), date(2026, 12, 31), "company", "14.99"),  # 90 days at 18, 275 at 14: 14.986...
        (date(2026, 1, 1), date(2026, 12, 31), "other", "15.05"),  # 95 days: 15.041...
    ],
)
def test_a_period_with_two_rates_weighs_them_by_days_and_rounds_up(start: date, end: date, business: Any, percent: str) -> None:
    assert str(writing_down("main", business, start, end).percent) == percent


def test_a_pool_that_has_sold_more_than_it_held_is_charged() -> None:
    made = pool_period(YEAR, D(1000), [], [Sold(DAY, D(5000), D(9000))])
    assert outcome(made) == ("balancing_charge", "0.00", "4000.00", "0.00")  # the value counts up to the cost only


def test_small_pools_and_the_last_period_are_taken_whole() -> None:
    assert outcome(pool_period(YEAR, D(1000), [], [])) == ("small_pool", "1000.00", "0.00", "0.00")
    assert pool_period(YEAR, D("1000.01"), [], []).why == "written_down"
    assert pool_period(YEAR, D(1000), [], [], write_off_small=False).allowance == 180
    quarter = AccountingPeriod(date(2025, 1, 1), date(2025, 3, 31))
    assert pool_period(quarter, D(251), [], []).why == "written_down"
    last = AccountingPeriod(date(2025, 1, 1), date(2025, 12, 31), ceased=True)
    assert outcome(pool_period(last, D(7000), [], []))[:2] == ("balancing_allowance", "7000.00")


def test_what_is_given_before_the_pool() -> None:
    made = pool_period(YEAR, D(0), [Spent(DAY, D(1000000), "annual_investment"), Spent(DAY, D(300), "full_expensing")], [])
    assert (made.relief, made.closing) == (D(1000300), D(0))
    made = pool_period(YEAR, D(10000), [Spent(DAY, D(800), "full_expensing")], [], pool="special")
    assert (made.relief, made.allowance, made.closing) == (D(400), D(600), D(9800))
    later = AccountingPeriod(date(2026, 4, 1), date(2027, 3, 31))
    made = pool_period(later, D(0), [Spent(date(2026, 5, 1), D(1000), "new_main_rate")], [], business="other")
    assert (made.relief, made.joined_later, made.closing) == (D(400), D(600), D(600))


def test_what_was_fully_expensed_is_charged_when_sold() -> None:
    assert outcome(pool_period(YEAR, D(5000), [], [Sold(DAY, D(900), D(600), fully_expensed=D(900))])) == (
        "written_down", "900.00", "600.00", "4100.00"
    )  # fmt: skip
    special = pool_period(YEAR, D(5000), [], [Sold(DAY, D(900), D(600), fully_expensed=D(900))], pool="special")
    assert (special.charge, special.taken_out) == (D(300), D(300))


def test_a_block_takes_half_the_rate_of_what_was_used_under_180_days() -> None:
    period = AccountingPeriod(date(2025, 4, 1), date(2026, 3, 31))
    spent = [Spent(date(2025, 5, 1), D(1000)), Spent(date(2026, 1, 1), D(2000), under_180_days=True)]
    made = pool_period(period, D(10000), spent, [], percent=D(15))
    assert (made.allowance, made.closing) == (D(1800), D(11200))


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("relief", {"spent": [Spent(DAY, D(1000001), "annual_investment")]}),
        ("relief", {"spent": [Spent(DAY, D(1), "annual_investment", car=True)]}),
        ("relief", {"spent": [Spent(DAY, D(1), "new_main_rate")]}),
        ("on", {"spent": [Spent(date(2026, 1, 1), D(1))]}),
        ("value", {"sold": [Sold(DAY, D(1), D(-1))]}),
        ("fully_expensed", {"sold": [Sold(DAY, D(1), D(1), D(2))]}),
        ("opening", {"opening": D(-1)}),
        ("rate", {"percent": D("NaN")}),
        ("end", {"period": AccountingPeriod(date(2025, 1, 1), date(2024, 12, 31))}),
        ("end", {"period": AccountingPeriod(date(2025, 1, 1), date(2026, 12, 31))}),
        ("rate_table", {"period": AccountingPeriod(date(2018, 1, 1), date(2018, 12, 31))}),
    ],
)
def test_what_is_refused(field: str, call: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"period": YEAR, "opening": D(0), "spent": [], "sold": []} | call
    with pytest.raises(Invalid) as refused:
        pool_period(**arguments)
    assert refused.value.field == field


money = st.integers(0, 10**8).map(lambda cents: D(cents) / 100)


@settings(max_examples=80)
@given(
    opening=money,
    spent=st.lists(st.builds(Spent, st.just(DAY), money, st.sampled_from(("none", "full_expensing"))), max_size=4),
    sold=st.lists(st.tuples(money, money, st.integers(0, 100)), max_size=3),
    pool=st.sampled_from(("main", "special")),
)
def test_nothing_is_lost(opening: D, spent: list[Spent], sold: list[tuple[D, D, int]], pool: Any) -> None:
    gone = [Sold(DAY, cost, value, (cost * part / 100).quantize(D("0.01"))) for cost, value, part in sold]
    made = pool_period(YEAR, opening, spent, gone, pool=pool)
    came = opening + sum((s.amount for s in spent), D(0)) + made.charge
    went = sum((min(g.cost, g.value) for g in gone), D(0)) + made.relief + made.allowance
    assert came == went + made.closing
    assert min(made.closing, made.charge, made.allowance, made.relief) >= 0
