"""Judging assets: HANDLE is asked for. What was found is never altered; the newest judgement of the whole stands on the asset."""

from collections.abc import Sequence
from datetime import date
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import files, values
from registry.assets.lifespan import months_later
from registry.assets.models import Asset, Attachment
from registry.assets.services import own
from registry.care.models import Assessment, AssessmentPhoto
from registry.care.models.condition import NOTE_CHARS, VERSION_CHARS
from registry.problems import Invalid, NotFound
from registry.texts import block, line

MOST_MONTHS: Final = 1_200
MOST_PHOTOS: Final = 20
Scale = Assessment.Scale


def assess(
    *,
    by: Actor,
    asset_id: UUID,
    judged_on: Any = None,
    scale: str = Scale.WHOLE,
    score: Any = None,
    remaining_life_months: Any = None,
    software_version: str = "",
    updates: str = "",
    notes: str = "",
    photos: Sequence[tuple[BinaryIO, str]] = (),
    photo_ids: Sequence[UUID] = (),
) -> Assessment:
    """Keep what was found on a day (None: today). `photos` become files of the asset, `photo_ids` are such already.
    Raises Invalid, NotFound, Forbidden."""
    given = {
        "judged_on": _day(judged_on), "scale": values.one_of(scale, Scale.values, "scale"),
        "score": values.CHECKS["condition"]("score", score), "remaining_life_months": _months(remaining_life_months),
        "software_version": line(software_version, field="software_version", most=VERSION_CHARS, required=False),
        "updates": values.one_of(updates, ("", *Assessment.Updates.values), "updates"),
        "notes": block(notes, field="notes", most=NOTE_CHARS),
    }  # fmt: skip
    if given["score"] is None and not given["software_version"] and not given["updates"]:
        raise Invalid("score: say how it is, from 1 (worn out) to 5 (as new)", field="score")
    if len(photos) + len(photo_ids) > MOST_PHOTOS:
        raise Invalid(f"photos: {MOST_PHOTOS} at most", field="photos")
    asset = own(by, asset_id, Action.HANDLE)
    taken = [files.attach(by=by, asset=asset, file=file, name=name, kind="photo") for file, name in photos]
    with transaction.atomic():
        asset = Asset.objects.select_for_update().get(pk=asset.pk)
        shown = list(Attachment.objects.filter(asset=asset, kind="photo", pk__in=photo_ids))
        if len(shown) < len(set(photo_ids)):
            raise NotFound("photos: one of these is no photo of the asset", field="photos")
        found = Assessment.objects.create(asset=asset, user=by.user_id, request_id=by.request_id, **given)
        AssessmentPhoto.objects.bulk_create([AssessmentPhoto(assessment=found, attachment=one) for one in (*taken, *shown)])
        log.record(by, asset, "judged", **{name: value for name, value in given.items() if value not in (None, "")})
        _copy(by, asset, found)
    return found


def _copy(by: Actor, asset: Asset, found: Assessment) -> None:
    """What a judgement of the whole says stands on the asset, unless a newer one does."""
    if found.scale != Scale.WHOLE or found.score is None:
        return
    if asset.condition_on is not None and asset.condition_on > found.judged_on:
        return
    after: dict[str, Any] = {"condition": found.score, "condition_on": found.judged_on}
    if found.remaining_life_months is not None:
        after["replace_on"] = months_later(found.judged_on, found.remaining_life_months)
    before = {name: getattr(asset, name) for name in after}
    Asset.objects.filter(pk=asset.pk).update(**after, version=F("version") + 1, changed_at=timezone.now())
    log.record(by, asset, "changed", before, **after)


def _day(value: Any) -> date:
    today = timezone.localdate()
    day = values.day("judged_on", value) or today
    if day > today:
        raise Invalid("judged_on: lies in the future", field="judged_on")
    return day


def _months(value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) <= MOST_MONTHS):
        raise Invalid(f"remaining_life_months: a whole number of months up to {MOST_MONTHS:,}", field="remaining_life_months")
    return int(text)
