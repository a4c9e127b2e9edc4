"""What the engine remembers of one identity."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.location.identities import code_text
from gateway.location.timers import Timed
from gateway.location.zones import Evidence, LiveZone

if TYPE_CHECKING:
    from gateway.location.at_door import AtDoor
    from gateway.location.fold import Window

MAX_ZONES = 4  # with evidence of one tag; the least recent goes


class Presence(enum.StrEnum):
    GLIMPSED = "glimpsed"  # heard, not confirmed; nothing has been told
    PRESENT = "present"
    DEPARTED = "departed"


NO_DOORS: Mapping[str, "AtDoor"] = MappingProxyType({})
PRESENT = Presence.PRESENT  # looking a member up in its enum takes as long as all the rest of a comparison


class Tag(Timed):
    """One identity. Times are monotonic; what a restart brings back has no monotonic past and keeps its wall clock instead."""

    __slots__ = (
        "code", "doors", "evidence", "held", "identity", "last_ns", "mute", "packed", "pc", "point_name", "presence",
        "restored", "seen_ms", "since_ms", "symbology", "text", "told_ns", "waits", "windows", "zone",
    )  # fmt: skip

    def __init__(self, identity: str, text: str, symbology: str | None, mute: str | None, now_ns: int) -> None:
        super().__init__()
        self.identity = identity
        self.text = text  # what was read last, as events carry it; "": its code
        self.symbology = symbology
        self.mute = mute  # why nothing is ever told of it
        self.presence = Presence.GLIMPSED
        self.zone: LiveZone | None = None
        self.held = False  # stays in its zone without being heard: a door or a person put it there
        self.since_ms = 0
        self.last_ns = now_ns  # last heard, anywhere
        self.told_ns = now_ns  # last told of; while unconfirmed: when its turn to go last came
        self.seen_ms = 0  # the event time of the last thing told
        self.restored = False  # not heard since the restart: `seen_ms` is all that is known
        self.point_name = ""
        self.code = b""  # of a radio tag, by which it is found before anything is decoded; with its protocol control word
        self.pc: int | None = None
        self.waits = 0  # closed sessions whose company is still at the door
        self.packed: bytes | None = b""  # evidence, windows and doors while nobody hears it (packed.py), then those are empty
        # Replaced, never changed: they are many, change seldom, and those that are empty are one object.
        self.evidence: tuple[Evidence, ...] = ()
        self.windows: tuple[Window, ...] = ()
        self.doors = NO_DOORS

    @property
    def raw(self) -> str:
        """What was read last, as events carry it: tag and label of one thing differ."""
        return self.text or code_text(self.code)

    def come_to(self, door: str, at: "AtDoor") -> None:
        self.doors = {**self.doors, door: at}

    def leave(self, door: str) -> None:
        self.doors = {name: at for name, at in self.doors.items() if name != door} or NO_DOORS

    def evidence_in(self, zone: LiveZone) -> Evidence | None:
        for evidence in self.evidence:
            if evidence.zone is zone:
                return evidence
        return None

    def hear(self, zone: LiveZone, at_ns: int, reads: int, power_mw: float, rssi_max_dbm: int) -> Evidence:
        """Add a sighting to the evidence of `zone`; after a gap it is the first, but where the tag is present: there its gaps
        tell how seldom it is heard."""
        for evidence in self.evidence:
            if evidence.zone is zone:
                here = self.presence is PRESENT
                if at_ns - evidence.last_ns > (zone.sample_age_ns if here else zone.glimpse_ns) and not (
                    here and zone is self.zone
                ):
                    evidence.restart(at_ns)
                break
        else:
            kept = self.evidence
            if len(kept) == MAX_ZONES:
                gone = min(kept, key=lambda known: known.last_ns)
                kept = tuple(known for known in kept if known is not gone)
            evidence = Evidence(zone, at_ns, at_ns)
            self.evidence = (*kept, evidence)
        evidence.add(at_ns, reads, power_mw, rssi_max_dbm)
        return evidence
