"""Assets of which something was told late, without a replay of all their past: from the earliest of it on. READ AFTER project.py.

A gateway that delivers a backlog while what is new goes ahead tells thousands of late events of the same assets. To replay each
time all that was ever told of them costs more with every batch; what happened since is little.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from registry.assets.models import Asset
from registry.tracking import contents, identifiers
from registry.tracking.facts import facts_of
from registry.tracking.models import GatewayEpoch, LocationEvent, Stay
from registry.tracking.projection import PEOPLE, Fact, Span, Where, Whereabouts, in_order

STAY = ("id", "asset", "zone", "location", "from_ts", "to_ts")


def resume(
    new: Mapping[UUID, Sequence[Fact]], known: Mapping[UUID, Whereabouts]
) -> tuple[dict[UUID, Whereabouts], list[tuple[Any, ...]]]:
    """Return the whereabouts of those assets of which a replay from the earliest `new` fact on gives what a replay of everything
    gives, with the spans since then; and the stays (rows of STAY) that these spans replace.

    `known` is what is stored of them; the new facts are stored, and worked in nowhere yet. What happened before that moment also
    counts before it, unless it was told after something that happened later: then all has to be put in order anew."""
    alone = new.keys() - contents.involved(new.keys())
    if not alone:
        return {}, []
    moment = min(fact.happened_at for asset_id in alone for fact in new[asset_id])
    facts = facts_of(alone, since=moment)
    plain = {asset_id for asset_id in alone if _in_one_epoch_each(facts[asset_id], known[asset_id])}
    plain -= _told_out_of_order({asset_id: facts[asset_id] for asset_id in plain}, moment)
    stays = _stays_since(plain, moment)
    resumed = {}
    for asset_id in plain:
        before = [stay for stay in stays[asset_id] if stay[4] < moment]
        if len(before) <= 1:
            resumed[asset_id] = _at(moment, known[asset_id], before)
            for at, fact in in_order(facts[asset_id]):
                resumed[asset_id].take(at, fact)
    return resumed, [stay for asset_id in resumed for stay in stays[asset_id]]


def _in_one_epoch_each(facts: Sequence[Fact], known: Whereabouts) -> bool:
    """Whether all that a gateway told since stands in one epoch of it, and nothing in a later one."""
    epochs = {gateway: ordinal for gateway, (ordinal, _) in known.tips.items()}
    return all(fact.gateway == PEOPLE or epochs.setdefault(fact.gateway, fact.told[0]) == fact.told[0] for fact in facts)


def _told_out_of_order(facts: Mapping[UUID, Sequence[Fact]], moment: datetime) -> set[UUID]:
    """Return the assets of which a gateway has told something from before the moment after something from behind it: its clock
    was set back, or it had to wait before it could say so. People tell in the order of time."""
    firsts: dict[tuple[str, int], int] = {}
    for told in facts.values():
        for fact in told:
            if fact.gateway != PEOPLE:
                ordinal, seq = fact.told
                firsts[fact.gateway, ordinal] = min(seq, firsts.get((fact.gateway, ordinal), seq))
    owners = identifiers.of_assets(facts.keys())
    found: set[UUID] = set()
    for (gateway, ordinal), seq in firsts.items():
        epoch = GatewayEpoch.objects.only("pk").get(gateway=gateway, ordinal=ordinal)
        earlier = LocationEvent.objects.filter(epoch=epoch.pk, seq__gt=seq, happened_at__lt=moment)
        identities = set(earlier.values_list("identity", flat=True)) & owners.keys()
        found |= {owner.asset for identity in identities for owner in owners[identity]}
    return found


def _stays_since(asset_ids: Collection[UUID], moment: datetime) -> Mapping[UUID, list[tuple[Any, ...]]]:
    """The stays that begin at the moment or later, and the one of each asset that had begun and not ended."""
    begun = Stay.objects.filter(asset=OuterRef("pk"), from_ts__lt=moment).order_by("-from_ts").values("from_ts")[:1]
    starts = Asset.objects.filter(pk__in=asset_ids).values_list(Subquery(begun), flat=True)
    earliest = min([moment, *(start for start in starts if start is not None)])
    found: defaultdict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for stay in Stay.objects.filter(asset__in=asset_ids, from_ts__gte=earliest).values_list(*STAY):
        if stay[5] is None or stay[5] >= moment:
            found[stay[1]].append(stay)
    return found


def _at(moment: datetime, known: Whereabouts, open_then: Sequence[tuple[Any, ...]]) -> Whereabouts:
    """The whereabouts just before the moment, as far as something that follows depends on them: what is taken from `known` only
    shows where nothing that was told since says where the asset is."""
    w = Whereabouts(False, known.where, known.since, None, None, known.source, known.confidence, None, dict(known.tips))
    for _, _, zone, location, from_ts, _ in open_then:
        w.present, w.where, w.since = True, Where(zone) if zone else Where(None, location), from_ts
        w.spans.append(Span(w.where, from_ts))
    return w
