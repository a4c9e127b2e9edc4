"""What a door's evidence says, in words: the first line of its page, why a session was judged as it was, and where the antennas
could stand better. Pure.

Advice is only given for what the kept sessions show themselves, with the count it rests on.
"""

from collections import Counter
from collections.abc import Iterable
from statistics import median

from gateway.health import DoorEntry, DoorSession, DoorView, Light
from gateway.status.words import count, number

ENOUGH = 5  # sessions before anything is said of them
FLAT_DB = 4.0  # the sides' difference in level has to change by more than this for an order to be seen
FLAT_SHARE = 0.5
UNEQUAL_DB = 12.0
FEW_READS = 4
OTHER_DOOR_SHARE = 0.3
MANY_PARKED = 5
OTHER = {"outside": "inside", "inside": "outside"}

# What `suppressed` counts, as a sentence about one of them.
REASONS = {
    "weak": "too weak for the zone",
    "rssi": "no possible signal strength",
    "length": "no code, or one too long",
    "class": "names a class of things, no single one",
    "place": "names a place",
    "parked": "of a tag that stands at a door",
    "full": "more tags than fit",
    "history": "came late, the tag has been heard since",
    "glimpse": "heard once, never confirmed",
    "crowded": "made room for others unconfirmed",
    "one_side": "only one side of the door heard it",
    "same_side": "turned back or passed by",
    "still": "showed no way through",
    "contradiction": "first and last side disagree with the power",
    "faint": "one side hardly heard it, and nobody came with it",
    "cool_down": "the same passage was told a moment ago",
    "other_door": "another door heard it louder",
}
OF_READS, OF_SIGHTINGS, OF_TAGS = (
    ("length", "weak", "rssi", "history"),
    ("class", "place", "parked", "full"),
    ("glimpse", "crowded"),
)
FILTERS = {  # of sessions that were no passage
    "same_side": "Turned back",
    "one_side": "One side",
    "still": "No way shown",
    "other_door": "Other door",
    "contradiction": "Sides disagree",
    "faint": "Hardly heard",
    "cool_down": "Told just before",
}


def held_back(counters: dict[str, int]) -> list[tuple[str, str, int]]:
    """Return (reason in words, what was held back, how often), most often first; of reads, sightings, tags, door sessions."""
    rows = []
    for name, value in counters.items():
        reason = name.removeprefix("suppressed_")
        if reason != name and value:
            what = "read" if reason in OF_READS else "sighting" if reason in OF_SIGHTINGS else "tag" if reason in OF_TAGS else ""
            rows.append(
                (REASONS.get(reason, reason.replace("_", " ")), what or ("session" if reason in FILTERS else "time"), value)
            )
    return sorted(rows, key=lambda row: -row[2])


def headline(view: DoorView) -> tuple[str, Light]:
    """Return the first line of a door's page and its colour."""
    row = view.row
    total = row.passed_in + row.passed_out + row.unknown
    parts = [(row.passed_in, "in"), (row.passed_out, "out"), (row.unknown, "unknown")]
    if total:
        passed = f"{count(total, 'passage')} in the last hour: " + ", ".join(f"{number(n)} {word}" for n, word in parts if n)
    elif view.passages:
        passed = "No passage in the last hour"
    else:
        passed = "Nothing has gone through since the gateway started"
    parked = f"; {count(view.parked, 'tag')} {'is' if view.parked == 1 else 'are'} parked here" if view.parked else ""
    if any(side.troubles for side in view.sides):
        return f"{passed}{parked}. Not every antenna works.", Light.FAILED
    return f"{passed}{parked}.", Light.ATTENTION if advice(view) else Light.GOOD if view.passages else Light.WAITING


def outcome(way: str | None, reason: str | None) -> tuple[str, Light]:
    """Return what was told of a session, in two words, and its colour."""
    if way is not None:
        return {"in": ("In", Light.GOOD), "out": ("Out", Light.GOOD)}.get(way, ("Unknown", Light.ATTENTION))
    return FILTERS.get(reason or "", "Not told"), Light.UNKNOWN


def why(session: DoorSession) -> str:
    """Return why a session was judged as it was, as a sentence or two."""
    own = _own(session)
    if session.taken_over:
        others = f"the {number(session.company)} that were at the door together" if session.company > 1 else "its company"
        return f"{_capital(own)}. It was told {session.way} with {others}."
    match session.reason:
        case "other_door":
            return f"Door {session.louder_door} heard more of it at the same time, so this one keeps quiet. By itself: {own}."
        case "cool_down":
            return f"{_capital(own)}. The same passage was told a moment ago, so it was not told again."
        case "faint":
            return (
                f"{_capital(own)}. But one side hardly heard it and nobody came with it, so it may as well stand there: not told."
            )
        case "still" if session.own_way is not None:
            return (
                f"{_capital(own)}: by itself {session.own_way}. But the {number(session.company)} that were at the door together"
                " showed no way, and one of them has to be very clear to count against that."
            )
    if session.way == "unknown":
        return f"{_capital(own)}. It came on one side and left on the other, so it may have passed: told as unknown."
    against = ""
    if session.way is not None and session.carrier not in (None, session.way):
        against = f" Its company went {session.carrier}; its own reads say otherwise, and count."
    return f"{_capital(own)}{f': {session.way}' if session.way else ': not told'}.{against}"


