"""What is said when nothing of ours answers: no such address, a request that cannot be read, a failure. To people and to programs
each in their way."""

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import bad_request, page_not_found, permission_denied, server_error

from registry import problem_json

_TOO_MUCH = {
    RequestDataTooBig: "A form takes 2 MB of text; one of its fields held more, or all of them together",
    TooManyFieldsSent: "A form takes 1,000 fields; more were sent",
    TooManyFilesSent: "A form takes 100 files; more were sent",
}


def not_readable(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, tuple(_TOO_MUCH)):
        return _too_large(request, exception)
    if _asked_by_a_program(request):
        return problem_json.answer(400, problem_json.CANNOT_BE_READ)
    return bad_request(request, exception)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _asked_by_a_program(request):
        return problem_json.answer(403, "You may not do this.")
    return permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _asked_by_a_program(request):
        return problem_json.answer(404, "There is no such operation; /api/v1/docs lists them.")
    return page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    if _asked_by_a_program(request):
        return problem_json.answer(500, problem_json.FAILED)
    return server_error(request)


def _too_large(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = next(text for kind, text in _TOO_MUCH.items() if isinstance(exception, kind))
    if _asked_by_a_program(request):
        return problem_json.answer(413, sentence)
    return render(request, "413.html", {"sentence": sentence}, status=413)


def _asked_by_a_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
