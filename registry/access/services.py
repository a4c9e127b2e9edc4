"""What may be done about people and tokens. Each function owns its transaction."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from registry import secret_files
from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.models import ApiToken, Person, User
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.texts import line

_MARK = "spt"
MOST_TOKENS = 50  # valid ones of one person
MOST_NETWORKS = 50
_USED_EVERY = timedelta(minutes=1)  # so often at most the time of the last use is written


@transaction.atomic
def create_administrator(*, by: Actor, username: str) -> str:
    """Make a user who may do everything, or give an existing one a new password and the right to it; return a one-time password,
    which has to be changed at the first log-in. Raises Invalid, Forbidden."""
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("administrators are made by administrators")
    name = line(username, field="username", most=150)
    password = secrets.token_urlsafe(12)
    user = User.objects.select_for_update().filter(username=name).first() or User(username=name)
    user.is_active = user.is_staff = user.is_superuser = user.must_change_password = True
    user.set_password(password)
    user.save()
    Person.objects.get_or_create(user=user, defaults={"name": name})
    log.record(by, user, "made administrator")
    return password


@transaction.atomic
def set_password(*, by: Actor, user: User, password: str) -> None:
    """Replace one's own password; a one-time password has then done its work. Raises Invalid, Forbidden."""
    if by.user_id != user.pk and not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("a password is chosen by whoever it is of")
    try:
        password_validation.validate_password(password, user)
    except ValidationError as exc:
        raise Invalid(" ".join(exc.messages), field="password") from None
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    log.record(by, user, "password changed")


@transaction.atomic
def issue_token(
    *,
    by: Actor,
    name: str,
    scope: str = ApiToken.Scope.READ,
    user: User | None = None,
    expires_at: datetime | None = None,
    allowed_ips: Sequence[str] = (),
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text `spt_<prefix>_<secret>`, which nobody can show again. It may what `user` may, or
    everything without one, within its scope and from `allowed_ips` (networks in CIDR form; none: from everywhere).

    Raises Invalid, Taken, Forbidden."""
    if by.token_id is not None and by.user_id is not None:  # else one that ends soon could make one that never does
        raise Forbidden("a person's token makes no tokens; log in for that")
    if (user is None or user.pk != by.user_id) and not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("only administrators make tokens for others")
    name = line(name, field="name", most=80)
    if scope not in ApiToken.Scope.values:
        raise Invalid(f"scope: {scope!r} is not one of {', '.join(ApiToken.Scope.values)}", field="scope")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("expires_at: lies in the past", field="expires_at")
    if user is not None and ApiToken.objects.valid_at(timezone.now()).filter(user=user).count() >= MOST_TOKENS:
        raise Invalid(f"{MOST_TOKENS} valid tokens are enough for one person; revoke one first")
    if len(allowed_ips) > MOST_NETWORKS:
        raise Invalid(f"allowed_ips: {MOST_NETWORKS} networks at most", field="allowed_ips")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = ApiToken(name=name, prefix=prefix, secret_hmac=_hmac(secret), scope=scope, user=user, expires_at=expires_at)
    token.allowed_ips = [_network(text) for text in allowed_ips]
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError:
        raise Taken("name: taken", field="name") from None
    log.record(by, token, "created", scope=scope, user=user, expires_at=expires_at)
    return token, f"{_MARK}_{prefix}_{secret}"


def user_named(username: str) -> User:
    """Raises NotFound."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(f"there is nobody who logs in as {username!r}", field="username")
    return user


@transaction.atomic
def revoke_token(*, by: Actor, name: str = "", token_id: UUID | None = None) -> ApiToken:
    """End the token of this name or prefix or id, now and for ever. Raises NotFound."""
    named = Q(pk=token_id) if token_id is not None else Q(name=name) | Q(prefix=name)
    token = ApiToken.objects.filter(named).first()
    if token is None or not (by.may_everywhere(Action.ADMINISTER) or (token.user_id and token.user_id == by.user_id)):
        raise NotFound(f"there is no token named {name!r}" if name else "there is no such token", field="name")
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    token.refresh_from_db()
    log.record(by, token, "revoked")
    return token


def authenticate_token(presented: str, *, address: str = "") -> ApiToken | None:
    """Return the valid token that this text proves when shown from this address, or None. A valid one leaves its time of use, to
    the minute. One whose user is not active any more is not valid."""
    mark, _, rest = presented.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != _MARK or not secret or len(presented) > 200 or not presented.isascii():
        return None
    now = timezone.now()
    token = ApiToken.objects.valid_at(now).select_related("user").filter(prefix=prefix).first()
    if not hmac.compare_digest(_hmac(secret), token.secret_hmac if token is not None else "-" * 64) or token is None:
        return None
    if (token.user is not None and not token.user.is_active) or not _is_from(address, token.allowed_ips):
        return None
    if token.last_used_at is None or now - token.last_used_at >= _USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise Invalid(f"allowed_ips: {text[:40]!r} is no network; write it like 192.0.2.0/24", field="allowed_ips") from None


def _is_from(address: str, networks: Sequence[str]) -> bool:
    if not networks:
        return True
    try:
        return any(ip_address(address) in ip_network(network) for network in networks)
    except ValueError:
        return False


def _hmac(secret: str) -> str:
    key = secret_files.derive(settings.DATA_DIR, "api-token")
    return hmac.digest(key, secret.encode(), "sha256").hex()
