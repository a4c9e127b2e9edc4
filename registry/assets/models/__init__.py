"""What we own: assets with their codes, parts and files; the trees of categories and places; the words a company sorts by."""

from registry.assets.models.assets import (
    Asset,
    AssetLink,
    AssetQuerySet,
    AssetTag,
    Containment,
    Numbering,
    at_home_below,
    of_categories_below,
    standing_at,
    standing_below,
)
from registry.assets.models.fields import CustomField, CustomValue
from registry.assets.models.files import Attachment, AttachmentQuerySet, FloorPlan, StoredFile
from registry.assets.models.identifiers import KEY_CHARS, Identifier, IdentifierQuerySet
from registry.assets.models.trees import NAME_CHARS, Category, Location, TreeManager, TreeQuerySet
from registry.assets.models.words import AssetModel, CostCenter, State, StatusLabel, Supplier, Tag

__all__ = [
    "KEY_CHARS",
    "NAME_CHARS",
    "Asset",
    "AssetLink",
    "AssetModel",
    "AssetQuerySet",
    "AssetTag",
    "Attachment",
    "AttachmentQuerySet",
    "Category",
    "Containment",
    "CostCenter",
    "CustomField",
    "CustomValue",
    "FloorPlan",
    "Identifier",
    "IdentifierQuerySet",
    "Location",
    "Numbering",
    "State",
    "StatusLabel",
    "StoredFile",
    "Supplier",
    "Tag",
    "TreeManager",
    "TreeQuerySet",
    "at_home_below",
    "of_categories_below",
    "standing_at",
    "standing_below",
]
