"""Fault 17: time. Nothing breaks, the reader tells at a fixed rate; memory, descriptors and threads stay where they are."""

import asyncio
from dataclasses import dataclass, field
from statistics import mean

import psutil

from tests.chaos.figures import Figure, Figures
from tests.chaos.plant import Plant
from tests.chaos.processes import Daemon

WARM_AFTER_S = 5.0  # readers, connections and caches are there
SAMPLE_S = 0.5
MAY_GROW_MIB = 8.0  # from the first quarter to the last
MAY_GROW = 3  # descriptors and threads that come and go


@dataclass
class Course:
    """Samples of one process."""

    process: psutil.Process
    memory_mib: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)

    def sample(self) -> None:
        with self.process.oneshot():
            self.memory_mib.append(self.process.memory_info().rss / 2**20)
            self.threads.append(self.process.num_threads())
        self.descriptors.append(self.process.num_fds())

    @property
    def written(self) -> int:
        return int(self.process.io_counters().write_bytes)


async def soak(plant: Plant, seconds: int) -> Figures:
    await plant.gateway.start()
    await plant.read(at_least=50)
    await asyncio.sleep(WARM_AFTER_S)
    courses = [_course(daemon) for daemon in (plant.gateway, plant.ingest)]
    first, written = plant.truth.now.last, [course.written for course in courses]
    for _ in range(int(seconds / SAMPLE_S)):
        await asyncio.sleep(SAMPLE_S)
        for course in courses:
            course.sample()
    told = plant.truth.now.last - first
    figures = [Figure("for", seconds), Figure("at", told / seconds, "events/s")]
    for name, course, before in zip(("gateway", "ingest"), courses, written, strict=True):
        figures += [
            Figure(f"{name}: memory", mean(course.memory_mib), "MiB"),
            Figure("grown by", _grown(course.memory_mib), "MiB", below=MAY_GROW_MIB),
            Figure("descriptors grown by", _grown(course.descriptors), "", below=MAY_GROW),
            Figure("threads grown by", _grown(course.threads), "", below=MAY_GROW),
            Figure("written", (course.written - before) / told, "bytes/event"),
        ]
    return tuple(figures)


def _course(daemon: Daemon) -> Course:
    return Course(psutil.Process(daemon.pid))


def _grown(samples: list[float]) -> float:
    """From the first quarter to the last, on average."""
    quarter = max(1, len(samples) // 4)
    return mean(samples[-quarter:]) - mean(samples[:quarter])
