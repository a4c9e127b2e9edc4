"""Refusals over HTTP: every error of the API is application/problem+json (RFC 9457) and says which value it is about."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from registry.paging import BadCursor
from registry.problems import Forbidden, Invalid, NotFound, Problem, Several, Stale, Taken

CONTENT_TYPE = "application/problem+json"
MAX_ERRORS = 100  # of one request, so that a hostile body does not make a huge answer

TITLES = {
    400: "The request cannot be understood",
    401: "Log in or send a token",
    403: "Not allowed",
    404: "Not found",
    405: "This address does not take that method",
    409: "Taken",
    412: "Changed meanwhile",
    413: "Too large",
    422: "Some values cannot be taken",
    428: "Say which version you saw",
    429: "Too many requests",
    503: "Not now",
}
STATUS: dict[type[Problem], int] = {Invalid: 422, Several: 422, NotFound: 404, Taken: 409, Stale: 412, Forbidden: 403}

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457. `errors` names each value at fault: by JSON pointer into the body, or by parameter.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {"pointer": {"type": "string"}, "parameter": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def answer(
    status: int, detail: str, errors: Iterable[dict[str, str]] = (), headers: dict[str, str] | None = None
) -> HttpResponse:
    body: dict[str, Any] = {"type": "about:blank", "title": TITLES.get(status, "Problem"), "status": status, "detail": detail}
    if listed := list(errors)[:MAX_ERRORS]:
        body["errors"] = listed
    return HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type=CONTENT_TYPE, headers=headers)


def install(api: NinjaAPI) -> None:
    """Give every error that an operation may raise its form. What is not listed here is a bug and ends as a 500."""
    forms: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Problem: _problem,
        ValidationError: _validation,
        AuthenticationError: _not_authenticated,
        HttpError: lambda request, exc: answer(exc.status_code, str(exc)),
        Http404: lambda request, exc: answer(404, "There is nothing at this address that you may see."),
        PermissionDenied: lambda request, exc: answer(403, str(exc) or "You may not do this."),
        BadCursor: lambda request, exc: answer(400, str(exc), [{"parameter": "cursor", "detail": str(exc)}]),
        RequestDataTooBig: lambda request, exc: answer(413, "The body is larger than this registry takes."),
    }
    for error, form in forms.items():
        api.add_exception_handler(error, form)


def said_plainly(problem: Problem) -> str:
    """The sentence without the name of the field, for where that is shown beside it."""
    return problem.text.removeprefix(f"{problem.field}: ") if problem.field else problem.text


def _problem(request: HttpRequest, exc: Problem) -> HttpResponse:
    single = exc.problems if isinstance(exc, Several) else [exc]
    errors = [{"pointer": f"#/{p.field.replace('.', '/')}", "detail": said_plainly(p)} for p in single if p.field]
    return answer(STATUS[type(exc)], exc.text, errors)


def _validation(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    return answer(422, "See the errors, each with its place in the request.", [_located(error) for error in exc.errors])


def _located(error: dict[str, Any]) -> dict[str, str]:
    where, *steps = [str(step) for step in error.get("loc", ())] or ["body"]
    if where == "body":
        steps = steps[1:]  # the name of the Python argument, which is nobody's business
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
        return {"pointer": f"#{pointer}", "detail": error["msg"]}
    return {"parameter": ".".join(steps), "detail": error["msg"]}


def _not_authenticated(request: HttpRequest, exc: AuthenticationError) -> HttpResponse:
    return answer(
        401, "Send `Authorization: Bearer spt_...`, or log in.", headers={"WWW-Authenticate": 'Bearer realm="Sightpost"'}
    )
