"""Opening an audit: what it expects is written down as it stands now, some of it at a time, and one row makes it count."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Actor
from registry.among import among, keys_of
from registry.assets.models import Asset
from registry.audits import services
from registry.audits.models import Campaign, Expected, Place
from registry.audits.scope import expected_assets
from registry.db import insert_new, insert_selected
from registry.problems import Invalid
from registry.work import runs
from registry.work.models import Run

KIND: Final = "audit_opening"
AT_ONCE: Final = 1_000  # rows of a transaction
IN_ONE_GO: Final = 400  # with their places less than a thousand rows
MOST: Final = 500_000
_COLUMNS: Final = ("campaign", "asset", "asset_no", "name", "location", "custodian", "status", "outcome")
_COUNTED: Final = ("campaign", "location", "expected", "seen", "off")


@dataclass(frozen=True, slots=True)
class Preview:
    """What it would expect now."""

    assets: int


def preview(campaign: Campaign) -> Preview:
    return Preview(expected_assets(campaign).count())


@transaction.atomic
def open_campaign(*, by: Actor, campaign_id: UUID, version: int | None = None) -> Campaign:
    """Freeze what it expects and begin. With many assets a run does it and the audit is a draft until that ends. Raises Invalid,
    Stale, NotFound, Forbidden."""
    campaign = services.held(by, campaign_id, version)
    if campaign.state != Campaign.State.DRAFT:
        raise Invalid(f"{campaign.name} is {campaign.get_state_display()} already")
    if services.busy(campaign):
        raise Invalid(f"{campaign.name} is being opened already")
    if services.over(campaign):
        raise Invalid(f"until_on: {campaign.until_on} is over; give it days to come", field="until_on")
    number = preview(campaign).assets
    if not number:
        raise Invalid("scope: no asset is there to be found; cover more places, categories or people")
    if number > MOST:
        raise Invalid(f"scope: {number:,} assets are too many for one audit, {MOST:,} at most; make several")
    run = runs.start(by=by, kind=KIND, parameters={"campaign": str(campaign.pk)}, total=number)
    services.flip(campaign, run=run.pk)
    stale = Expected.objects.filter(campaign=campaign).exists()
    if number <= IN_ONE_GO and not stale:
        services.work_off(run, Opening(run, by))
        campaign.refresh_from_db()
    return campaign


class Opening:
    """The steps of a run: what an earlier one left behind goes, then the assets, then the counts of places with the flip."""

    def __init__(self, run: Run, by: Actor) -> None:
        self._run, self._by = run, by
        self._campaign = Campaign.objects.get(pk=UUID(run.parameters["campaign"]))
        self._keys: list[str] | None = None

    def step(self) -> bool:
        """Raises Cancelled, Problem."""
        match self._run.cursor.get("part", "clear"):
            case "clear":
                self._clear()
            case "assets":
                self._freeze()
            case "places":
                return self._count()
        return False

    def _clear(self) -> None:
        with transaction.atomic():
            old = list(Expected.objects.filter(campaign=self._campaign).order_by().values_list("pk", flat=True)[:AT_ONCE])
            Expected.objects.filter(pk__in=old)._raw_delete(Expected.objects.db)
            if not old:
                Place.objects.filter(campaign=self._campaign).delete()
            runs.note(self._run, cursor={"part": "clear" if old else "assets"}, done=0)

    def _freeze(self) -> None:
        """The next thousand. Which ones there are is asked once, so that none is written twice or left out between."""
        last = self._run.cursor.get("last", "")
        if self._keys is None:
            found = expected_assets(self._campaign)
            self._keys = sorted(keys_of(found, MOST) or ())
        first = bisect_right(self._keys, last)
        some = self._keys[first : first + AT_ONCE]
        with transaction.atomic():
            if not some:
                runs.note(self._run, cursor={"part": "places"}, done=self._run.done)
                return
            rows = Asset.objects.order_by().filter(pk__in=among(some)).values_list(
                Value(self._campaign.pk, output_field=Campaign._meta.pk), F("pk"), F("asset_no"), F("name"),
                Coalesce("home_location", "position__location"), F("custodian"), F("status"), Value("not_checked"),
            )  # fmt: skip
            written = insert_selected(Expected, _COLUMNS, rows)
            cursor = {"part": "assets", "last": some[-1]}
            runs.note(self._run, cursor=cursor, done=self._run.done + written)

    def _count(self) -> bool:
        """The counts of the next places, and after the last of them the flip."""
        at = int(self._run.cursor.get("at", 0))
        counted = Expected.objects.filter(campaign=self._campaign).order_by("location")
        found: Any = list(counted.values_list("location").annotate(number=Count("pk")))
        some = found[at : at + AT_ONCE]
        last = at + len(some) >= len(found)
        with transaction.atomic():
            insert_new(Place, _COUNTED, [(self._campaign.pk, place, number, 0, 0) for place, number in some])
            runs.note(self._run, cursor={"part": "places", "at": at + len(some)}, done=self._run.done)
            if last:
                services.flip(self._campaign, state=Campaign.State.OPEN, frozen_at=timezone.now())
                log.record(self._by, self._campaign, "opened", {"state": "draft"}, state="open", expected=self._run.done)
        return last

    def fail(self, why: str) -> None:
        pass  # it is a draft still, and the run says why; opened again it begins anew

    def close(self) -> None:
        pass
