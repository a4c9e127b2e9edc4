"""What a read costs from the reader's bytes to the location engine's word, what a tag weighs, and what a broken reader does.

    python -m benchmarks.engine [beside growth weight restart broken] [--pairs 7] [--frames 60000] [--rate 5000] [--tags 100000]
                                [--json]

Without words all five. What each measures and how stands in its file: `engine_beside.py` (a bare loop over the same bytes),
`engine_growth.py` (1,000 to 100,000 tags in view, beside the EdgeX rule and a bare dict of slots), `engine_crowd.py` (memory per
tag, restart, a reader that makes up a million codes in a minute). `--rate` is frames a second of the tags' time, so that at 5,000
two reads in five end a sighting; `--tags` is the largest crowd.

Absolute figures show the scale. The two that run beside ours run in turns with it, and ratios are medians over the pairs.
"""

import argparse
import json
import multiprocessing
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from benchmarks import engine_beside as beside
from benchmarks import engine_crowd as crowd
from benchmarks import engine_growth as growth

P = ParamSpec("P")
T = TypeVar("T")

WEIGHED = (("ours", 1, False), ("edgex", 1, False), ("ours", 4, False), ("edgex", 4, False), ("ours", 4, True))
CODES = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    pairs: int
    frames: int
    rate_hz: float
    tags: int


def fresh(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns in a process of its own, which nothing has used before."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args, **kwargs).result()


def run_beside(wanted: Wanted, show: bool) -> object:
    rows = [beside.measure(kind, wanted.frames, wanted.rate_hz, wanted.pairs) for kind in ("store", "zones", "door")]
    if show:
        table(f"parse + fold + engine beside a bare loop: ratio, goal >= {beside.GOAL}", rows)
    return rows


def run_growth(wanted: Wanted, show: bool) -> object:
    sizes = [size for size in (1_000, 10_000, 100_000) if size <= wanted.tags]
    rows = sorted((cost for size in sizes for cost in fresh(growth.measure, size, wanted.pairs)), key=lambda cost: cost.stream)
    grown = growth.growths(rows)
    if show:
        table("cost per read by tags in view, microseconds", rows)
        for stream, (bare, ours, over) in grown.items():
            sizes_text = f"{sizes[0]:,} to {sizes[-1]:,} tags"
            print(f"{stream}: from {sizes_text} bare grows {bare}x, ours {ours}x; ours over bare {over}, goal <= {growth.GOAL}")
    return {"rows": rows, "growth": grown}


def run_weight(wanted: Wanted, show: bool) -> object:
    rows = [fresh(crowd.weigh, who, zones, door, wanted.tags) for who, zones, door in WEIGHED]
    if show:
        table(f"resident memory per tag: goal <= {crowd.BYTES_GOAL} bytes", rows)
    return rows


def run_restart(wanted: Wanted, show: bool) -> object:
    with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as name:
        fresh(crowd.store_states, Path(name), wanted.tags)
        rows = [fresh(crowd.restore, Path(name), wanted.tags)]
    if show:
        table(f"saved state restored: total, goal < {crowd.RESTORE_GOAL_S} s", rows)
    return rows


def run_broken(wanted: Wanted, show: bool) -> object:
    rows = [fresh(crowd.break_a_reader, CODES)]
    if show:
        table("a reader that makes up codes for a minute: bounded memory, real tags told", rows)
    return rows


PARTS = {"beside": run_beside, "growth": run_growth, "weight": run_weight, "restart": run_restart, "broken": run_broken}


def table(title: str, rows: Sequence[object]) -> None:
    """Print rows of one kind of dataclass; a single row as a list of its fields."""
    print(f"\n{title}   (load {os.getloadavg()[0]:.1f})")
    cells = [asdict(row) for row in rows]  # type: ignore[call-overload]
    if len(cells) == 1:
        for name, value in cells[0].items():
            print(f"  {name:<20} {_text(value):>12}")
        return
    widths = {name: max(len(name), *(len(_text(row[name])) for row in cells)) for name in cells[0]}
    print("  ".join(f"{name:>{width}}" for name, width in widths.items()))
    for row in cells:
        print("  ".join(f"{_text(row[name]):>{width}}" for name, width in widths.items()), flush=True)


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all without any")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--frames", type=int, default=60_000)
    parser.add_argument("--rate", type=float, default=5_000.0, help="frames a second of the tags' time")
    parser.add_argument("--tags", type=int, default=100_000, help="the largest crowd")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    wanted = Wanted(options.pairs, options.frames, options.rate, options.tags)
    figures = {name: run(wanted, not options.json) for name, run in PARTS.items() if not options.parts or name in options.parts}
    if options.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        goals = {
            "beside_ratio": beside.GOAL,
            "growth_over_bare": growth.GOAL,
            "bytes_per_tag": crowd.BYTES_GOAL,
            "restart_s": crowd.RESTORE_GOAL_S,
        }
        print(json.dumps({"machine": machine, "load": os.getloadavg()[0], "goals": goals} | figures, default=asdict))


if __name__ == "__main__":
    main()
