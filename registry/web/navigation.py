"""Where one can go from every page: one list for the side navigation, the bottom bar of phones, the keys and the palette.

An entry stands there when its page exists and the person may do something on it.
"""

from dataclasses import dataclass
from typing import Final

from django.urls import NoReverseMatch, reverse

from registry.access.actors import Action, Actor

ON_A_PHONE: Final = 4  # entries of the bottom bar; the others are behind "More"


@dataclass(frozen=True, slots=True)
class Entry:
    """`area` is what its pages call themselves, `url_name` its first page, `key` the one behind `g`. `action`: whoever may
    do that anywhere; `everywhere`: for everything."""

    area: str
    title: str
    url_name: str
    icon: str
    key: str = ""
    action: Action = Action.VIEW
    everywhere: bool = False
    said: str = ""  # other words people look for it by

    def open_to(self, by: Actor) -> bool:
        return by.may_everywhere(self.action) if self.everywhere else by.may_anywhere(self.action)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry with its address."""

    entry: Entry
    url: str


ENTRIES: Final = (
    Entry("home", "Overview", "home", "overview", "h", said="home start"),
    Entry("assets", "Assets", "assets", "asset", "a", said="list find"),
    Entry("places", "Places", "places", "place", "p", said="locations rooms tree"),
    Entry("scan", "Scan", "scan", "scan", "s", said="camera barcode"),
    Entry("live", "Live", "live", "live", "l", said="gateways events zones unknown tags"),
    Entry("gateways", "Gateways", "gateways", "gateway", "y", said="readers quarantine outbox"),
    Entry("custody", "Custody", "custody", "hand", "c", said="check out check in lent"),
    Entry("bookings", "Bookings", "bookings", "calendar", "b", said="reserve calendar"),
    Entry("transfers", "Transfers", "transfers", "transfer", "t", said="ship move"),
    Entry("stock", "Stock", "stock", "stock", "n", said="consumables replenish count"),
    Entry("audits", "Audits", "audits", "check", "f", said="campaign inventory count found missing walk"),
    Entry("care", "Care", "work-orders", "wrench", "x", said="maintenance work orders plans board repair service"),
    Entry(
        "agreements",
        "Agreements",
        "agreements",
        "agreement",
        "m",
        said="warranty contract licence subscription insurance domain certificate vendor seats",
    ),
    Entry("reports", "Reports", "reports", "chart", "r", said="figures utilisation"),
    Entry("imports", "Imports", "imports", "upload", "i", Action.EDIT, said="csv xlsx table"),
    Entry(
        "words",
        "Words and fields",
        "words",
        "edit",
        "w",
        Action.EDIT,
        everywhere=True,
        said="categories models suppliers labels tags",
    ),
    Entry("changes", "Changes", "changes", "history", "v", Action.CHANGES, said="log who did what"),
    Entry(
        "enrolment",
        "Enrolment",
        "enrolment",
        "gateway",
        "e",
        Action.ADMINISTER,
        everywhere=True,
        said="gateways code approve let in certificate fingerprint",
    ),
    Entry("people", "People", "people", "people", "u", Action.ADMINISTER, everywhere=True, said="users roles tokens"),
    Entry(
        "undelivered",
        "Undelivered",
        "undelivered",
        "unsent",
        "d",
        Action.ADMINISTER,
        everywhere=True,
        said="mails messages queue dead",
    ),
    Entry(
        "console",
        "Console",
        "admin:index",
        "settings",
        "o",
        Action.ADMINISTER,
        everywhere=True,
        said="settings administration sign-in sessions runs retention",
    ),
)


def links(by: Actor) -> list[Link]:
    """What `by` can go to, in the order of the navigation."""
    return [Link(entry, url) for entry in ENTRIES if entry.open_to(by) and (url := _url(entry.url_name)) is not None]


def _url(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
