"""The log of changes as CSV, for the page and the API: a row for every field that changed, sent as it is read."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from django.http import StreamingHttpResponse
from django.utils import timezone

from registry.access.actors import Actor
from registry.people.log import Entry, Wanted, everything
from registry.tables.guard import guarded

MOST: Final = 100_000
COLUMNS: Final = ("at", "who", "through", "request", "kind", "object", "action", "field", "before", "after")


def download(by: Actor, wanted: Wanted) -> StreamingHttpResponse:
    """The newest MOST changes that fit; who asks may read some of the log."""
    headers = {"Content-Disposition": f'attachment; filename="changes-{timezone.now():%Y-%m-%d-%H%M}.csv"'}
    rows = _csv(everything(by, wanted, most=MOST))
    return StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8", headers=headers)


def _csv(entries: Iterator[Entry]) -> Iterator[str]:
    yield "\ufeff" + _line(COLUMNS)
    for entry in entries:
        change = entry.change
        at = change.at.astimezone(UTC).isoformat(timespec="milliseconds")
        head = [at, entry.who, change.through, str(change.request_id), entry.kind, entry.name, change.action]
        for field in entry.fields or [None]:
            yield _line([*head, *((field.title, field.before, field.after) if field is not None else ("", "", ""))])


def _line(values: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([guarded(value) for value in values])
    return text.getvalue()
