"""GS1 Digital Links: an https address that carries a GS1 key in its path, to the canonical key and back."""

from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from identity import gs1

MAX_CHARS: Final = 2000
CANONICAL_HOST: Final = "https://id.gs1.org"


def is_address(text: str) -> bool:
    """Whether the text is a web address, so worth a try."""
    return text[:8].lower().startswith(("https://", "http://"))


def key(address: str) -> str:
    """Return the canonical key of a Digital Link of any host. Raises gs1.NotGs1.

    Only the path counts: a query holds attributes and tracking marks, and must not cost the identity when it looks like one.
    """
    from biip import ParseError
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI

    if len(address) > MAX_CHARS or not address.isascii():
        raise gs1.NotGs1("address too long or not ASCII")
    try:
        parts = urlsplit(address)
        bare = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        parsed = GS1DigitalLinkURI.parse(bare)
    except (ParseError, ValueError) as exc:
        raise gs1.NotGs1(str(exc)) from exc
    return gs1.key_of_elements({element.ai.ai: element.value for element in parsed.element_strings})


def address(canonical_key: str) -> str:
    """Return the canonical Digital Link of a GS1 key. Raises keys.BadKey for what is not GS1."""
    path = "".join(f"/{ai}/{quote(value, safe='')}" for ai, value in gs1.elements(canonical_key))
    return CANONICAL_HOST + path
