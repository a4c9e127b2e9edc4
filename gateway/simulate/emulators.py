"""The demo's devices: a door reader, a store room reader and a camera, all of them fed by the world."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cv2.typing import MatLike

from drivers.camera.emulator import mjpeg_camera
from drivers.camera.labels import Belt, label
from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.m100.emulator import M100Emulator
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate.radio import Air, Antenna
from gateway.simulate.world import INSIDE, OUTSIDE, STORE, Role, Thing, World, label_shown

FRAMES_PER_S = 10.0


@dataclass(slots=True)
class Play:
    """The world as it goes on: it stands still until `begin`."""

    world: World
    things: list[Thing]
    air: Air
    clock: Callable[[], float] = time.monotonic
    began: float | None = field(default=None)

    def begin(self) -> None:
        self.began = self.clock()

    @property
    def now_s(self) -> float:
        """Seconds since the world began; before that nothing but the parked tags is there."""
        return -1.0 if self.began is None else self.clock() - self.began

    def field(self, antennas: Sequence[Antenna]) -> Callable[[int], list[TagInField]]:
        """Return what an emulator asks each round: the tags that antenna number 1, 2, ... hears now."""

        def heard(antenna: int) -> list[TagInField]:
            now_s = self.now_s
            placed = ((thing.epc, self.world.where(thing, now_s)) for thing in self.things if thing.role is not Role.LABELLED)
            tags = [(epc, place) for epc, place in placed if place is not None]
            return [TagInField(tag.epc, tag.rssi_dbm) for tag in self.air.round(antennas[antenna - 1], tags)]

        return heard

    def label(self) -> Thing | None:
        """Whose label is under the camera now."""
        return None if self.began is None else label_shown([t for t in self.things if t.role is Role.LABELLED], self.now_s)


@contextlib.asynccontextmanager
async def door_and_store(play: Play, door: Path, store: Path) -> AsyncIterator[None]:
    """Run both readers on ptys behind the two paths."""
    async with (
        attached(R2000Emulator(play.field([OUTSIDE, INSIDE]), ports=2), EmulatedPty(door)),
        attached(M100Emulator(play.field([STORE])), EmulatedPty(store)),
    ):
        yield


@contextlib.asynccontextmanager
async def belt_camera(play: Play) -> AsyncIterator[str]:
    """Run a network camera over the belt; yield its address. Labels lie a little askew, each in its own way."""
    belt = Belt(640, 480)
    labels = {thing.key: label(thing.label, thing.symbology) for thing in play.things if thing.role is Role.LABELLED}

    def picture() -> MatLike:
        shown = play.label()
        return belt.picture() if shown is None else belt.picture(labels[shown.key], tilt_deg=3.0 * (shown.index % 5 - 2))

    async with mjpeg_camera(picture, fps=FRAMES_PER_S) as camera:
        yield camera.url
