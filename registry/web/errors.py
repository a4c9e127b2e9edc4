"""What is said when there is nothing at an address, to people and to programs each in their way."""

from django.http import HttpRequest, HttpResponse
from django.views.defaults import page_not_found

from registry import problem_json


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_json.answer(404, "There is no such operation; /api/v1/docs lists them.")
    return page_not_found(request, exception)
