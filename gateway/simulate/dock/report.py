"""The score as people and programs read it: shares and rates with what they rest on and how far chance may have carried them."""

import math
from dataclasses import asdict
from typing import Any

from gateway.simulate.dock.behaviour import Behaviour
from gateway.simulate.dock.numbers import Numbers
from gateway.simulate.dock.tally import Tally

Z = 1.96  # 95 %
HARD_WRONG, HARD_FALSE_PASSAGES, HARD_FALSE_MOVES = 0.08, 20.0, 5.0  # of the yardsticks, at least; else the site is too easy
RULES = ("first_last_side", "edgex")


def as_json(seed: int, numbers: Numbers, total: dict[str, Tally]) -> dict[str, Any]:
    """Return the score of the engine with those of the yardsticks inside.

    A share or rate stands under its name, [low, high] of 95 % under `intervals`, what it rests on under `counts` as
    [hits, of how many] (hours for rates)."""
    return {
        "seed": seed,
        **_rule(total["engine"]),
        **{rule: _rule(total[rule]) for rule in RULES},
        "hard_enough": hard_enough(total),
        "numbers": asdict(numbers),
    }


def hard_enough(total: dict[str, Tally]) -> bool:
    """True when the site is no easier than it has to be for a score to mean something."""
    sides, edgex = _rule(total["first_last_side"]), _rule(total["edgex"])
    return bool(
        1 - sides["decided_correct"] >= HARD_WRONG
        and sides["false_passages_per_1000_resident_tag_hours"] >= HARD_FALSE_PASSAGES
        and edgex["false_moves_per_1000_tag_hours"] >= HARD_FALSE_MOVES
    )


def as_text(seed: int, total: dict[str, Tally]) -> str:
    engine = total["engine"]
    rules = {rule: _rule(total[rule]) for rule in ("engine", *RULES)}
    lines = [
        f"seed {seed}: {engine.crossed.total():,} tag passages, {engine.carried.total():,} tags carried",
        f"{engine.parked_hours:,.0f} resident tag hours, {engine.still_hours:,.0f} tag hours that nothing moved",
        "",
        _row("", "engine", "between (95 %)", "first and last side", "EdgeX"),
    ]
    for key, label in LABELS.items():
        low, high = (_figure(key, bound) for bound in rules["engine"]["intervals"][key])
        shown = {name: _figure(key, rule[key]) for name, rule in rules.items()}
        lines.append(_row(label, shown["engine"], f"{low} to {high}", *(shown[rule] for rule in RULES)))
        rests = {name: "{:,.0f} of {:,.0f}".format(*rule["counts"][key]) for name, rule in rules.items()}
        lines.append(_row("", rests["engine"], "", *(rests[rule] for rule in RULES)))
    lines += ["", f"{'the engine, by behaviour':32}" + "".join(f"{head:>10}" for head in COLUMNS)]
    for behaviour in Behaviour:
        name = behaviour.value
        wrong = engine.decided[name] - engine.right[name]
        counts = (engine.carried, engine.crossed, engine.read, engine.right)
        lines.append(
            f"{'  ' + name:34}"
            + "".join(f"{count[name]:>10,}" for count in counts)
            + f"{wrong:>10,}{engine.undecided[name]:>10,}"
        )
    lines += ["", "The site is hard enough." if hard_enough(total) else "The site is too easy: these scores mean little."]
    return "\n".join(lines)


COLUMNS = ("tags", "crossed", "read", "right", "wrong", "unknown")
SHARES = ("decided_correct", "unknown", "pallet_told")
LABELS = {
    "decided_correct": "direction right, of those decided",
    "unknown": "unknown, of those read",
    "pallet_told": "told in time, of pallets",
    "false_passages_per_1000_resident_tag_hours": "false passages, 1,000 h",
    "false_moves_per_1000_tag_hours": "false moves, 1,000 h",
}


def _row(label: str, *cells: str) -> str:
    return f"{label:32}" + "".join(f"{cell:>22}" for cell in cells)


def _figure(key: str, value: float) -> str:
    return f"{value:.2%}" if key in SHARES else f"{value:,.2f}"


def _rule(tally: Tally) -> dict[str, Any]:
    shares = {
        "decided_correct": (tally.right.total(), tally.decided.total()),
        "unknown": (tally.undecided.total(), tally.read.total()),
        "pallet_told": (tally.on_pallets_told, tally.on_pallets),
    }
    rates = {
        "false_passages_per_1000_resident_tag_hours": (tally.false_passages, tally.parked_hours),
        "false_moves_per_1000_tag_hours": (tally.false_moves, tally.still_hours),
    }
    return {
        **{name: hits / of if of else 0.0 for name, (hits, of) in shares.items()},
        **{name: 1000 * hits / hours if hours else 0.0 for name, (hits, hours) in rates.items()},
        "false_moves": tally.false_moves,
        "false_departures": tally.false_departures,
        "untold": tally.untold.total(),
        "passages": tally.crossed.total(),
        "resident_tag_hours": tally.parked_hours,
        "intervals": {name: wilson(*count) for name, count in shares.items()}
        | {name: rate(*count) for name, count in rates.items()},
        "counts": {name: list(count) for name, count in (shares | rates).items()},
        "by_behaviour": {
            one.value: {
                "carried": tally.carried[one.value],
                "crossed": tally.crossed[one.value],
                "read": tally.read[one.value],
                "decided": tally.decided[one.value],
                "right": tally.right[one.value],
                "unknown": tally.undecided[one.value],
            }
            for one in Behaviour
        },
    }


def wilson(hits: int, of: int) -> list[float]:
    """Return the 95 % interval of a share (Wilson's)."""
    if not of:
        return [0.0, 1.0]
    share = hits / of
    middle = share + Z * Z / (2 * of)
    half = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return [max(0.0, (middle - half) / (1 + Z * Z / of)), min(1.0, (middle + half) / (1 + Z * Z / of))]


def rate(hits: int, hours: float) -> list[float]:
    """Return the 95 % interval of a rate per 1,000 hours (Poisson, by Wilson and Hilferty's cube root)."""
    if not hours:
        return [0.0, math.inf]
    low = 0.0 if not hits else hits * (1 - 1 / (9 * hits) - Z / (3 * math.sqrt(hits))) ** 3
    high = (hits + 1) * (1 - 1 / (9 * (hits + 1)) + Z / (3 * math.sqrt(hits + 1))) ** 3
    return [1000 * low / hours, 1000 * high / hours]
