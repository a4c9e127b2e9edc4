"""Floor plans: a picture of a place, and where on it the places inside lie. Each function is one transaction.

An outline is the corners of a place on the plan, [[x, y], ...] between 0 and 1 of its width and height.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, BinaryIO, Final

from django.db import transaction
from django.db.models import F

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import drawings
from registry.assets.models import FloorPlan, Location
from registry.problems import Forbidden, Invalid, NotFound, Stale

MOST_BYTES: Final = 20_000_000
MOST_CORNERS: Final = 200
Corner = tuple[float, float]


@transaction.atomic
def put(*, by: Actor, location: Location, file: BinaryIO | None, metres_per_pixel: float | None = None) -> FloorPlan:
    """Give a place its plan (PNG or JPEG), or another one; what is outlined stays. Without `file` only the scale changes.

    Raises Invalid, NotFound, Forbidden."""
    must_edit(by, location)
    if metres_per_pixel is not None and not (isfinite(metres_per_pixel) and 0 < metres_per_pixel <= 1_000):
        raise Invalid("metres_per_pixel: above 0, at most 1,000", field="metres_per_pixel")
    plan = FloorPlan.objects.select_for_update().filter(location=location).first()
    if plan is None and file is None:
        raise Invalid("file: choose a picture", field="file")
    values: dict[str, Any] = {"metres_per_pixel": metres_per_pixel}
    if file is not None:
        values["file"] = drawings.keep(file, field="file", most=MOST_BYTES)
    if plan is None:
        plan = FloorPlan.objects.create(location=location, **values)
        log.record(by, location, "floor plan added", file=plan.file_id)
        return plan
    before = {"file": plan.file_id, "metres_per_pixel": plan.metres_per_pixel}
    for name, value in values.items():
        setattr(plan, name, value)
    plan.version += 1
    plan.save()
    log.record(by, location, "floor plan changed", before, file=plan.file_id, metres_per_pixel=metres_per_pixel)
    return plan


@transaction.atomic
def remove(*, by: Actor, location: Location) -> None:
    """Take the plan away, and every outline on it. Raises NotFound, Forbidden."""
    must_edit(by, location)
    plan = FloorPlan.objects.select_for_update().filter(location=location).first()
    if plan is None:
        raise NotFound("this place has no floor plan")
    Location.objects.filter(plan=plan).update(plan=None, outline=[], version=F("version") + 1)
    stored = plan.file
    plan.delete()
    drawings.forget(stored)
    log.record(by, location, "floor plan removed", {"file": stored.pk})


@transaction.atomic
def outline(*, by: Actor, plan: FloorPlan, location: Location, corners: Sequence[Corner], version: int | None = None) -> Location:
    """Say where on the plan a place inside lies; without corners it is taken off. Raises Invalid, NotFound, Forbidden, Stale."""
    must_edit(by, location)
    if not location.path.startswith(plan.location.path) or location.pk == plan.location_id:
        raise Invalid("location: only places inside the one of the plan can be outlined on it", field="location")
    checked = _checked(corners)
    values: dict[str, Any] = {"plan": plan if checked else None, "outline": [list(corner) for corner in checked]}
    own = Location.objects.filter(pk=location.pk)
    if not (own if version is None else own.filter(version=version)).update(**values, version=F("version") + 1):
        raise Stale(f"{location.name} was changed meanwhile; look at it again")
    log.record(
        by, location, "outlined" if checked else "outline removed", {"corners": len(location.outline)}, corners=len(checked)
    )
    fresh: Location = Location.objects.get(pk=location.pk)
    return fresh


def corners_in(text: str) -> list[Corner]:
    """`10,20 30,20 30,40`: percents of width and height, or one corner to a line. Raises Invalid."""
    found = []
    for pair in text.replace("\n", " ").split():
        x, comma, y = pair.partition(",")
        try:
            found.append((float(x) / 100, float(y) / 100))
        except ValueError:
            comma = ""
        if not comma:
            raise Invalid(f"outline: {pair[:40]!r} is no corner; write percents like 10,20", field="outline")
        if len(found) > MOST_CORNERS:
            raise Invalid(f"outline: {MOST_CORNERS} corners at most", field="outline")
    return found


def in_text(corners: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{x * 100:.2f},{y * 100:.2f}" for x, y in corners)


def _checked(corners: Sequence[Corner]) -> list[Corner]:
    if not corners:
        return []
    if not 3 <= len(corners) <= MOST_CORNERS:
        raise Invalid(f"outline: from 3 to {MOST_CORNERS} corners", field="outline")
    if not all(isfinite(x) and isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1 for x, y in corners):
        raise Invalid("outline: corners lie on the plan, from 0 to 100 percent", field="outline")
    rounded = [(round(x, 5), round(y, 5)) for x, y in corners]
    twice = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise([*rounded, rounded[0]]))
    if abs(twice) < 1e-6:
        raise Invalid("outline: these corners enclose nothing", field="outline")
    return rounded


def must_edit(by: Actor, location: Location) -> None:
    """Raises NotFound, Forbidden."""
    if Location.objects.visible_to(by, Action.EDIT).filter(pk=location.pk).exists():
        return
    if not Location.objects.visible_to(by).filter(pk=location.pk).exists():
        raise NotFound("there is no such place")
    raise Forbidden(f"your role does not allow changing {location.name}")
