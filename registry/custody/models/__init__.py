"""Who has an asset, who has asked for it, and which are on their way from one place to another.

One asset is with one holder at a time and booked once for any moment: the database holds both (an exclusion constraint on
PostgreSQL, triggers on SQLite; registry/triggers.py).
"""

from registry.custody.models.bookings import Booking, BookingItem, BookingQuerySet
from registry.custody.models.held import Custody, CustodyQuerySet
from registry.custody.models.transfers import Transfer, TransferItem, TransferQuerySet

__all__ = [
    "Booking",
    "BookingItem",
    "BookingQuerySet",
    "Custody",
    "CustodyQuerySet",
    "Transfer",
    "TransferItem",
    "TransferQuerySet",
]
