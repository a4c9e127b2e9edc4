"""Days as people write them. ISO is always right; Which number of 3/4/2024 is the month has to be
decided by something else."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Order = Literal["dmy", "mdy"]

_ISO: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_NUMBERS: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)
_NAMED: Final = re.compile(r"(\d{1,2})[ .\-]+([^\W\d]{3,9})\.?[ \-]+(\d{4})|([^\W\d]{3,9})\.? (\d{1,2}),? (\d{4})")
_MIDNIGHT: Final = re.compile(r"[T ]0?0:00(:00(\.0+)?)?(Z|\+00:00)?$")
_CLOCK: Final = re.compile(r"[T ]\d{1,2}:\d{2}")
_SERIAL: Final = re.compile(r"[1-7]\d{4}", re.ASCII)
_MONTHS: Final = {
    word: number
    for number, words in enumerate(
        ("jan", "feb", "mar mrz mär", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov", "dec dez"), start=1
    )
    for word in words.split()
}


class NotADay(ValueError):
    """The text is no day, or more than one. The message is the reason for people."""


@dataclass(slots=True)
class DayFacts:
    """What a whole column shows: the first row that can only be day before month, and month before day; 0: none."""

    day_first: int = 0
    month_first: int = 0

    def see(self, text: str, row: int) -> None:
        found = _NUMBERS.fullmatch(_without_midnight(text))
        if found is None or found[2] == ".":
            return
        first, second = int(found[1]), int(found[3])
        if 12 < first <= 31 and 1 <= second <= 12:
            self.day_first = self.day_first or row
        elif 12 < second <= 31 and 1 <= first <= 12:
            self.month_first = self.month_first or row


def read_day(text: str, facts: DayFacts, order: Order | None = None) -> date:
    """The day; `order` is what a person said of the file. Raises NotADay."""
    text = _without_midnight(text)
    if _CLOCK.search(text):
        raise NotADay("a day is meant here, without a time of day")
    if found := _ISO.fullmatch(text):
        return _day(int(found[1]), int(found[3]), int(found[4]))
    if found := _NUMBERS.fullmatch(text):
        if len(found[4]) == 2:
            raise NotADay("write the year with four digits")
        return _by_order(int(found[1]), int(found[3]), int(found[4]), "dmy" if found[2] == "." else order, facts)
    if found := _NAMED.fullmatch(text):
        day, name, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        month = _MONTHS.get(name[:3].lower())
        if month is None:
            raise NotADay(f"{name} is no month")
        return _day(int(year), month, int(day))
    if _SERIAL.fullmatch(text):
        raise NotADay("looks like a spreadsheet's day number; give the column a date format and save again")
    raise NotADay("is no day; write it as 2024-12-31")


def _without_midnight(text: str) -> str:
    return _MIDNIGHT.sub("", text.strip())


def _by_order(first: int, second: int, year: int, order: Order | None, facts: DayFacts) -> date:
    if order == "dmy":
        return _day(year, second, first)
    if order == "mdy":
        return _day(year, first, second)
    if first == second:
        return _day(year, first, second)
    if first > 12:
        return _day(year, second, first)
    if second > 12:
        return _day(year, first, second)
    if facts.day_first and facts.month_first:
        raise NotADay(
            f"the column has days both ways, row {facts.day_first} as day/month, row {facts.month_first} as month/day: "
            "write 2024-12-31"
        )
    if facts.day_first:
        return _day(year, second, first)
    if facts.month_first:
        return _day(year, first, second)
    one, other = _day(year, second, first), _day(year, first, second)
    raise NotADay(f"may be {one.isoformat()} or {other.isoformat()}, and nothing in the column decides it; say the order of days")


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise NotADay("the calendar has no such day") from None
