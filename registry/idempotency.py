"""`Idempotency-Key`: a POST that is sent again with the same key is answered again and not done again, for a day.

The row that keeps the answer is written in the transaction of the work. So there is no state between: either both are there, or
neither. Who sends the same at the same time waits for the first one's transaction, and gets its answer. What was refused is not
kept: nothing was done, so the request may come again with the same key.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from ninja import NinjaAPI

from registry.access.actors import Actor
from registry.access.models import IdempotentAnswer
from registry.problems import Invalid

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(hours=24)
MOST_BYTES: Final = 8_000_000  # of an answer that is kept
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_AT_ONCE: Final = 200  # expired rows that one request takes away
_SAID_AGAIN: Final = ("Content-Type", "Location", "ETag")

PARAMETER: Final[dict[str, Any]] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "Any text of 1 to 200 visible characters. The same request with the same key is answered again and not done "
    "again, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def install(api: NinjaAPI) -> None:
    api.add_decorator(_in_one_transaction, mode="view")
    api.add_decorator(_once, mode="operation")


def _in_one_transaction(run: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Around the whole operation: its answer is kept, or everything undone."""

    @wraps(run)
    def running(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST" or HEADER not in request.headers:
            return run(request, *args, **kwargs)
        with transaction.atomic():
            response = run(request, *args, **kwargs)
            row: IdempotentAnswer | None = getattr(request, "idempotent", None)
            if response.status_code >= 400:
                transaction.set_rollback(True)
            elif row is not None and isinstance(response, HttpResponse) and len(response.content) <= MOST_BYTES:
                headers = {name: response[name] for name in _SAID_AGAIN if name in response}
                kept = IdempotentAnswer.objects.filter(pk=row.pk)
                kept.update(status=response.status_code, headers=headers, body=response.content)
            elif row is not None:  # an answer too large to keep: it can be asked for again
                IdempotentAnswer.objects.filter(pk=row.pk).delete()
        return response

    return running


def _once(view: Callable[..., Any]) -> Callable[..., Any]:
    """Around the view alone, so that who asks is known and the request is understood."""

    @wraps(view)
    def asking(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST" or HEADER not in request.headers:
            return view(request, *args, **kwargs)
        key = request.headers[HEADER]
        if not _KEY.fullmatch(key):
            raise Invalid(f"{HEADER}: 1 to 200 visible characters")
        by: Actor = request.auth  # type: ignore[attr-defined]  # set by ninja
        said = _answer_kept(_caller(by), key, _hash_of(request))
        if isinstance(said, HttpResponse):
            return said
        request.idempotent = said  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return asking


def _answer_kept(caller: str, key: str, request_hash: str) -> HttpResponse | IdempotentAnswer:
    """The answer to this request if there is one, else the row that shall keep it. Raises Invalid."""
    now = timezone.now()
    old = list(IdempotentAnswer.objects.filter(created_at__lt=now - KEPT).values_list("pk", flat=True)[:_AT_ONCE])
    if old:
        IdempotentAnswer.objects.filter(pk__in=old).delete()
    mine = IdempotentAnswer.objects.filter(caller=caller, key=key)
    mine.filter(created_at__lt=now - KEPT).delete()
    row = IdempotentAnswer(caller=caller, key=key, request_hash=request_hash, created_at=now)
    try:
        with transaction.atomic():  # who comes second waits here until the first is done
            row.save(force_insert=True)
    except IntegrityError:
        kept = mine.get()
        if kept.request_hash != request_hash:
            raise Invalid(f"{HEADER}: another request came with this key; take a new key for a new request") from None
        return HttpResponse(bytes(kept.body), status=kept.status, headers={**kept.headers, "Idempotent-Replayed": "true"})
    return row


def _caller(by: Actor) -> str:
    return f"token {by.token_id}" if by.token_id is not None else f"user {by.user_id}"


def _hash_of(request: HttpRequest) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()} {request.headers.get('If-Match', '')}\0".encode())
    if request.content_type == "multipart/form-data":
        for name, values in sorted(request.POST.lists()):
            digest.update(repr((name, values)).encode())
        given: dict[str, Any] = dict(request.FILES.items())
        for name, file in sorted(given.items()):
            digest.update(repr((name, getattr(file, "name", ""), getattr(file, "size", 0))).encode())
            file.seek(0)
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
    else:
        digest.update(request.body)
    return digest.hexdigest()
