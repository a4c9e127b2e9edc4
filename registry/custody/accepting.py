"""The mail with the link by which a person accepts what they got: one for all that was handed out together, put in its
transaction."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.crypto import salted_hmac

from registry.access.models import Person
from registry.assets.models import Asset
from registry.custody.scope import in_words
from registry.work import outgoing

SECRET_HERE: Final = "SECRET"  # noqa: S105 - stands in the address of the page to accept on, where a link has its secret
MOST_LISTED: Final = 100


def mail_link(*, person: Person, assets: Sequence[Asset], due_at: datetime | None, accept_at: str, secret: str) -> bool:
    """Put the mail, in the caller's transaction; return whether there is somebody to send it to and a server to send it by.
    `accept_at`: the address of the page, with SECRET_HERE; the mail waits in the queue with its link until it has left."""
    if not person.email or not accept_at or not outgoing.can_mail():
        return False
    outgoing.mail(
        to=person.email, subject=_subject(assets), text=_text(person, assets, due_at, accept_at.replace(SECRET_HERE, secret))
    )
    return True


def link_secret_of(run_id: UUID) -> str:
    """The secret of the link for what one run handed out: each of its steps finds the same one, and nothing has to keep it."""
    return urlsafe_b64encode(salted_hmac("registry.custody.link", str(run_id), algorithm="sha256").digest()).decode().rstrip("=")


def _subject(assets: Sequence[Asset]) -> str:
    if len(assets) == 1:
        return f"Please accept {assets[0].name}"[:200]
    return f"Please accept {len(assets)} things"


def _text(person: Person, assets: Sequence[Asset], due_at: datetime | None, link: str) -> str:
    lines = [f"{asset.asset_no}  {asset.name}" for asset in assets[:MOST_LISTED]]
    if len(assets) > MOST_LISTED:
        lines.append(f"and {len(assets) - MOST_LISTED:,} more")
    listed = "\n".join(lines)
    until = f"Please bring it back by {in_words(due_at)}." if due_at is not None else "You have it until further notice."
    return (
        f"Hello {person.name},\n\nthis was handed out to you:\n\n{listed}\n\n{until}\n\n"
        f"Please look whether it is all there, and accept it here:\n\n{link}\n\n"
        "The link works without an account, until everything is back. "
        "Whoever has it can accept in your name: keep it to yourself.\n"
    )
