"""Django's settings, made from registry.toml (configuration.py). Importing this writes nothing: keys are made when first used."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import lazy
from django.utils.log import CallbackFilter

from registry import configuration, secret_files
from registry.console.look import UNFOLD as UNFOLD  # of /admin/
from registry.misconfigured import Misconfigured

try:
    CONFIGURATION = configuration.load()
except Misconfigured as exc:
    raise ImproperlyConfigured(str(exc)) from None

HERE = Path(__file__).parent
DATA_DIR = CONFIGURATION.data_dir
SITE_NAME = CONFIGURATION.name

SECRET_KEY = lazy(secret_files.read_or_make, str)(DATA_DIR, secret_files.SECRET_KEY)
ALLOWED_HOSTS = CONFIGURATION.web.allowed_hosts
DEBUG = False

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "ninja",
    "treebeard",
    "registry.access",
    "registry.work",
    "registry.assets",
    "registry.labels",
    "registry.importing",
    "registry.trust",
    "registry.tracking",
    "registry.orders",
    "registry.enrolment",
    "registry.custody",
    "registry.places",
    "registry.people",
    "registry.scanning",
    "registry.stock",
    "registry.care",
    "registry.reports",
    "registry.audits",
    "registry.web",
    "registry.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "registry.web.csp.ContentSecurityPolicy",
    "registry.web.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "registry.urls"
ASGI_APPLICATION = "registry.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry.web.may.may",
            ]
        },
    }
]

# One writer at a time, and it waits its turn: with Django's defaults a read that becomes a write fails with "database is locked".
# FULL: the gateway deletes what we acknowledged.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=268435456; "
    "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY;",
}


def _database() -> dict[str, Any]:
    section = CONFIGURATION.database
    database: dict[str, Any] = dict(dj_database_url.parse(section.url or f"sqlite:///{DATA_DIR / 'registry.sqlite3'}"))
    if database["ENGINE"] == "django.db.backends.sqlite3":
        return database | {"OPTIONS": SQLITE_OPTIONS}
    # A pool instead of lasting connections: two hundred open pages are not two hundred of them.
    # Without compiling queries: for those of pages it takes longer than it saves. And what an index names is in memory, or on a
    # disk that need not turn for it: by default a whole table is read sooner than a twentieth of it is looked up.
    options = {"options": "-c jit=off -c random_page_cost=1.1"} | database.get("OPTIONS", {})
    options |= {"pool": {"min_size": 2, "max_size": section.pool, "timeout": 10}}
    if section.password_file is not None:
        database["PASSWORD"] = secret_files.read(section.password_file)
    return database | {"CONN_MAX_AGE": 0, "OPTIONS": options}


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "access.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# Log-in by other services, and second factors: web/sso.py and access/factors.py; of allauth's own pages none is in use.
SOCIALACCOUNT_ADAPTER = "registry.web.sso.Adapter"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = False
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "registry.access.factors.Encrypting"
MFA_RECOVERY_CODE_DIGITS = 10

SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CONFIGURATION.web.https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = CONFIGURATION.web.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIGURATION.web.https else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = ["registry.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [("look", HERE.parent / "look")]
WHITENOISE_USE_FINDERS = True  # served from where they lie: nothing to collect before the first start
SILENCED_SYSTEM_CHECKS = ["models.W040"]  # SQLite builds a covering index without its extra columns

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    # /readyz says 503 each time it is asked while something is missing; that is its answer, not an error.
    "filters": {"not_503": {"()": CallbackFilter, "callback": lambda record: getattr(record, "status_code", None) != 503}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["not_503"]}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},  # not each address that somebody mistypes,
        "django.security": {"level": "CRITICAL"},  # nor each forged Host
        "uvicorn.error": {"level": "WARNING"},
    },
}
