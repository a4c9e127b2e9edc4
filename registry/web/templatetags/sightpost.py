"""What templates say again and again: icons, times with their age, codes in readable groups."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry.tracking.ages import age_of

register = template.Library()

SCHEMES = {  # what people call the key before the first colon
    "8004": "GIAI",
    "8003": "GRAI",
    "01+21": "SGTIN",
    "00": "SSCC",
    "gid": "GID",
    "tid": "TID",
    "uii": "Tag memory",
    "tag": "Label",
    "414": "GLN",
    "01": "GTIN",
}
GROUP_ABOVE = 8  # a code longer than this is shown in fours


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("look/icons.svg"), name)


@register.simple_tag
def ago(moment: datetime | Literal[""] | None, never: str = "never", *, aged: bool = False) -> SafeString:
    """A time that look/times.js keeps relative; `aged` adds the one scale of sightings, from full colour to grey."""
    if not moment:  # None, or what a template makes of a position that is not there
        return format_html('<span class="{}">{}</span>', "age age-never" if aged else "muted", never)
    utc = moment.astimezone(UTC)
    words = utc.strftime("%-d %b %Y %H:%M UTC" if abs(timezone.now() - utc) > timedelta(days=300) else "%-d %b %H:%M UTC")
    return format_html('<time class="{}" datetime="{}">{}</time>', f"age {age_of(moment)}" if aged else "", _exact(utc), words)


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """A date with hours and minutes, in the reader's zone where scripts run; the exact one on hover."""
    utc = at.astimezone(UTC)
    return format_html('<time datetime="{}" data-format="moment">{}</time>', _exact(utc), utc.strftime("%-d %b %Y, %H:%M UTC"))


@register.simple_tag
def site_name() -> SafeString:
    """What this registry is called, where it has been given a name."""
    name = settings.SITE_NAME
    return format_html(' <span class="site">{}</span>', name) if name != "Sightpost" else SafeString("")


@register.filter
def exact(moment: datetime) -> str:
    """The moment as <time datetime> and scripts read it."""
    return _exact(moment.astimezone(UTC))


def _exact(utc: datetime) -> str:
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@register.filter
def scheme(key: str) -> str:
    """`8004:0614…` -> GIAI."""
    head, colon, _ = key.partition(":")
    return SCHEMES.get(head, head) if colon else "Code"


@register.simple_tag
def code(key: str) -> SafeString:
    """A key as people read it, in groups of four; a click copies the whole key."""
    return format_html(
        '<button type="button" class="code" data-copy="{}" title="{}">{}</button>', key, f"Copy {key}", grouped(key)
    )


STATUS_CLASSES = {
    "planned": "waiting",
    "in_stock": "good",
    "in_use": "good",
    "in_maintenance": "attention",
    "missing": "failed",
    "disposed": "unknown",
}


@register.filter
def status_class(status: str) -> str:
    """An asset's status as a state of the stylesheet."""
    return STATUS_CLASSES.get(status, "unknown")


@register.filter
def grouped(key: str) -> str:
    value = key.partition(":")[2] or key
    if len(value) <= GROUP_ABOVE or not value.isalnum():
        return value.replace("|", " · ")
    return " ".join(value[at : at + 4] for at in range(0, len(value), 4))


@register.filter
def said(text: str) -> SafeString:
    """Words of ours or of a peer, where what stands in backticks is for typing."""
    parts = text.split("`")
    return format_html_join(
        "", "{}{}", ((p, "") if n % 2 == 0 else (format_html("<code>{}</code>", p), "") for n, p in enumerate(parts))
    )


@register.filter
def words(name: str) -> str:
    """`bad_shape` -> Bad shape."""
    return name.replace("_", " ").capitalize()


@register.filter
def indented(place: Any) -> str:
    """A node of a tree as a choice of a list."""
    depth: int = place.depth
    return "\u2003" * (depth - 1) + str(place.name)


@register.filter
def duration(seconds: float) -> str:
    for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {word}"
    return f"{int(seconds // 86_400)} days"


@register.filter
def amount(value: Decimal | None) -> str:
    """`1234.5000` -> 1,234.50; quantities and money without needless zeros."""
    if value is None:
        return ""
    plain = f"{value.normalize():f}"
    decimals = len(plain.partition(".")[2])
    return f"{value:,.{max(decimals, 2) if decimals else 0}f}"
