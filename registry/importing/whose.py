"""Which asset each row means, and what of it the person may see and change. Reads only, a handful of queries for many rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from registry.access.actors import Action, Actor
from registry.assets.columns import Column, Kind, loaded
from registry.assets.models import Asset, Identifier
from registry.assets.services import identify
from registry.assets.values import ASSET_NO_CHARS
from registry.importing.codes import split_codes
from registry.importing.facts import MAX_CODES
from registry.importing.lookups import Lookups
from registry.importing.options import Options
from registry.importing.plans import Code, Plan, Wrong
from registry.problems import Invalid
from registry.tables.table import WHOLE_ROW, Row, shown
from registry.texts import line

ALONG: Final = ("label", "category", "home_location", "position__location")  # what rules between fields and rights ask for


class Owner(NamedTuple):
    """Who has a code. `seen`: the person may know that."""

    asset: UUID
    seen: bool


@dataclass(slots=True)
class Meant:
    """A row with what it names: its plan, its number, its codes."""

    row: Row
    plan: Plan
    no: str
    codes: list[Code]


@dataclass(slots=True)
class Found:
    """What there is about some rows: owners of codes, assets that lie in the file as containers by number."""

    meant: list[Meant]
    owners: dict[str, Owner]
    parents: dict[str, Asset]


class Whose:
    def __init__(self, *, by: Actor, columns: Mapping[int, Column], options: Options, lookups: Lookups) -> None:
        self._by, self._columns, self._options, self._lookups = by, dict(columns), options, lookups
        self._at = {column.key: at for at, column in columns.items()}
        self._kinds = {at: column.kind for at, column in columns.items()}

    def find(self, rows: Sequence[Row]) -> Found:
        """Every row with the asset it means in its plan, and what is wrong with that."""
        meant = [Meant(row, Plan(row.number), *self._keys(row)) for row in rows]
        numbers = [one.no for one in meant if one.no]
        owners = self._owners([code.found.key for one in meant for code in one.codes])
        assets = self._assets(numbers, {owner.asset for owner in owners.values() if owner.seen})
        by_id = {asset.pk: asset for asset in assets.values()}
        foreign, wider = self._numbers_of_others(numbers, assets), self._with_zeros(numbers, assets)
        editable = self._editable(list(by_id))
        for one in meant:
            plan = one.plan
            plan.asset = self._match(plan, one.no, one.codes, assets, by_id, owners)
            plan.name = shown(str(plan.asset) if plan.asset else f"{one.no} {self._text(one.row, 'name')}".strip(), 300)
            if plan.asset is not None and plan.asset.pk not in editable:
                plan.wrong.append(Wrong(WHOLE_ROW, plan.asset.asset_no, "your role does not allow changing this asset"))
            if plan.asset is None and one.no in foreign:
                plan.wrong.append(Wrong(self._at["asset_no"], one.no, "taken"))
            if plan.asset is None and one.no in wider:
                reason = f"zeros in front are missing: there is an asset {wider[one.no]}"
                plan.wrong.append(Wrong(self._at["asset_no"], one.no, reason))
        return Found(meant, owners, self._find_parents(rows))

    def _keys(self, row: Row) -> tuple[str, list[Code]]:
        """The number and the codes of a row; what is no code is found again when cells are compared."""
        try:
            no = line(self._text(row, "asset_no"), field="asset_no", most=ASSET_NO_CHARS, required=False)
        except Invalid:
            no = ""
        codes: list[Code] = []
        for at, kind in self._kinds.items():
            if kind is Kind.CODES:
                for text in split_codes(row.cells[at])[:MAX_CODES]:
                    try:
                        codes.append(Code(at, text, identify(text)))
                    except Invalid:
                        continue
        return no, codes

    def _text(self, row: Row, key: str) -> str:
        at = self._at.get(key)
        return row.cells[at] if at is not None else ""

    def _owners(self, keys: list[str]) -> dict[str, Owner]:
        """Who has these codes now, and whether the person may see that."""
        found: dict[str, UUID] = {}
        for some in _chunks(keys):
            found |= dict(Identifier.objects.active().filter(key__in=some).values_list("key", "asset"))
        seen: set[UUID] = set()
        for pks in _chunks(list(set(found.values()))):
            seen |= set(Asset.objects.visible_to(self._by).filter(pk__in=pks).order_by().values_list("pk", flat=True))
        return {key: Owner(pk, pk in seen) for key, pk in found.items()}

    def _assets(self, numbers: list[str], pks: set[UUID]) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        along = loaded(Asset.objects.visible_to(self._by).select_related(*ALONG), self._columns.values()).distinct()
        for some in _chunks(numbers):
            found |= {asset.asset_no: asset for asset in along.filter(asset_no__in=some)}
        rest = pks - {asset.pk for asset in found.values()}
        for others in _chunks(list(rest)):
            found |= {asset.asset_no: asset for asset in along.filter(pk__in=others)}
        return found

    def _numbers_of_others(self, numbers: list[str], assets: Mapping[str, Asset]) -> set[str]:
        """Numbers that exist where the person may not look; to them they are just taken."""
        found: set[str] = set()
        for some in _chunks([no for no in numbers if no not in assets]):
            found |= set(Asset.objects.filter(asset_no__in=some).order_by().values_list("asset_no", flat=True))
        return found

    def _with_zeros(self, numbers: list[str], assets: Mapping[str, Asset]) -> dict[str, str]:
        """Numbers of digits that no asset has, but one has with zeros in front."""
        if not self._lookups.zero_lengths or "asset_no" in self._options.trust:
            return {}
        bare = [no for no in numbers if no not in assets and no.isascii() and no.isdecimal()]
        wider = {no.zfill(length): no for no in bare for length in self._lookups.zero_lengths if length > len(no)}
        found: dict[str, str] = {}
        for some in _chunks(list(wider)):
            hits = Asset.objects.visible_to(self._by).filter(asset_no__in=some).order_by().values_list("asset_no", flat=True)
            found |= {wider[no]: no for no in hits}
        return found

    def _editable(self, pks: list[UUID]) -> set[UUID]:
        if self._by.may_everywhere(Action.EDIT):
            return set(pks)
        found: set[UUID] = set()
        for some in _chunks(pks):
            allowed = Asset.objects.visible_to(self._by, Action.EDIT).filter(pk__in=some)
            found |= set(allowed.order_by().values_list("pk", flat=True))
        return found

    def _find_parents(self, rows: Sequence[Row]) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        for some in _chunks([no.strip() for row in rows if (no := self._text(row, "parent"))]):
            found |= {asset.asset_no: asset for asset in Asset.objects.visible_to(self._by).filter(asset_no__in=some)}
        return found

    def _match(
        self,
        plan: Plan,
        no: str,
        codes: list[Code],
        assets: Mapping[str, Asset],
        by_id: Mapping[UUID, Asset],
        owners: Mapping[str, Owner],
    ) -> Asset | None:
        """The asset with the number; without one that whose codes these are."""
        if no:
            return assets.get(no)
        known = {owners[code.found.key].asset for code in codes if code.found.key in owners}
        if not known and not codes and not self._options.number:
            reason = "neither number nor code: importing the file again would register it again; say that new numbers are given"
            plan.wrong.append(Wrong(WHOLE_ROW, "", reason))
        return next((by_id[pk] for pk in known if pk in by_id), None)


def _chunks(some: list[Any]) -> Iterator[list[Any]]:
    """Lists short enough for one query."""
    for start in range(0, len(some), 500):
        yield some[start : start + 500]
