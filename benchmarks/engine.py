"""What a read costs from the reader's bytes to the location engine's word, beside a bare loop that only parses and deduplicates.

    python -m benchmarks.engine [--pairs 7] [--frames 60000] [--rate 5000] [--json]

The bare loop is what one would write without any engine: slice a buffer into frames, check the sum, keep a smoothed RSSI for each
(tag, antenna). Ours takes the same bytes through the R2000 decoder and the engine. 200 tags at 4 antennas, 21-byte frames, in
chunks of 512 bytes; `--rate` frames a second of the tags' time, so that at 5,000 two reads in five end a sighting. The two run
in turns in one process, and the ratio is the median over the pairs: the machine may change its speed meanwhile.

Sites: `store` has the four antennas in one zone; `zones` has each in a zone of its own, which argue at every sighting; `door` has
two on either side of a door, where all tags stand around.
"""

import argparse
import json
import platform
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
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(kind: str, count: int, rate_hz: float, pairs: int) -> dict[str, object]:
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
    return {
        "site": kind,
        "rate_hz": rate_hz,
        "frames": count,
        "sightings": engine.counters.sightings,
        "events": sum(engine.counters.events.values()),
        "bare_per_s": round(count / statistics.median(bare_s)),
        "ours_per_s": round(count / statistics.median(ours_s)),
        "ours_us": round(statistics.median(ours_s) / count * 1e6, 2),
        "ratio": round(statistics.median(b / o for b, o in zip(bare_s, ours_s, strict=True)), 3),
        "pairs": pairs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--frames", type=int, default=60_000)
    parser.add_argument("--rate", type=float, default=5_000.0, help="frames a second of the tags' time")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    rows = [measure(kind, options.frames, options.rate, options.pairs) for kind in ("store", "zones", "door")]
    if options.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        print(json.dumps({"goal": GOAL, "machine": machine, "rows": rows}))
        return
    head = f"{'site':<7}{'reads':>8}{'sightings':>11}{'events':>8}{'bare/s':>12}{'ours/s':>10}{'us/read':>9}{'ratio':>8}"
    print(f"{head}   goal {GOAL}")
    for row in rows:
        print(
            f"{row['site']:<7}{row['frames']:>8}{row['sightings']:>11}{row['events']:>8}{row['bare_per_s']:>12,}{row['ours_per_s']:>10,}"
            f"{row['ours_us']:>9}{row['ratio']:>8}"
        )


if __name__ == "__main__":
    main()
