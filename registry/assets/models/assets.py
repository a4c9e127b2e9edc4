"""Assets: one table for every kind of thing we own, what is part of what, and their tags."""

from typing import Any

from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Lower

from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets.models.trees import LARGEST, NAME_CHARS, Category, Location
from registry.assets.models.words import STATE_KNOWN, AssetModel, CostCenter, State, StatusLabel, Supplier, Tag
from registry.db import uuid7


class AssetQuerySet(models.QuerySet["Asset"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "AssetQuerySet":
        """Those with which `by` may do this. The only way a page, an API operation, an export or a file view gets at assets."""
        granted = by.granted(action)
        if any(grant.everywhere for grant in granted):
            return self
        scope = Q(pk__in=[])  # no grant sees nothing
        for place, category in {(grant.location_path, grant.category_path) for grant in granted}:
            one = placed_below(place) if place is not None else Q()
            if category is not None:
                one &= of_categories_below(category)
            scope |= one
        return self.filter(scope)

    def in_category(self, category: Category) -> "AssetQuerySet":
        """Of this category or one below it."""
        return self.filter(of_categories_below(category.path))

    def at_home_in(self, location: Location) -> "AssetQuerySet":
        """Whose home is this place or one inside it."""
        return self.filter(at_home_below(location.path))


# By the keys of the places and categories, not by joining them: so a database finds the assets of one site by index, and does not
# read those of all sites.


def at_home_below(path: str) -> Q:
    """Whose home is the place of this path or one inside it."""
    return Q(home_location__in=_places_below(path))


def standing_below(path: str) -> Q:
    """Which are, now or last, at the place of this path or one inside it."""
    return Q(pk__in=standing_at(path))


def placed_below(path: str) -> Q:
    """Either. PostgreSQL is asked for both at once: an OR of the two has it read every asset. SQLite goes the two ways of an OR
    by itself, and would gather both for the sake of one asset."""
    if connection.vendor != "postgresql":
        return at_home_below(path) | standing_below(path)
    at_home = Asset.objects.order_by().filter(at_home_below(path)).values("pk")
    return Q(pk__in=at_home.union(standing_at(path), all=True))


def _places_below(path: str) -> Any:
    return Location.objects.order_by().filter(path__startswith=path).values("pk")


def standing_at(path: str) -> Any:
    """The keys of these assets, by the positions alone, which the tracking app keeps."""
    positions = Asset._meta.get_field("position").related_model
    return positions._default_manager.order_by().filter(location__in=_places_below(path)).values("asset")


def of_categories_below(path: str) -> Q:
    """Of the category of this path or one inside it."""
    return Q(category__in=Category.objects.order_by().filter(path__startswith=path).values("pk"))


class Asset(models.Model):
    """A thing we own. `version` grows with every change: whoever changes it says which version they saw.

    `status` is the state of its life, `label` a company's own word over it. `parent` is what it is a part of or lies in now
    (Containment keeps since when and until when). `custodian` is who has it now (the custody app writes it). `condition` runs
    from 1 (worn out) to 5 (as new). Money is in `currency`; `storage_cost_month` is what keeping it costs a month."""

    class Kind(models.TextChoices):
        PHYSICAL = "physical"
        DIGITAL = "digital"
        IP = "ip", "intellectual property"
        REAL_ESTATE = "real_estate", "real estate"
        VEHICLE = "vehicle"
        CONSUMABLE = "consumable"

    class Criticality(models.TextChoices):
        LOW = "low"
        NORMAL = "normal"
        HIGH = "high"
        CRITICAL = "critical"

    Status = State

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset_no = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=NAME_CHARS)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.PHYSICAL)
    status = models.CharField(max_length=15, choices=State, default=State.IN_USE)
    label = models.ForeignKey(StatusLabel, on_delete=models.PROTECT, null=True, related_name="assets")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="assets")
    model = models.ForeignKey(AssetModel, on_delete=models.PROTECT, null=True, related_name="assets")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="parts")
    serial_no = models.CharField(max_length=100, default="", blank=True)
    home_location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="at_home")
    custodian = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="assets")
    owner_org = models.CharField(max_length=NAME_CHARS, default="", blank=True)
    cost_center = models.ForeignKey(CostCenter, on_delete=models.PROTECT, null=True, related_name="assets")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, null=True, related_name="assets")
    order_ref = models.CharField(max_length=100, default="", blank=True)
    acquired_on = models.DateField(null=True)
    in_service_on = models.DateField(null=True)
    warranty_until = models.DateField(null=True)
    replace_on = models.DateField(null=True)
    purchase_cost = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)  # ISO 4217
    storage_cost_month = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    quantity = models.DecimalField(max_digits=15, decimal_places=4, default=1)
    uom = models.CharField(max_length=20, default="", blank=True)  # unit of measure; none: pieces
    criticality = models.CharField(max_length=10, choices=Criticality, default=Criticality.NORMAL)
    condition = models.PositiveSmallIntegerField(null=True)
    condition_on = models.DateField(null=True)
    latitude = models.FloatField(null=True)  # degrees, WGS 84: of what moves by itself or stands outside
    longitude = models.FloatField(null=True)
    coordinates_at = models.DateTimeField(null=True)
    notes = models.TextField(max_length=20_000, default="", blank=True)
    tags = models.ManyToManyField(Tag, through="AssetTag", related_name="assets")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now_add=True)  # by the services, with `version`

    objects = AssetQuerySet.as_manager()

    class Meta:
        ordering = ["asset_no"]
        indexes = [
            models.Index(fields=["status"], name="asset_status"),
            models.Index(fields=["name"], name="asset_name"),
            models.Index(Lower("name"), "id", name="asset_by_name"),  # how lists are sorted
            models.Index(Lower("asset_no"), "id", name="asset_by_number"),
            models.Index(fields=["home_location", "id"], name="asset_at_home"),  # the scope of who sees one site
            models.Index(Lower("serial_no"), name="asset_by_serial_no"),  # how a search compares
            models.Index(fields=["serial_no"], name="asset_serial_no"),
            models.Index(fields=["warranty_until"], name="asset_warranty_until"),
            models.Index(fields=["replace_on"], name="asset_replace_on"),
            models.Index(fields=["acquired_on"], name="asset_acquired_on"),
            models.Index(fields=["changed_at"], name="asset_changed_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["physical", "digital", "ip", "real_estate", "vehicle", "consumable"]),
                name="asset_kind_known",
            ),
            models.CheckConstraint(condition=STATE_KNOWN, name="asset_status_known"),
            models.CheckConstraint(condition=~Q(asset_no="") & ~Q(name=""), name="asset_named"),
            models.CheckConstraint(
                condition=Q(criticality__in=["low", "normal", "high", "critical"]), name="asset_criticality_known"
            ),
            models.CheckConstraint(
                condition=Q(condition__isnull=True) | Q(condition__gte=1, condition__lte=5), name="asset_condition_on_scale"
            ),
            models.CheckConstraint(
                condition=Q(purchase_cost__isnull=True) | Q(purchase_cost__gte=0, purchase_cost__lt=LARGEST),
                name="asset_purchase_cost",
            ),
            models.CheckConstraint(
                condition=Q(storage_cost_month__isnull=True) | Q(storage_cost_month__gte=0, storage_cost_month__lt=LARGEST),
                name="asset_storage_cost",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=0, quantity__lt=LARGEST), name="asset_quantity"),
            models.CheckConstraint(condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="asset_not_in_itself"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="asset_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset_no} {self.name}"


class Containment(models.Model):
    """What was part of what, or lay in what, from when to when. What is told of the outer one counts for the inner one too: a
    container moves its contents. Like an identifier, a row stays `projected = False` until the tracking app has drawn that."""

    class Kind(models.TextChoices):
        COMPONENT = "component"  # built in: comes and goes with repairs
        CONTENTS = "contents"  # lies in it
        KIT = "kit"  # belongs together, is lent together

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="containments", db_index=False)
    container = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="contents", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CONTENTS)
    from_ts = models.DateTimeField()
    to_ts = models.DateTimeField(null=True)
    projected = models.BooleanField(default=False)

    class Meta:
        ordering = ["from_ts", "id"]
        indexes = [
            models.Index(fields=["asset", "from_ts"], name="containment_asset"),
            models.Index(fields=["container", "to_ts"], name="containment_container"),
            models.Index(fields=["id"], condition=Q(projected=False), name="containment_unprojected"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["asset"], condition=Q(to_ts__isnull=True), name="in_one_container"),
            models.CheckConstraint(condition=Q(to_ts__isnull=True) | Q(to_ts__gte=F("from_ts")), name="containment_forward"),
            models.CheckConstraint(condition=~Q(asset=F("container")), name="containment_of_another"),
            models.CheckConstraint(condition=Q(kind__in=["component", "contents", "kit"]), name="containment_kind_known"),
        ]


class AssetLink(models.Model):
    """One asset has to do with another without lying in it: it depends on it, or replaced it."""

    class Type(models.TextChoices):
        DEPENDS = "depends", "depends on"
        REPLACES = "replaces"
        RELATED = "related", "has to do with"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    from_asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="links_out")
    to_asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="links_in")
    type = models.CharField(max_length=10, choices=Type)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["from_asset", "to_asset", "type"], name="asset_link_once"),
            models.CheckConstraint(condition=~Q(from_asset=F("to_asset")), name="asset_link_to_another"),
            models.CheckConstraint(condition=Q(type__in=["depends", "replaces", "related"]), name="asset_link_type_known"),
        ]


class AssetTag(models.Model):
    """A tag on an asset."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="tagged", db_index=False)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="tagged")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "tag"], name="asset_tagged_once")]


class Numbering(models.Model):
    """The last number given out of each series."""

    series = models.CharField(primary_key=True, max_length=20)
    last = models.PositiveBigIntegerField(default=0)
