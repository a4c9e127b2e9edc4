"""Text that people type or peers send, made fit to be kept."""

import unicodedata

from registry.problems import Invalid

_REFUSED = ("Cc", "Cs")  # control characters (a NUL is refused by PostgreSQL) and halves of surrogate pairs


def line(value: str, *, field: str, most: int, required: bool = True) -> str:
    """Return `value` as one line: composed characters, blanks folded to one. Raises Invalid."""
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if required and not text:
        raise Invalid(f"{field}: write something here", field=field)
    if len(text) > most:
        raise Invalid(f"{field}: {len(text)} characters are too many, {most} at most", field=field)
    if has_control(text):
        raise Invalid(f"{field}: control characters are not text", field=field)
    return text


def has_control(text: str) -> bool:
    return not text.isprintable() and any(unicodedata.category(c) in _REFUSED for c in text)


def for_log(text: str, most: int = 200) -> str:
    """Return foreign text so that it can stand in a log line or a status: cut, without control characters."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(c if unicodedata.category(c) not in _REFUSED else "\N{REPLACEMENT CHARACTER}" for c in cut)


def block(value: str, *, field: str, most: int) -> str:
    """Return `value` as text of several lines: composed characters, line ends as `\\n`, none at the end. Raises Invalid."""
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if len(text) > most:
        raise Invalid(f"{field}: {len(text):,} characters are too many, {most:,} at most", field=field)
    if has_control(text.replace("\n", "").replace("\t", "")):
        raise Invalid(f"{field}: control characters are not text", field=field)
    return text
