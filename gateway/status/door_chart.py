"""One door session as a drawing: time to the right, signal strength upwards. Only numbers and paths; the template has the words.

The scale of the strength is the same in every drawing, so that they compare. All sizes are units of the drawing's own grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.health import DoorSample, DoorSession

WIDTH, HEIGHT = 360, 140
LEFT, RIGHT, TOP, BOTTOM = 32, 352, 18, 118
TOP_DBM, BOTTOM_DBM = -30, -80  # what lies beyond is drawn at the edge
AFTER_MS, AFTER_SHARE = 2_400, 0.5  # of the time after the last read that is drawn; a later decision stands at the edge
STEPS_MS = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
MAX_TICKS = 7


@dataclass(frozen=True, slots=True)
class Chart:
    grid: str  # path of the lines at each level
    levels: tuple[tuple[float, int], ...]  # (y, dBm)
    ticks: tuple[tuple[float, str], ...]  # (x, seconds)
    lines: tuple[tuple[str, str], ...]  # (side, path through its samples)
    middles: tuple[tuple[str, float], ...]  # (side, x)
    decided_x: float
    later: bool  # the decision was later than the drawing reaches


def chart(session: DoorSession) -> Chart:
    last_ms = session.samples[-1].at_ms
    ends_ms = max(1, min(session.decided_ms, last_ms + max(AFTER_MS, round(last_ms * AFTER_SHARE))))
    step_ms = next((step for step in STEPS_MS if ends_ms / step <= MAX_TICKS), STEPS_MS[-1])

    def x(at_ms: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * min(at_ms, ends_ms) / ends_ms, 1)

    levels = tuple((_y(dbm), dbm) for dbm in range(BOTTOM_DBM, TOP_DBM + 1, 10))
    middles = (("outside", session.outside_ms), ("inside", session.inside_ms))
    return Chart(
        grid="".join(f"M{LEFT} {y:g}H{RIGHT}" for y, _ in levels),
        levels=levels[1::2],
        ticks=tuple((x(at_ms), f"{at_ms / 1000:g}") for at_ms in range(0, ends_ms + 1, step_ms)),
        lines=tuple((side, _path(session.samples, side, x)) for side, middle in middles if middle is not None),
        middles=tuple((side, x(middle)) for side, middle in middles if middle is not None),
        decided_x=x(session.decided_ms),
        later=session.decided_ms > ends_ms,
    )


def _y(dbm: float) -> float:
    share = (min(max(dbm, BOTTOM_DBM), TOP_DBM) - BOTTOM_DBM) / (TOP_DBM - BOTTOM_DBM)
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _path(samples: Sequence[DoorSample], side: str, x: Callable[[float], float]) -> str:
    """Return a path through the samples of a side. One alone gets a line of no length, else its mark would not be drawn."""
    points = [f"{x(sample.at_ms):g} {_y(sample.rssi_dbm):g}" for sample in samples if sample.side == side]
    return "M" + "L".join(points) + ("h0" if len(points) == 1 else "")
