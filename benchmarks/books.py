"""How many depreciation schedules of 60 months one core makes in a minute.

    python benchmarks/books.py engine [--seconds 5]

Each method by itself, then all of them in turn with three events each (an addition, an impairment, a disposal). Every schedule is
made from new terms, so nothing is remembered but the periods of the fiscal years. Processor time counts, not the clock.

Goal: at least 20,000 a minute and core.
"""

import argparse
import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from registry.books.events import Addition, Disposal, Event, Impairment
from registry.books.schedule import build
from registry.books.terms import Book, Rules, Terms

GOAL = 20_000
BOOK = Book("EUR")
METHODS = {
    "straight line, months": Rules("straight_line", 60),
    "straight line, days of the life": Rules("straight_line", 60, "actual_days", "actual/total"),
    "straight line, days of the year": Rules("straight_line", 60, "actual_days", "actual/year"),
    "declining balance with switch": Rules("declining_balance", 60, factor=Fraction(2), switch="remaining_life"),
    "sum of years' digits": Rules("sum_of_years", 60),
    "fixed percentage": Rules("fixed_percentage", rate=Fraction(1, 5)),
}
EVENTS: Sequence[Event] = (
    Addition(date(2026, 6, 1), Decimal(500)),
    Impairment(date(2027, 9, 30), Decimal(500)),
    Disposal(date(2028, 10, 15), proceeds=Decimal(1000)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["engine"])
    parser.add_argument("--seconds", type=float, default=5.0, help="processor time for each line")
    seconds = parser.parse_args().seconds
    slowest = min(_report(name, [rules], (), seconds) for name, rules in METHODS.items())
    _report("all in turn, with three events each", list(METHODS.values()), EVENTS, seconds)
    print(f"goal {GOAL:,} a minute: the slowest method has {slowest / GOAL:.1f} times that")


def _terms(n: int, rules: Rules) -> Terms:
    return Terms(Decimal(10_000 + n % 5_000), date(2025, 1, 1) + timedelta(days=n % 28), rules, Decimal(100))


def _report(name: str, rules: Sequence[Rules], events: Sequence[Event], seconds: float) -> float:
    made = rows = 0
    began = time.process_time()
    while (took := time.process_time() - began) < seconds:
        for _ in range(50):
            rows += len(build(_terms(made, rules[made % len(rules)]), BOOK, events).rows)
            made += 1
    per_minute = made / took * 60
    print(f"{name:40} {per_minute:12,.0f} schedules a minute  {rows / took:12,.0f} rows/s")
    return per_minute


if __name__ == "__main__":
    main()
