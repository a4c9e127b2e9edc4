"""Parse, fold and engine beside a bare loop that only parses and deduplicates, over the same bytes.

The bare loop is what one would write without any engine: slice a buffer into frames, check the sum, keep a smoothed RSSI for each
(tag, antenna). Ours takes the same bytes through the R2000 decoder and the engine. 200 tags at 4 antennas, 21-byte frames, in
chunks of 512 bytes. The two run in turns in one process, and the ratio is the median over the pairs: the machine may change its
speed meanwhile.

Sites: `store` has the four antennas in one zone; `zones` has each in a zone of its own, which argue at every sighting; `door` has
two on either side of a door, where all tags stand around.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import adler32

from drivers.checksums import negated_sum8
from drivers.r2000.codec import FrameDecoder
from gateway.location.engine import Engine, Instant
from gateway.location.site import Door, Site, Zone, ZoneKind, ZoneRules

TAGS, ANTENNAS, CHUNK_BYTES, FRAME_BYTES = 200, 4, 512, 21
WALL_MS = 1_700_000_000_000
GOAL = 0.2


@dataclass(frozen=True, slots=True)
class Beside:
    """`per_s` are reads per second of processor time; `ratio` is ours over bare, the median over the pairs."""

    site: str
    reads: int
    sightings: int
    events: int
    bare_per_s: int
    ours_per_s: int
    ours_us: float
    ratio: float


def frames(count: int, seed: int = 1) -> bytes:
    """Tag frames of a 4-port reader: each tag with a level of its own at each antenna, give or take 4 dB."""
    rng = random.Random(seed)
    epcs = [bytes((0x34,)) + rng.randbytes(11) for _ in range(TAGS)]
    levels = [[rng.randrange(68, 84) for _ in range(ANTENNAS)] for _ in range(TAGS)]
    made = bytearray()
    for _ in range(count):
        tag, antenna = rng.randrange(TAGS), rng.randrange(ANTENNAS)
        rssi = levels[tag][antenna] + rng.randrange(-4, 5)
        frame = bytes((0xA0, 19, 1, 0x89, 4 << 2 | antenna, 0x30, 0)) + epcs[tag] + bytes((rssi,))
        made += frame + bytes((negated_sum8(frame),))
    return bytes(made)


# ---- the bare loop


@dataclass(slots=True)
class Seen:
    rssi: float
    first_s: float
    last_s: float
    count: int = 1


def bare(chunks: Sequence[bytes], rate_hz: float) -> tuple[int, int]:
    """Parse and deduplicate; return (reads, what it would tell)."""
    known: dict[tuple[bytes, int], Seen] = {}
    told: list[tuple[bytes, int, float]] = []
    pending, now_s, step_s, reads = b"", 0.0, 1 / rate_hz, 0
    for chunk in chunks:
        pending += chunk
        at, size = 0, len(pending)
        while at + 1 < size:
            end = at + pending[at + 1] + 2
            if end > size:
                break
            frame = pending[at:end]
            at = end
            if adler32(frame, 0) & 0xFF:
                continue
            now_s += step_s
            reads += 1
            key, rssi = (frame[7:-2], frame[4] & 3), frame[-2] - 129
            seen = known.get(key)
            if seen is None:
                known[key] = Seen(rssi, now_s, now_s)
                told.append((*key, now_s))
            else:
                seen.rssi += 0.25 * (rssi - seen.rssi)
                if now_s - seen.last_s > 2:
                    told.append((*key, now_s))
                seen.last_s = now_s
                seen.count += 1
        pending = pending[at:]
    return reads, len(told)


# ---- ours


def site(kind: str) -> Site:
    points = tuple(f"r:{antenna + 1}" for antenna in range(ANTENNAS))
    rules = ZoneRules.for_kind(ZoneKind.STORAGE)
    if kind == "store":
        return Site.of([Zone("store", ZoneKind.STORAGE, rules, points)])
    if kind == "zones":
        return Site.of([Zone(f"zone-{point}", ZoneKind.STORAGE, rules, (point,)) for point in points])
    ends = [Zone("yard", ZoneKind.EXIT, ZoneRules.for_kind("exit")), Zone("hall", ZoneKind.STORAGE, rules)]
    return Site.of(ends, [Door("door", points[:2], points[2:], "yard", "hall")])


def ours(chunks: Sequence[bytes], rate_hz: float, where: Site) -> Engine:
    """Decode, fold, decide; the time of a chunk is that of its last frame."""
    decoder, engine = FrameDecoder("r"), Engine(where, now=Instant(0, WALL_MS))
    chunk_ns = CHUNK_BYTES / FRAME_BYTES / rate_hz * 1e9
    for number, chunk in enumerate(chunks, 1):
        now_ns = int(number * chunk_ns)
        wall_ms = WALL_MS + now_ns // 1_000_000
        reads, _ = decoder.feed(chunk, now_ns, wall_ms)
        engine.take(reads)
        engine.advance(Instant(now_ns, wall_ms))
        engine.changes()
    return engine


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of processor time: whoever else runs on the machine does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(kind: str, count: int, rate_hz: float, pairs: int) -> Beside:
    stream = frames(count)
    chunks = [stream[at : at + CHUNK_BYTES] for at in range(0, len(stream), CHUNK_BYTES)]
    where = site(kind)
    engine = ours(chunks, rate_hz, where)  # also warms up
    reads, _ = bare(chunks, rate_hz)
    if engine.counters.reads != count or reads != count:
        raise SystemExit(f"{count} frames, but {engine.counters.reads} and {reads} reads: not comparable")
    bare_s, ours_s = [], []
    for _ in range(pairs):
        bare_s.append(timed(lambda: bare(chunks, rate_hz)))
        ours_s.append(timed(lambda: ours(chunks, rate_hz, where)))
    return Beside(
        site=kind,
        reads=count,
        sightings=engine.counters.sightings,
        events=sum(engine.counters.events.values()),
        bare_per_s=round(count / statistics.median(bare_s)),
        ours_per_s=round(count / statistics.median(ours_s)),
        ours_us=round(statistics.median(ours_s) / count * 1e6, 2),
        ratio=round(statistics.median(b / o for b, o in zip(bare_s, ours_s, strict=True)), 3),
    )
