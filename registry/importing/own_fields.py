"""Values of a company's own fields, as they are stored: the text in its one form, and what ranges and orders need."""

import re
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from registry.assets.models import CustomField
from registry.assets.models.fields import VALUE_CHARS
from registry.assets.values import day as checked_day
from registry.problems import Invalid
from registry.texts import block, line

LARGEST = Decimal(10) ** 11


class OwnValue(NamedTuple):
    text: str
    number: Decimal | None = None
    day: date | None = None

    @property
    def start(self) -> str:
        return self.text[:100].lower()


def own_value(field: CustomField, text: str) -> OwnValue:
    """`text` as people or JSON have it: numbers with a point, days as ISO, `true` and `false`. Raises Invalid."""
    match field.type:
        case CustomField.Type.LONG_TEXT:
            return OwnValue(block(text, field=field.key, most=VALUE_CHARS))
        case CustomField.Type.NUMBER | CustomField.Type.INTEGER:
            return _number(field, text)
        case CustomField.Type.DATE:
            found = checked_day(field.key, text)
            return OwnValue(text=found.isoformat() if found is not None else "", day=found)
        case CustomField.Type.BOOLEAN if text not in ("true", "false"):
            raise Invalid("is neither yes nor no")
    bare = line(text, field=field.key, most=VALUE_CHARS)
    if field.type == CustomField.Type.CHOICE and bare not in field.choices:
        raise Invalid(f"is not one of {', '.join(map(str, field.choices[:20]))}")
    if field.type == CustomField.Type.URL and (urlsplit(bare).scheme not in ("http", "https") or not urlsplit(bare).netloc):
        raise Invalid("is no web address; it begins with https://")
    if field.type == CustomField.Type.EMAIL:
        try:
            validate_email(bare)
        except ValidationError:
            raise Invalid("is no e-mail address") from None
    if field.type == CustomField.Type.TEXT and field.pattern and not re.fullmatch(field.pattern, bare):
        raise Invalid(f"does not look like {field.pattern}")
    return OwnValue(bare)


def _number(field: CustomField, text: str) -> OwnValue:
    number = Decimal(text)
    if field.type == CustomField.Type.INTEGER and number != number.to_integral_value():
        raise Invalid("is no whole number")
    if abs(number) >= LARGEST or number != number.quantize(Decimal("0.0001")):
        raise Invalid(f"below {LARGEST:,}, with four decimals at most")
    if field.minimum is not None and number < field.minimum:
        raise Invalid(f"is less than {field.minimum.normalize():f}")
    if field.maximum is not None and number > field.maximum:
        raise Invalid(f"is more than {field.maximum.normalize():f}")
    return OwnValue(text=text, number=number)
