"""The REST API under /api/v1/: who may call it, its routers, and its OpenAPI document (docs/openapi.json is held to it)."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import APIKeyCookie, HttpBearer

from registry import problem_json
from registry.access.models import ApiToken, User
from registry.access.services import authenticate_token
from registry.assets.api import router as assets
from registry.tracking.api import router as tracking

READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Program:
    """A caller with a token, as the querysets' `visible_to` wants to know it."""

    token: ApiToken
    is_active: bool = True


class Bearer(HttpBearer):
    """`Authorization: Bearer spt_...`; a token of scope `read` reads."""

    def authenticate(self, request: HttpRequest, token: str) -> Program | None:
        known = authenticate_token(token)
        if known is None:
            return None
        if request.method not in READING and known.scope != ApiToken.Scope.WRITE:
            raise HttpError(403, f"The token {known.name!r} may only read. Changes need one of scope `write`.")
        return Program(known)


class Session(APIKeyCookie):
    """A person logged in by the pages; changes need the CSRF token as X-CSRFToken."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> User | None:
        if "Authorization" in request.headers or self.param_name not in request.COOKIES:
            return None  # whoever shows a token is judged by it alone; without a cookie there is nothing to forge
        found: User | None = super().__call__(request)
        return found

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if not isinstance(request.user, User) or not request.user.is_active:
            return None
        if request.user.must_change_password:
            raise HttpError(403, "Choose a password of your own first, at /password/.")
        return request.user


class Api(NinjaAPI):
    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None) -> OpenAPISchema:
        """Say once for all operations what an error looks like."""
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schema["components"]["schemas"]["Problem"] = problem_json.SCHEMA
        refused = {
            "description": "Refused, with the reason",
            "content": {problem_json.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for methods in schema["paths"].values():
            for operation in methods.values():
                operation["responses"] = {str(code): said for code, said in operation["responses"].items()} | {"default": refused}
        return schema


api = Api(
    title="Sightpost registry",
    version="1",
    description="What we own and where it is. Lists are paged: `next` of one answer is the `cursor` of the next question.",
    urls_namespace="api",
    auth=[Bearer(), Session()],
    docs_decorator=login_required,
)
api.add_router("", assets)
api.add_router("", tracking)
problem_json.install(api)
