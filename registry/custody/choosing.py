"""What the forms of custody, bookings and transfers ask for alike: which assets, which person, when. Typed, scanned or chosen."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from registry.access.actors import Action, Actor
from registry.assets.models import Asset
from registry.assets.pickers import Picked, bind
from registry.assets.services import resolve_code
from registry.custody.accepting import SECRET_HERE
from registry.custody.scope import MOST_ASSETS
from registry.problems import Invalid, Problem, Several

MOST_TYPED = 100_000  # characters of codes, one to a line


class Moment(forms.DateTimeField):
    """A date and time in UTC; custody.js shows and takes it in the reader's own zone."""

    def __init__(self, **more: Any) -> None:
        widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local", "data-utc": ""})
        super().__init__(widget=widget, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **more)


class Assets(forms.Form):
    """`assets`: ids with commas between, as the list of assets sends them. `codes`: one to a line, typed or scanned."""

    assets = forms.CharField(widget=forms.HiddenInput, max_length=60_000, required=False)
    codes = forms.CharField(
        label="Codes", widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}), max_length=MOST_TYPED, required=False
    )

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


def ids_in(given: QueryDict) -> str:
    """The ids of an address or a form, with commas between: `assets`, or `asset` several times."""
    wanted = given.get("assets", "").split(",") + given.getlist("asset")
    found = []
    for text in wanted[: MOST_ASSETS + 1]:
        try:
            found.append(str(UUID(text.strip())))
        except ValueError:
            continue
    return ",".join(dict.fromkeys(found))


def chosen(by: Actor, ids: str, codes: str = "") -> list[Asset]:
    """The assets in their scope with these ids and codes, each once. Raises Invalid or Several for codes of nothing in it."""
    wanted = [UUID(one) for one in ids.split(",") if one][: MOST_ASSETS + 1]
    visible = Asset.objects.visible_to(by)
    by_id = visible.in_bulk(wanted)
    found = {pk: by_id[pk] for pk in wanted if pk in by_id}
    problems: list[Problem] = []
    lines = list(dict.fromkeys(line.strip() for line in codes.splitlines() if line.strip()))
    if len(found) + len(lines) > MOST_ASSETS:
        raise Invalid(f"codes: {MOST_ASSETS:,} assets at once, not more", field="codes")
    for code in lines:
        asset = visible.filter(asset_no__iexact=code[:40]).first()
        if asset is None and (owner := resolve_code(by=by, text=code).asset) is not None:
            asset = visible.filter(pk=owner.pk).first()
        if asset is None:
            problems.append(Invalid(f"codes: {code[:60]!r} is no asset's number or code", field="codes"))
        else:
            found[asset.pk] = asset
    if problems:
        raise problems[0] if len(problems) == 1 else Several(problems[:20])
    return list(found.values())


def place_field(by: Actor, *, label: str, required: bool = False, empty: str = "", action: Action = Action.HANDLE) -> Picked:
    field = Picked("place", label=label, required=required, empty=empty or "Name or code", action=action)
    field.by = by
    return field


def accept_at(request: HttpRequest) -> str:
    """Where links to accept lead, as accepting.mail_link() takes it."""
    return request.build_absolute_uri(reverse("custody-accept", args=[SECRET_HERE]))


def day_in(zone: ZoneInfo, text: str, default: datetime) -> datetime:
    """The beginning of the day `2026-03-14` in that time zone; of the default's day there for anything else."""
    default = default.astimezone(zone)
    try:
        day = datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=zone)
        if not 2000 <= day.year <= 2150:
            day = default
    except ValueError:
        day = default
    return day.replace(hour=0, minute=0, second=0, microsecond=0)
