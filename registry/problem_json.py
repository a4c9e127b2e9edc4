"""Refusals over HTTP: every error of the API is application/problem+json (RFC 9457) and says which value it is about."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

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
    408: "Too slow",
    409: "Taken",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Not this kind of content",
    422: "Some values cannot be taken",
    428: "Say which version you saw",
    429: "Too many requests",
    500: "The registry failed",
    503: "Not now",
}
CANNOT_BE_READ = "The request cannot be read."
FAILED = "The registry failed; its log says why. Nothing was written half."
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


class TooMany(Exception):
    """Asked too often: again in `wait` seconds."""

    def __init__(self, text: str, *, wait: int) -> None:
        super().__init__(text)
        self.wait = wait


class WrongMediaType(ValueError):
    """The body says that it is something else than the operation takes."""


class JsonOnly(Parser):
    """Reads bodies that say that they are JSON; a body in another form is not guessed at."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise WrongMediaType(
                f"This operation takes application/json, not {(request.content_type or '')[:100] or 'no type at all'}."
            )
        return super().parse_body(request)


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
        HttpError: _http_error,
        TooMany: lambda request, exc: answer(429, str(exc), headers={"Retry-After": str(exc.wait)}),
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


def _http_error(request: HttpRequest, exc: HttpError) -> HttpResponse:
    """What ninja says of a body that it cannot read has the reason behind it."""
    match exc.__cause__:
        case WrongMediaType() as wrong:
            return answer(415, str(wrong))
        case json.JSONDecodeError() as broken:
            return answer(400, f"The body is no JSON: {broken.msg} in line {broken.lineno}, column {broken.colno}.")
        case RecursionError():
            return answer(400, "The body is nested too deep.")
        case UnicodeDecodeError():
            return answer(400, "The body is no UTF-8 text.")
    return answer(exc.status_code, str(exc))


def _validation(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    uploads = any(str(step) in ("file", "form") for error in exc.errors for step in error.get("loc", ())[:1])
    if uploads and request.content_type != "multipart/form-data":
        return answer(415, "This operation takes multipart/form-data with the file as its part `file`.")
    return answer(422, "See the errors, each with its place in the request.", [_located(error) for error in exc.errors])


def _located(error: dict[str, Any]) -> dict[str, str]:
    where, *steps = [str(step) for step in error.get("loc", ())] or ["body"]
    if where == "body":
        steps = steps[1:]  # the name of the Python argument, which is nobody's business
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
        return {"pointer": f"#{pointer}", "detail": error["msg"]}
    return {"parameter": ".".join(steps), "detail": error["msg"]}


def of_the_server(status: int, detail: str, response: HttpResponse) -> HttpResponse:
    """An answer that Django or ninja made by itself, as a problem; with the headers that say what may be done."""
    kept = {name: response[name] for name in ("Allow", "Retry-After") if name in response}
    return answer(status, detail, headers=kept)


def _not_authenticated(request: HttpRequest, exc: AuthenticationError) -> HttpResponse:
    return answer(
        401, "Send `Authorization: Bearer spt_...`, or log in.", headers={"WWW-Authenticate": 'Bearer realm="Sightpost"'}
    )
