"""make chaos: every fault of the matrix on a slim plant, judged by the truth log.

    python -m tests.chaos [--quick] [--json] [--seed N] [--only WORDS]

Without --quick it takes hours. Exit code 0: every row holds and every figure meets its target; 1: one does not, or a fault did
not come about.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests import databases
from tests.chaos.faults import FAULTS, Done, Fault
from tests.chaos.figures import Figures
from tests.chaos.plant import Plant, Template
from tests.chaos.processes import NotReached
from tests.chaos.verdict import Verdict

SEED = 7


def main() -> int:
    words = argparse.ArgumentParser(prog="make chaos ARGS=", description="Break things on purpose; tell what was lost.")
    words.add_argument("--quick", action="store_true", help="each fault a few times: less than five minutes in all")
    words.add_argument("--json", action="store_true", help="end with one JSON object: seed and rows")
    words.add_argument("--seed", type=int, default=SEED, help="of everything that is random in the faults")
    words.add_argument("--only", default="", metavar="WORDS", help="the faults whose names contain this, like '1 kill'")
    said = words.parse_args()
    chosen = [fault for fault in FAULTS if said.only in fault.name]
    if not chosen:
        words.error(f"no fault is called like {said.only!r}; they are: {'; '.join(fault.name for fault in FAULTS)}")
    if {"DATABASE_URL", "SIGHTPOST_TEST_DATABASE"} & os.environ.keys():
        words.error("the verdict reads an SQLite file: unset DATABASE_URL and SIGHTPOST_TEST_DATABASE")
    logging.basicConfig(level=logging.ERROR)  # what breaks here is meant to
    databases.begin()
    try:
        with tempfile.TemporaryDirectory(prefix="sightpost-chaos-") as folder, Template.made(Path(folder)) as template:
            rows, failed = asyncio.run(_run(template, chosen, said.seed, quick=said.quick))
    finally:
        databases.end()
    if said.json:
        print(json.dumps({"seed": said.seed, "rows": [_as_json(*row) for row in rows]}))
    else:
        print(f"seed {said.seed}\n{_table(rows)}")
    return 1 if failed or not all(_is_well(*row) for row in rows) else 0


async def _run(template: Template, faults: list[Fault], seed: int, *, quick: bool) -> tuple[list[Done], bool]:
    """Return the rows, and whether a fault did not come about; then it has no row."""
    rows: list[Done] = []
    failed = False
    for fault in faults:
        began = time.monotonic()
        rng = random.Random(f"{seed} {fault.name}")
        try:
            async with Plant.running(template, rng, through_proxy=fault.through_proxy) as plant:
                row, figures = await fault.do(plant, fault.name, fault.quick if quick else fault.long)
        except NotReached as exc:
            failed = True
            _say(f"{fault.name}: it did not come about: {exc}")
            continue
        rows.append((row, figures))
        verdict = "holds" if row.holds else f"LOST {row.lost}, DOUBLED {row.doubled}, OUT OF ORDER {row.out_of_order}"
        took = f"{time.monotonic() - began:.0f} s"
        _say(f"{fault.name}: {row.runs} runs, {row.confirmed} confirmed, {verdict}; {took}. {_words(figures)}")
    return rows, failed


def _is_well(row: Verdict, figures: Figures) -> bool:
    return row.holds and not any(figure.missed for figure in figures)


def _as_json(row: Verdict, figures: Figures) -> dict[str, object]:
    return row.as_json() | {"figures": [figure.as_json() for figure in figures]}


def _words(figures: Figures) -> str:
    return "; ".join(map(str, figures))


def _table(rows: list[Done]) -> str:
    """As docs/faults.md has it."""
    heads = ("fault", "runs", "confirmed", "stored", "lost", "doubled", "out_of_order")
    lines = [f"| {' | '.join(heads)} | figure |", "|---" * (len(heads) + 1) + "|"]
    for row, figures in rows:
        cells = row.as_json()
        lines.append(
            "| " + " | ".join([str(cells[heads[0]]), *(f"{cells[head]:,}" for head in heads[1:]), _words(figures)]) + " |"
        )
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
