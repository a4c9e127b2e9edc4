"""Terms, books and events for the property tests: every method, convention, day count, rounding, period and currency."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from registry.books import events as ev
from registry.books.calendars import Calendar
from registry.books.conventions import CONVENTIONS
from registry.books.day_counts import DAY_COUNTS
from registry.books.terms import METHODS, Book, ManualRow, Method, Reading, Rules, Terms

CURRENCIES = ("EUR", "JPY", "KWD")
AWKWARD = [date(2024, 2, 29), date(2025, 1, 31), date(2023, 12, 31), date(2024, 1, 1), date(2025, 2, 28)]
days = st.dates(date(2019, 1, 1), date(2027, 12, 31)) | st.sampled_from(AWKWARD)
calendars = st.builds(
    Calendar,
    st.sampled_from((1, 2, 3, 4, 6, 9, 12)),
    st.sampled_from((5, 15, 28)),
    st.sampled_from(((), (), (date(2024, 8, 31),))),
) | st.sampled_from([Calendar(), Calendar(3, 31), Calendar(6, 30), Calendar(2, 29), Calendar(4, 5)])


@st.composite
def books(draw: st.DrawFn) -> Book:
    return Book(
        draw(st.sampled_from(CURRENCIES)),
        draw(calendars),
        draw(st.sampled_from((1, 3, 6, 12))),
        draw(st.sampled_from(("last_row", "fiscal_year", "cumulative"))),
    )


@st.composite
def rules(draw: st.DrawFn, method: Method, day: date, base: Decimal, unit: Decimal, *, salvage: bool) -> Rules:
    life = draw(st.integers(1, 90) | st.sampled_from((1, 12, 60)))
    given: dict[str, Any] = {"convention": draw(st.sampled_from(CONVENTIONS)), "day_count": draw(st.sampled_from(DAY_COUNTS))}
    if method == "declining_balance":
        given["switch"] = draw(st.sampled_from(("none", "remaining_life", "original")))
        given["compounding"] = draw(st.sampled_from(("fiscal_year", "period")))
        how = draw(st.sampled_from(("factor", "rate", "salvage")))
        if how == "factor" or not salvage:
            given["factor"] = draw(st.sampled_from((Fraction(3, 2), Fraction(2), Fraction(5, 4))))
        elif how == "rate":
            given["rate"] = draw(st.sampled_from((Fraction(2, 3), Fraction("0.185"), Fraction(1, 4))))
    if method == "fixed_percentage":
        given["rate"] = draw(st.sampled_from((Fraction(1, 3), Fraction("0.125"), Fraction(1))))
    if method == "table":
        given["percentages"] = tuple(
            map(Decimal, draw(st.sampled_from((("100",), ("33.33", "44.45", "14.81", "7.41"), ("0", "60", "40")))))
        )
    if method == "manual":
        parts = draw(st.lists(st.integers(0, int(base / unit)), min_size=0, max_size=4).map(sorted))
        cuts = [0, *parts, int(base / unit)]
        amounts = [unit * (b - a) for a, b in pairwise(cuts)]
        given["rows"] = tuple(ManualRow(day + timedelta(days=40 * n), amount) for n, amount in enumerate(amounts))
    if method == "units":
        given["units_total"] = draw(st.decimals("0.5", "5000", places=1))
    return Rules(method, life, **given)


@st.composite
def terms(draw: st.DrawFn, unit: Decimal, method: Method | None = None) -> Terms:
    chosen: Method = method if method is not None else draw(st.sampled_from(METHODS))
    cost = unit * draw(st.integers(1, 10**9) | st.sampled_from((1, 2, 99, 10**14)))
    salvage = unit * draw(st.integers(0, int(cost / unit)) | st.just(0) | st.just(int(cost / unit)))
    day = draw(days)
    made = draw(rules(chosen, day, cost - salvage, unit, salvage=salvage > 0))
    readings: tuple[Reading, ...] = ()
    if chosen == "units":
        steps = draw(st.lists(st.tuples(st.integers(0, 70), st.decimals(0, 500, places=1)), max_size=12))
        at = day
        for step, used in steps:
            at += timedelta(days=step)
            readings += (Reading(at, used),)
        readings += (Reading(at + timedelta(days=30), Decimal(10**6)),)  # the last one uses all of it up
    return Terms(cost, day, made, salvage, readings=readings)


@st.composite
def changes(draw: st.DrawFn, of: Terms, unit: Decimal) -> list[ev.Change]:
    """Up to four changes in order; whether they are possible where the asset stands by then is for the caller to find out."""
    on, made = of.in_service, list[ev.Change]()
    for _ in range(draw(st.integers(1, 4))):
        on += timedelta(days=draw(st.integers(0, 500)))
        amount = unit * draw(st.integers(1, int(of.cost / unit)))
        plain = of.rules.method in ("units", "manual")
        possible: list[ev.Change] = [
            ev.Addition(on, amount),
            ev.Addition(on, amount, 0 if plain else 7),
            ev.Impairment(on, amount),
            ev.Reversal(on, amount * 2),
            ev.Revaluation(on, amount * 2),
            ev.SalvageChange(on, amount),
            ev.LifeChange(on, units_left=Decimal(50)) if of.rules.method == "units" else ev.LifeChange(on, 33),
            ev.MethodChange(on, Rules("straight_line", 48, "actual_days", "actual/year")),
            ev.Split(on, Fraction(1, 3), "parent"),
            ev.Split(on, Fraction(3, 7), "child"),
        ]
        made.append(draw(st.sampled_from(possible)))
    if draw(st.booleans()):
        made.append(ev.Disposal(on + timedelta(days=draw(st.integers(0, 300))), proceeds=unit * 3))
    return made