def _own(session: DoorSession) -> str:
    """Return what the reads of this tag say alone."""
    if session.own_reason == "one_side" or session.outside_ms is None or session.inside_ms is None:
        return f"only {session.last_side} heard it"
    later = "inside" if session.inside_ms >= session.outside_ms else "outside"
    apart_s = abs(session.inside_ms - session.outside_ms) / 1000
    times = f"{abs(session.errors):.1f} times what chance would do"
    order = f"{later} was heard {apart_s:.1f} s later than {OTHER[later]}, {times}"
    match session.own_reason:
        case "same_side":
            return f"{session.first_side} heard it first and last, so it turned back or passed by"
        case "contradiction":
            return f"{session.first_side} heard it first and {session.last_side} last, yet {order}: the two disagree"
        case "still":
            return f"{order}, where {session.needed:.1f} times are needed"
    return order


def summary(session: DoorSession) -> str:
    """Return the drawing in words, for who cannot see it."""
    parts = []
    for side, middle_ms in (("outside", session.outside_ms), ("inside", session.inside_ms)):
        heard = [sample for sample in session.samples if sample.side == side]
        if heard and middle_ms is not None:
            loudest = max(sample.rssi_dbm for sample in heard)
            parts.append(
                f"{side.capitalize()}: {count(sum(sample.reads for sample in heard), 'read')} from {heard[0].at_ms / 1000:.1f} to"
                f" {heard[-1].at_ms / 1000:.1f} s, loudest {loudest:.0f} dBm, middle at {middle_ms / 1000:.1f} s."
            )
        else:
            parts.append(f"{side.capitalize()} heard nothing.")
    return " ".join([*parts, f"Decided at {session.decided_ms / 1000:.1f} s."])


def advice(view: DoorView) -> list[str]:
    """Return what the installer could change, each with what it rests on. Empty when nothing is to be said."""
    said = [f"The {side.name} side: {trouble}." for side in view.sides for trouble in side.troubles]
    sessions = list(_sessions((*view.passages, *view.held_back)))
    if said or len(sessions) < ENOUGH:
        return said + _of_parked(view)
    points = {side.name: ", ".join(side.read_points) for side in view.sides}
    for side in OTHER:
        if not any(sample.side == side for session in sessions for sample in session.samples):
            nothing = f"{side.capitalize()} ({points[side]}) heard nothing in the last {count(len(sessions), 'session')}."
            step = "If tags went through, look at that antenna's cable, where it points, and its number in gateway.toml."
            return [f"{nothing} {step}", *_of_parked(view)]
    return _of_both_sides(view, points) + _of_reads(view) + _of_other_doors(view) + _of_parked(view)


def _of_both_sides(view: DoorView, points: dict[str, str]) -> list[str]:
    entries = (*view.passages, *(entry for entry in view.held_back if entry.reason == "still"))
    both = [session for session in _sessions(entries) if session.outside_ms is not None and session.inside_ms is not None]
    if len(both) < ENOUGH:
        return []
    said = []
    louder_db = median(_loudest(session, "outside") - _loudest(session, "inside") for session in both)
    if abs(louder_db) >= UNEQUAL_DB:
        weak = "inside" if louder_db > 0 else "outside"
        heard = f"{weak.capitalize()} ({points[weak]}) mostly hears a tag {abs(louder_db):.0f} dB weaker than {OTHER[weak]} does"
        said.append(f"{heard} ({count(len(both), 'session')}): look at where that antenna points, its cable and its power.")
    flat = sum((change := _change_db(session)) is not None and abs(change) < FLAT_DB for session in both)
    if flat >= FLAT_SHARE * len(both):
        alike = f"In {number(flat)} of {count(len(both), 'session')} both sides hear a tag alike from beginning to end"
        said.append(
            f"{alike}. If these went through, the antennas look at the same space: turn them away from each other, move them"
            " apart, or lower their power."
        )
    return said


def _of_reads(view: DoorView) -> list[str]:
    sessions = list(_sessions(view.passages))
    if len(sessions) < ENOUGH:
        return []
    reads = median(sum(sample.reads for sample in session.samples) for session in sessions)
    if reads >= FEW_READS:
        return []
    few = f"Mostly a tag is read {number(reads)} times on its way through ({count(len(sessions), 'passage')}), too few to tell"
    return [f"{few}: more power, antennas nearer to the way, or shorter turns of each antenna give more."]


def _of_other_doors(view: DoorView) -> list[str]:
    total = sum(entry.count for entry in (*view.passages, *view.held_back))
    lost = sum(entry.count for entry in view.held_back if entry.reason == "other_door")
    names = Counter(session.louder_door for session in _sessions(view.held_back) if session.louder_door)
    if not names or lost < ENOUGH or lost < OTHER_DOOR_SHARE * total:
        return []
    theirs = f"{number(lost)} of {count(total, 'session')} were those of another door, mostly {names.most_common(1)[0][0]}"
    return [f"{theirs}: lower the power here, or turn the antennas away from it."]


def _of_parked(view: DoorView) -> list[str]:
    if view.parked < MANY_PARKED:
        return []
    return [f"{number(view.parked)} tags stand within reach: they cost the door air time. Keep the way free, or lower the power."]


def _change_db(session: DoorSession) -> float | None:
    """Return by how much inside gained on outside from the first to the second half; None when a half has but one side."""
    half_ms = session.samples[-1].at_ms / 2
    levels: dict[tuple[bool, str], list[float]] = {}
    for sample in session.samples:
        levels.setdefault((sample.at_ms > half_ms, sample.side), []).append(sample.rssi_dbm)
    if len(levels) < 4:
        return None
    mean = {key: sum(values) / len(values) for key, values in levels.items()}
    return (mean[True, "inside"] - mean[True, "outside"]) - (mean[False, "inside"] - mean[False, "outside"])


def _loudest(session: DoorSession, side: str) -> float:
    return max(sample.rssi_dbm for sample in session.samples if sample.side == side)


def _sessions(entries: Iterable[DoorEntry]) -> Iterable[DoorSession]:
    return (session for entry in entries for session in entry.sessions)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
