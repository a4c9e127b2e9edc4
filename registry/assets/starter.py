"""A first set of categories and fields, for every kind of thing a company owns. What is there already stays as it is."""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.db import transaction

from registry.access.actors import Actor
from registry.assets import trees
from registry.assets.models import Category, CustomField, StatusLabel
from registry.assets.own_fields import create_field
from registry.assets.words import create_word


class Field(NamedTuple):
    key: str
    name: str
    kind: str = "text"
    unit: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A category with its defaults and fields, and those below it."""

    name: str
    defaults: dict[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    below: tuple["Kind", ...] = ()


FIELDS: Final = (
    Field("manufactured_on", "Made on", "date"),
    Field("voltage", "Voltage", "number", "V"),
    Field("power", "Power", "number", "W"),
    Field("weight", "Weight", "number", "kg"),
    Field("inspected_until", "Inspected until", "date"),
    Field("hostname", "Host name"),
    Field("mac_address", "MAC address"),
    Field("operating_system", "Operating system"),
    Field("memory", "Memory", "integer", "GB"),
    Field("storage", "Storage", "integer", "GB"),
    Field("imei", "IMEI"),
    Field("phone_number", "Phone number"),
    Field("licence_plate", "Licence plate"),
    Field("vin", "Vehicle identification number"),
    Field("fuel", "Fuel", "choice", "", ("petrol", "diesel", "electric", "hybrid", "gas", "none")),
    Field("mileage", "Mileage", "integer", "km"),
    Field("area", "Area", "number", "m²"),
    Field("address", "Address", "long_text"),
    Field("land_register", "Land register"),
    Field("tenure", "Tenure", "choice", "", ("owned", "rented", "leased")),
    Field("seats", "Seats", "integer"),
    Field("licence_type", "Licence type", "choice", "", ("perpetual", "subscription", "open source")),
    Field("valid_until", "Valid until", "date"),
    Field("renews", "Renews by itself", "boolean"),
    Field("web_address", "Web address", "url"),
    Field("account_name", "Account name"),
    Field("contact", "Contact", "email"),
    Field("stored_at", "Stored at"),
    Field("file_format", "File format"),
    Field("checksum", "Checksum"),
    Field("provider", "Provider"),
    Field("region", "Region"),
    Field("cpu_cores", "CPU cores", "integer"),
    Field("registrar", "Registrar"),
    Field("records_number", "Number of records", "integer"),
    Field("personal_data", "Holds personal data", "boolean"),
    Field("retention", "Kept until", "date"),
    Field("legal_basis", "Legal basis"),
    Field("application_no", "Application number"),
    Field("registration_no", "Registration number"),
    Field("filed_on", "Filed on", "date"),
    Field("granted_on", "Granted on", "date"),
    Field("jurisdictions", "Countries"),
    Field("author", "Author or inventor"),
    Field("classes", "Classes"),
    Field("revision", "Revision"),
    Field("scale", "Scale"),
    Field("confidentiality", "Confidentiality", "choice", "", ("public", "internal", "confidential", "secret")),
)

_PHYSICAL = {"kind": "physical"}
_DIGITAL = {"kind": "digital"}
_IP = {"kind": "ip"}
KINDS: Final = (
    Kind(
        "Equipment",
        _PHYSICAL | {"replace_after_months": 120},
        ("manufactured_on", "weight", "inspected_until"),
        (
            Kind("Machines", fields=("voltage", "power")),
            Kind("Tools"),
            Kind("Measuring devices"),
            Kind("Furniture"),
            Kind("Containers"),
        ),
    ),
    Kind(
        "IT",
        _PHYSICAL | {"replace_after_months": 48},
        ("hostname", "mac_address"),
        (
            Kind("Computers", fields=("operating_system", "memory", "storage")),
            Kind("Phones", {"replace_after_months": 36}, ("imei", "phone_number")),
            Kind("Network"),
            Kind("Screens and printers"),
        ),
    ),
    Kind(
        "Vehicles",
        {"kind": "vehicle", "replace_after_months": 96},
        ("licence_plate", "vin", "fuel", "mileage", "inspected_until"),
        (Kind("Cars"), Kind("Vans and trucks"), Kind("Forklifts"), Kind("Trailers")),
    ),
    Kind(
        "Real estate", {"kind": "real_estate"}, ("address", "area", "land_register", "tenure"), (Kind("Land"), Kind("Buildings"))
    ),
    Kind("Consumables", {"kind": "consumable", "status": "in_stock"}),
    Kind(
        "Digital",
        _DIGITAL,
        ("confidentiality",),
        (
            Kind("Licences", fields=("licence_type", "seats", "valid_until", "renews")),
            Kind("Files", fields=("stored_at", "file_format", "checksum")),
            Kind(
                "Virtual servers", fields=("hostname", "provider", "region", "cpu_cores", "memory", "storage", "operating_system")
            ),
            Kind("Domains", fields=("registrar", "valid_until", "renews")),
            Kind("Social handles", fields=("web_address", "account_name", "contact")),
            Kind("Customer data", fields=("stored_at", "records_number", "personal_data", "legal_basis", "retention")),
        ),
    ),
    Kind(
        "Intellectual property",
        _IP,
        ("author", "confidentiality"),
        (
            Kind(
                "Patents", fields=("application_no", "registration_no", "filed_on", "granted_on", "valid_until", "jurisdictions")
            ),
            Kind("Trade marks", fields=("registration_no", "filed_on", "valid_until", "jurisdictions", "classes")),
            Kind("Copyrights", fields=("registration_no", "stored_at")),
            Kind("Plans and drawings", fields=("revision", "scale", "file_format", "stored_at")),
        ),
    ),
)
LABELS: Final = (("Ordered", "planned"), ("Ready", "in_stock"), ("Lent out", "in_use"), ("At the workshop", "in_maintenance"),
                 ("Sold", "disposed"), ("Scrapped", "disposed"))  # fmt: skip


class Made(NamedTuple):
    categories: int
    fields: int
    labels: int


@transaction.atomic
def put_starter_set(*, by: Actor) -> Made:
    """Make what of the set is not there yet: categories by their name, fields by their key, labels by their name.

    Raises Forbidden."""
    of_field: dict[str, list[Category]] = {}
    before = Category.objects.count()
    for kind in KINDS:
        _put(by, kind, None, of_field)
    made = Category.objects.count() - before
    known = set(CustomField.objects.values_list("key", flat=True))
    names = {str(name).lower() for name in CustomField.objects.values_list("name", flat=True)}
    new = [one for one in FIELDS if one.key not in known and one.name.lower() not in names]
    for position, one in enumerate(new):
        more = {"unit": one.unit, "choices": list(one.choices), "position": (position + 1) * 10}
        create_field(by=by, key=one.key, kind=one.kind, name=one.name, categories=of_field.get(one.key, []), **more)
    worded = {str(name).lower() for name in StatusLabel.objects.values_list("name", flat=True)}
    labels = [(name, status) for name, status in LABELS if name.lower() not in worded]
    for name, status in labels:
        create_word(by=by, model=StatusLabel, name=name, status=status)
    return Made(made, len(new), len(labels))


def _put(by: Actor, kind: Kind, parent: Category | None, of_field: dict[str, list[Category]]) -> None:
    siblings: Any = Category.objects.get_children(parent) if parent is not None else Category.objects.get_root_nodes()
    category = siblings.filter(name=kind.name).first()
    if category is None:
        category = trees.create_category(by=by, name=kind.name, parent=parent)
        if kind.defaults:
            category = trees.change_category(by=by, category=category, defaults=kind.defaults)
    for key in kind.fields:
        of_field.setdefault(key, []).append(category)
    for one in kind.below:
        _put(by, one, Category.objects.get(pk=category.pk), of_field)
