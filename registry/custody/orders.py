"""The orders in which pages and API list who has what."""

from datetime import UTC, datetime

from django.db.models import Value
from django.db.models.fields import DateTimeField
from django.db.models.functions import Coalesce

from registry.paging import Order

FAR = datetime(9999, 1, 1, tzinfo=UTC)
DUE_FIRST = Order("due", Coalesce("due_at", Value(FAR), output_field=DateTimeField()), "time")
BACK_LAST = Order("back", Coalesce("to_at", "from_at", output_field=DateTimeField()), "time", descending=True)
