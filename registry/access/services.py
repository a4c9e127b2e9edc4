"""What may be done about people and tokens. Each function owns its transaction."""

import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from registry import secret_files
from registry.access.models import ApiToken, User
from registry.problems import Invalid, NotFound, Taken
from registry.texts import line

_MARK = "spt"
_USED_EVERY = timedelta(minutes=1)  # so often at most the time of the last use is written


@transaction.atomic
def create_administrator(*, username: str) -> str:
    """Make a user who may do everything, or give an existing one a new password and the right to it; return a one-time password,
    which has to be changed at the first log-in. Raises Invalid."""
    name = line(username, field="username", most=150)
    password = secrets.token_urlsafe(12)
    user = User.objects.select_for_update().filter(username=name).first() or User(username=name)
    user.is_active = user.is_staff = user.is_superuser = user.must_change_password = True
    user.set_password(password)
    user.save()
    return password


@transaction.atomic
def set_password(*, user: User, password: str) -> None:
    """Replace the password; a one-time password has then done its work. Raises Invalid."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as exc:
        raise Invalid(" ".join(exc.messages), field="password") from None
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])


@transaction.atomic
def issue_token(*, name: str, scope: str = ApiToken.Scope.READ, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """Make a token and return it with its text `spt_<prefix>_<secret>`, which nobody can show again. Raises Invalid, Taken."""
    name = line(name, field="name", most=80)
    if scope not in ApiToken.Scope.values:
        raise Invalid(f"scope: {scope!r} is not one of {', '.join(ApiToken.Scope.values)}", field="scope")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("expires_at: lies in the past", field="expires_at")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = ApiToken(name=name, prefix=prefix, secret_hmac=_hmac(secret), scope=scope, expires_at=expires_at)
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError:
        raise Taken(f"name: there is a token named {name!r}", field="name") from None
    return token, f"{_MARK}_{prefix}_{secret}"


def revoke_token(*, name: str) -> ApiToken:
    """End the token of this name or prefix, now and for ever. Raises NotFound."""
    token = ApiToken.objects.filter(Q(name=name) | Q(prefix=name)).first()
    if token is None:
        raise NotFound(f"there is no token named {name!r}", field="name")
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    token.refresh_from_db()
    return token


def authenticate_token(presented: str) -> ApiToken | None:
    """Return the valid token that this text proves, or None. A valid one leaves its time of use, to the minute."""
    mark, _, rest = presented.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != _MARK or not secret or len(presented) > 200 or not presented.isascii():
        return None
    now = timezone.now()
    token = ApiToken.objects.valid_at(now).filter(prefix=prefix).first()
    if not hmac.compare_digest(_hmac(secret), token.secret_hmac if token is not None else "-" * 64) or token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at >= _USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _hmac(secret: str) -> str:
    key = secret_files.derive(settings.DATA_DIR, "api-token")
    return hmac.digest(key, secret.encode(), "sha256").hex()
