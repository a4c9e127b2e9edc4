"""What is said when nothing of ours answers: no such address, a request that cannot be read, a failure. To people and to programs
each in their way."""

from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request, page_not_found, permission_denied, server_error

from registry import problem_json


def not_readable(request: HttpRequest, exception: Exception) -> HttpResponse:
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


def _asked_by_a_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
