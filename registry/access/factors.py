"""The second factor of a log-in: codes of an app (TOTP, RFC 6238) and recovery codes. The secrets lie encrypted in the database.

A code is good once: the step of the last one used is kept with the secret, for all processes.
"""

import base64
import hmac
import time
from urllib.parse import quote

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction

from registry import secret_files
from registry.access import changes as log
from registry.access.actors import ROLES, Action, Actor
from registry.access.models import User
from registry.problems import Forbidden, Invalid

STEP_S = 30


class Encrypting(DefaultMFAAdapter):  # type: ignore[misc]
    """settings.MFA_ADAPTER: what allauth stores of secrets is encrypted under a key of data_dir."""

    def encrypt(self, text: str) -> str:
        return str(_fernet().encrypt(text.encode()).decode())

    def decrypt(self, encrypted_text: str) -> str:
        return str(_fernet().decrypt(encrypted_text.encode()).decode())


def new_secret() -> str:
    return str(generate_totp_secret())


def address_of(secret: str, user: User) -> str:
    """What the QR code of the set-up holds."""
    issuer = quote(settings.SITE_NAME)
    return f"otpauth://totp/{issuer}:{quote(user.username)}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"


def has(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def is_required_of(user: User) -> bool:
    """Does one of their roles demand it (`[access] require_second_factor`)?"""
    demanded = set(settings.CONFIGURATION.access.require_second_factor)
    if not demanded:
        return False
    roles = set(ROLES) if user.is_superuser else set(user.bindings.values_list("role", flat=True))
    return bool(roles & demanded)


@transaction.atomic
def set_up(*, by: Actor, user: User, secret: str, code: str) -> list[str]:
    """Turn it on for oneself, proven by a first code; return the recovery codes. Raises Invalid, Forbidden."""
    if by.user_id != user.pk:
        raise Forbidden("a second factor is set up by whoever it is of")
    step = _step_of(secret, code)
    if step is None:
        raise Invalid("code: this is not the code of this moment; look at the clock of the device", field="code")
    Authenticator.objects.filter(user=user).delete()
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": encrypt(secret), "last_step": step})
    log.record(by, user, "second factor set up")
    return list(RecoveryCodes.activate(user).get_unused_codes())


@transaction.atomic
def turn_off(*, by: Actor, user: User) -> None:
    """One's own; that of somebody who lost their phone, for administrators. Raises Forbidden."""
    if by.user_id != user.pk and not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("the second factor of others is for administrators")
    if Authenticator.objects.filter(user=user).delete()[0]:
        log.record(by, user, "second factor taken away")


@transaction.atomic
def proves(user: User, code: str) -> bool:
    """Is this the code of the moment, not used before, or a recovery code that is still good? It is not from now on."""
    text = "".join(code.split())
    if len(text) > 20 or not text.isascii() or not text.isdecimal():
        return False
    held = {row.type: row for row in Authenticator.objects.select_for_update().filter(user=user)}
    app = held.get(Authenticator.Type.TOTP)
    if app is None:
        return False
    step = _step_of(decrypt(app.data["secret"]), text)
    if step is not None and step > app.data.get("last_step", 0):
        app.data["last_step"] = step
        app.record_usage()
        app.save(update_fields=["data"])
        return True
    recovery = held.get(Authenticator.Type.RECOVERY_CODES)
    return recovery is not None and bool(RecoveryCodes(recovery).validate_code(text))


def recovery_left(user: User) -> int:
    held = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(held).get_unused_codes()) if held is not None else 0


def _step_of(secret: str, code: str) -> int | None:
    """The time step whose code this is, this one or one next to it."""
    text = "".join(code.split())
    now = int(time.time()) // STEP_S
    for step in (now, now - 1, now + 1):  # clocks differ a little, and typing takes a while
        if hmac.compare_digest(format_hotp_value(hotp_value(secret, step)).encode(), text.encode()):
            return step
    return None


def _fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(secret_files.derive(settings.DATA_DIR, "second-factor")))
