"""Tags: free words on assets, made when they are first used."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Lower

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import Asset, AssetTag, Tag
from registry.problems import Forbidden, Invalid, Taken
from registry.texts import line

MOST: Final = 50  # on one asset
CHARS: Final = 60


def read(text: str) -> list[str]:
    """Tags as people type them into one field: with commas between."""
    return [word for part in text.replace(";", ",").split(",") if (word := part.strip())]


def checked(names: Iterable[str]) -> list[str]:
    """The names as they are kept, each once. Raises Invalid."""
    wanted = {text.lower(): text for name in names if (text := line(str(name), field="tags", most=CHARS))}
    if len(wanted) > MOST:
        raise Invalid(f"tags: {len(wanted)} are too many, {MOST} at most", field="tags")
    return list(wanted.values())


def tags_named(names: Iterable[str]) -> list[Tag]:
    """The tags of these names, in the caller's transaction; those that are not there yet are made. Raises Invalid."""
    wanted = {text.lower(): text for name in names if (text := line(str(name), field="tags", most=CHARS))}
    found = _among(wanted)
    if missing := [text for low, text in wanted.items() if low not in found]:
        Tag.objects.bulk_create([Tag(name=text) for text in missing], ignore_conflicts=True)
        found = _among(wanted)
    return [found[low] for low in wanted]


def put(asset: Asset, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Let the asset have these tags and no others, in the caller's transaction. Return their names before and after, sorted."""
    before = {tag.pk: str(tag.name) for tag in asset.tags.all()}
    after = {tag.pk: str(tag.name) for tag in tags_named(checked(names))}
    AssetTag.objects.filter(asset=asset, tag__in=before.keys() - after.keys()).delete()
    AssetTag.objects.bulk_create([AssetTag(asset=asset, tag_id=pk) for pk in after.keys() - before.keys()], ignore_conflicts=True)
    return sorted(before.values()), sorted(after.values())


@transaction.atomic
def create_tag(*, by: Actor, name: str) -> Tag:
    """Raises Invalid, Taken, Forbidden."""
    _must_shape(by)
    text = line(name, field="name", most=CHARS)
    if _among({text.lower(): text}):
        raise Taken("name: there is a tag of this name", field="name")
    tag = tags_named([text])[0]
    log.record(by, tag, "created", name=text)
    return tag


@transaction.atomic
def rename_tag(*, by: Actor, tag: Tag, name: str) -> Tag:
    """Raises Invalid, Taken (merge them instead), Forbidden."""
    _must_shape(by)
    before, text = tag.name, line(name, field="name", most=CHARS)
    try:
        with transaction.atomic():
            Tag.objects.filter(pk=tag.pk).update(name=text)
    except IntegrityError:
        raise Taken("name: there is a tag of this name; merge them instead", field="name") from None
    tag = Tag.objects.get(pk=tag.pk)
    log.record(by, tag, "changed", {"name": before}, name=text)
    return tag


@transaction.atomic
def merge_tag(*, by: Actor, tag: Tag, into: Tag) -> Tag:
    """Put `into` on everything that has `tag`, which then goes. Raises Invalid, Forbidden."""
    _must_shape(by)
    if tag.pk == into.pk:
        raise Invalid("into: choose another tag", field="into")
    doubled = AssetTag.objects.filter(tag=into).values("asset")
    moved = AssetTag.objects.filter(tag=tag).exclude(asset__in=doubled).update(tag=into)
    Tag.objects.filter(pk=tag.pk).delete()
    log.record(by, tag, "deleted", {"name": tag.name}, merged_into=into, moved=moved)
    return into


@transaction.atomic
def delete_tag(*, by: Actor, tag: Tag) -> None:
    """Take it off everything. Raises Forbidden."""
    _must_shape(by)
    log.record(by, tag, "deleted", {"name": tag.name, "assets": AssetTag.objects.filter(tag=tag).count()})
    Tag.objects.filter(pk=tag.pk).delete()


def _among(wanted: dict[str, str]) -> dict[str, Tag]:
    # Said twice: SQLite's lower() knows ASCII alone.
    rows = Tag.objects.annotate(low=Lower("name")).filter(Q(low__in=wanted.keys()) | Q(name__in=wanted.values()))
    return {str(tag.name).lower(): tag for tag in rows}


def _must_shape(by: Actor) -> None:
    if not by.may_everywhere(Action.EDIT):
        raise Forbidden("words of the company are for those who may edit everywhere")
