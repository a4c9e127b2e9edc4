"""The REST API under /api/v1/: who may call it, its routers, and its OpenAPI document (docs/openapi.json is held to it)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from django.utils.http import parse_etags
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from registry import idempotency, problem_json
from registry.access import rights, throttle
from registry.access.actors import Actor
from registry.access.models import ApiToken, User
from registry.access.services import authenticate_token
from registry.assets.api import router as assets
from registry.assets.edits_api import router as edits
from registry.audits.api import router as audits
from registry.care.agreements_api import router as agreements
from registry.care.condition_api import router as condition
from registry.care.work_api import router as maintenance
from registry.custody.api import router as custody
from registry.enrolment.api import router as enrolment
from registry.importing.api import router as imports
from registry.labels.api import router as labels
from registry.orders.api import router as orders
from registry.page import factor_missing
from registry.people.api import router as people
from registry.places.api import router as places
from registry.problem_json import JsonOnly, TooMany
from registry.reports.api import router as reports
from registry.scanning.api import router as scanning
from registry.stock.api import router as stock
from registry.tracking.api import router as tracking
from registry.tracking.gateway_api import router as gateways
from registry.tracking.quarantine_api import router as quarantine
from registry.web.api import router as web
from registry.work.api import router as undelivered

READING = ("GET", "HEAD", "OPTIONS")


class Bearer(HttpBearer):
    """`Authorization: Bearer spt_...`; a token of scope `read` reads."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        address = request.META.get("REMOTE_ADDR", "")
        known = authenticate_token(token, address=address)
        if known is None:
            if wait := throttle.attempt("token", address=address):
                raise TooMany(f"Too many wrong tokens from this address. Try again in {wait} seconds.", wait=wait)
            return None
        if request.method not in READING and known.scope != ApiToken.Scope.WRITE:
            raise HttpError(403, f"The token {known.name!r} may only read. Changes need one of scope `write`.")
        return rights.of_token(known)


class Session(APIKeyCookie):
    """A person logged in by the pages; changes need the CSRF token as X-CSRFToken."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Actor | None:
        if "Authorization" in request.headers or self.param_name not in request.COOKIES:
            return None  # whoever shows a token is judged by it alone; without a cookie there is nothing to forge
        if check_csrf(request) is not None:
            raise HttpError(403, "Send the CSRF token of the cookie as X-CSRFToken, or use a token of your own.")
        found: Actor | None = super().__call__(request)
        return found

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        if not isinstance(request.user, User) or not request.user.is_active:
            return None
        if request.user.must_change_password:
            raise HttpError(403, "Choose a password of your own first, at /password/.")
        if factor_missing(request):
            raise HttpError(403, "Your role asks for a second factor; set it up first, at /account/second-factor/.")
        return rights.of_user(request.user, through="api")


class Api(NinjaAPI):
    def _get_urls(self) -> list[URLResolver | URLPattern]:
        urls = super()._get_urls()
        for pattern in urls:
            if isinstance(pattern, URLPattern):
                pattern.callback = _finished(pattern.callback)
        return urls

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None) -> OpenAPISchema:
        """Say once for all operations what an error looks like."""
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schema["components"]["schemas"]["Problem"] = problem_json.SCHEMA
        refused = {
            "description": "Refused, with the reason",
            "content": {problem_json.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                if method == "post":
                    operation.setdefault("parameters", []).append(idempotency.PARAMETER)
                operation["responses"] = {str(code): said for code, said in operation["responses"].items()} | {"default": refused}
        return schema


def _finished(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A method that an address does not take is a problem like any other; what the caller has already is not sent again."""

    @wraps(view)
    def answering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code == 405:
            return problem_json.of_the_server(405, f"Send one of {response['Allow']} to this address.", response)
        known = request.headers.get("If-None-Match") if request.method == "GET" and response.status_code == 200 else None
        if known and {"*", response.get("ETag", "")} & {tag.removeprefix("W/") for tag in parse_etags(known)}:
            kept = {name: response[name] for name in ("ETag", "Cache-Control") if name in response}
            return HttpResponse(status=304, headers=kept)
        return response

    return answering


api = Api(
    title="Sightpost registry",
    version="1",
    description="What we own and where it is. Lists are paged: `next` of one answer is the `cursor` of the next question.",
    urls_namespace="api",
    auth=[Bearer(), Session(csrf=False)],  # it looks for itself, and says what is missing
    docs_decorator=login_required,
    parser=JsonOnly(),
)
idempotency.install(api)
api.add_router("", web)  # these two before the assets: `columns` and `edits` are no ids
api.add_router("", edits)
api.add_router("", assets)
api.add_router("", labels)
api.add_router("", imports)
api.add_router("", people)
api.add_router("", tracking)
api.add_router("", gateways)
api.add_router("", quarantine)
api.add_router("", enrolment)
api.add_router("", custody)
api.add_router("", places)
api.add_router("", scanning)
api.add_router("", reports)
api.add_router("", stock)
api.add_router("", agreements)
api.add_router("", condition)
api.add_router("", maintenance)
api.add_router("", undelivered)
api.add_router("", orders)
api.add_router("", audits)
problem_json.install(api)
