"""The one composition root. READ FIRST.

    settings -> readers -> intake -> engine -> outbox -> uplink -> registry          the status page looks at all of them

Everything runs in one task group: a bug in any task ends the process, and systemd starts it again. The order of stopping
stands at the end of `_work`, top to bottom.
"""

import asyncio
import contextlib
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket

from drivers.api import Clock
from gateway import logs
from gateway.child import keep_child
from gateway.clock import FLOOR_WALL_MS, SYSTEM, boot_id, quality
from gateway.clock_watch import ClockWatch
from gateway.delivery import Sender
from gateway.failure import show
from gateway.health import Snapshot
from gateway.in_force import InForce
from gateway.intake import Intake
from gateway.lifecycle import Systemd, Watch, advanced, stop_on_signals
from gateway.location.engine import Engine
from gateway.location.site import Instant, Site
from gateway.orders.configuring import Configurer
from gateway.orders.desk import Desk, Do
from gateway.orders.doing import identify, ping
from gateway.orders.memory import Memory
from gateway.orders.rotating import rotate_keys
from gateway.orders.setting import reread, zone
from gateway.orders.settled import Settled
from gateway.pipeline import Pipeline
from gateway.problems import Reading
from gateway.readers_in_use import ReadersInUse
from gateway.recording.recorder import Recorder
from gateway.recording.recordings import Recordings
from gateway.renewal import Renewal
from gateway.settings import Settings
from gateway.snapshot import SOFTWARE, Observer
from gateway.status.server import CannotListen, build_app, listen, serve
from gateway.writer import Writer
from sync.credentials import Credentials
from sync.outbox import Outbox, OutboxUnavailable
from sync.verbs import Verb
from sync.wire import LocationEvent

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
DRAIN_WITHIN_S = 1.5  # of the five seconds that stopping may take
FINE, FAILED, BAD_SETTINGS = 0, 1, 2
NOBODY = Systemd(None, None)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that is up: where its page is, and how it is."""

    address: str
    snapshot: Callable[[], Snapshot]


def start(settings: Settings, config: Path) -> int:
    """Be the gateway until SIGTERM or SIGINT; return the exit code. `config` is the file that the settings stand in."""
    os.umask(0o077)  # what we write is for nobody else, whatever the shell thought
    logs.begin(os.environ)

    async def until_signal() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await run(settings, stop, systemd=Systemd.of(os.environ, os.getpid()), config=config)

    try:
        asyncio.run(until_signal())
    except (CannotListen, OutboxUnavailable) as exc:
        sys.stderr.write(f"sightpost: {exc}\n")
        return BAD_SETTINGS if isinstance(exc, CannotListen) else FAILED
    return FINE


def start_page_of_problems(config: Path, reading: Reading) -> None:
    """Show what is wrong with the settings until they change. Only for a service manager: at a shell the printed lines do."""
    systemd = Systemd.of(os.environ, os.getpid())

    async def until_changed() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await show(config, reading.problems, reading.status, systemd, stop)

    if systemd.address is not None:
        with contextlib.suppress(CannotListen):
            asyncio.run(until_changed())


async def run(
    settings: Settings,
    stop: asyncio.Event,
    *,
    systemd: Systemd = NOBODY,
    clock: Clock = SYSTEM,
    ready: Callable[[Running], None] = lambda running: None,
    config: Path | None = None,
) -> None:
    """Be the gateway until `stop` is set. `config` is read again when the registry orders it. Raises CannotListen,
    OutboxUnavailable."""
    listener = listen(settings.status.host, settings.status.port)  # first: with a taken port nothing else is touched
    writer = Writer()
    try:
        outbox = await writer(opener(settings, clock))
        try:
            await _work(Settled(settings), config, stop, systemd, clock, listener, writer, outbox, ready)
        finally:
            await writer(outbox.close)
    finally:
        writer.close()
        listener.close()


async def _work(
    settled: Settled,
    config: Path | None,
    stop: asyncio.Event,
    systemd: Systemd,
    clock: Clock,
    listener: socket,
    writer: Writer,
    outbox: Outbox,
    ready: Callable[[Running], None],
) -> None:
    rng = random.Random()  # noqa: S311 - for jitter
    settings = settled.at_start()
    site = settings.as_site()
    now = Instant(clock.mono_ns(), clock.wall_ms())
    saved, live_until = await writer(outbox.saved_state), await writer(outbox.live_until)
    intake = Intake(settings.gateway.queue_reads)
    recorder = Recorder([section.name for section in settings.readers])
    recordings = Recordings(settings, recorder, clock, SOFTWARE)
    await recordings.begin_with(saved, live_until, now)
    newest_ms = await writer(outbox.newest_wall_ms)
    floor_ms = max(FLOOR_WALL_MS, newest_ms or 0)
    clock_watch = ClockWatch(settings.gateway.data_dir / "clock.json", boot_id(), clock)
    engine = Engine(site, saved, live_until, now, clock_quality=quality(now.wall_ms, floor_ms))
    readers = ReadersInUse(settings.readers, intake, clock, recorder, rng)

    def committed(events: Sequence[LocationEvent]) -> None:
        observer.stored(len(events))
        sender.wake()

    def full(why: str) -> None:
        for feed in readers.feeds if settings.gateway.when_full == "stop" else ():
            feed.refuse(why)

    pipeline = Pipeline(
        intake,
        engine,
        outbox,
        writer,
        clock,
        commit_interval_s=settings.gateway.commit_interval_ms / 1000,
        committed=committed,
        full=full,
        recorder=recorder,
    )
    verbs: dict[str, Do] = {
        Verb.PING: ping(lambda: observer.sentence()),
        Verb.IDENTIFY: identify(readers.readers),
        Verb.REREAD: reread(settled, lambda wanted: in_force.apply(wanted), config),
        Verb.ZONE: zone(settled, lambda wanted: in_force.apply(wanted)),
        Verb.ROTATE_KEYS: rotate_keys(partial(credentials_path, settings), enrolled_path(settings)),
    }
    configurer = Configurer(settled, lambda wanted: in_force.apply(wanted), lambda: sender.greet(), clock.mono_ns)
    desk = Desk(verbs, Memory(settings.gateway.data_dir / "orders.json"), configurer, clock.mono_ns)
    sender = Sender(
        partial(credentials_path, settings),
        opener(settings, clock),
        SOFTWARE,
        lambda: observer.health(),
        clock,
        lambda: quality(clock.wall_ms(), floor_ms),
        rng,
        lambda credentials: [desk.with_key(credentials.mac_key), renewal(settings, credentials, desk.counts, clock, rng)],
        lambda: configurer.number,
    )
    stat = await writer(outbox.stat)
    observer = Observer(settings.gateway.site, site, readers.feeds, intake, pipeline, sender, clock, stat, desk.counts, settled)
    watch = Watch(
        systemd, {"pipeline": advanced(lambda: pipeline.progress), "writer": writer.alive, "uplink": advanced(sender.progress)}
    )

    async def look_often() -> None:
        newest = "", 0
        while True:
            trusted = pipeline.engine.clock_quality = quality(clock.wall_ms(), floor_ms)
            recorder.clock_quality(trusted)
            try:
                await writer(clock_watch.look, outbox, trusted)
                stat = await writer(outbox.stat)
                if (stat.epoch, stat.last) != newest:  # by the pipeline, or by a command beside us
                    newest = stat.epoch, stat.last
                    sender.wake()
                observer.look(stat)
            except OutboxUnavailable as exc:
                log.debug("outbox: %s", exc)  # the pipeline says it where people see it
            await asyncio.sleep(LOOK_EVERY_S)

    async def as_after_a_restart() -> tuple[dict[str, bytes], dict[str, int]]:
        live_now = dict.fromkeys(readers.live(), clock.wall_ms())
        return await writer(outbox.saved_state), await writer(outbox.live_until) | live_now

    async def renew_engine(site: Site) -> None:
        async def begun() -> Engine:
            saved, live_until = await as_after_a_restart()
            now, counters = Instant(clock.mono_ns(), clock.wall_ms()), pipeline.engine.counters
            engine = Engine(site, saved, live_until, now, clock_quality=quality(now.wall_ms, floor_ms), counters=counters)
            for name in readers.live():
                engine.reader_up(name, now)
            return engine

        await pipeline.renew(begun)

    in_force = InForce(settings, readers, recordings, pipeline, observer, renew_engine)

    page_over = asyncio.Event()
    page = build_app(observer.snapshot, page_over, door=observer.door, stuck=lambda: watch.stuck)

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve(listener, page, page_over), name="status page")
        storing = tasks.create_task(pipeline.run(), name="pipeline")
        sending = tasks.create_task(sender.run(), name="uplink")
        recording = tasks.create_task(recordings.run(as_after_a_restart, readers.live), name="recording")
        chores = [
            tasks.create_task(look_often(), name="looking"),
            tasks.create_task(pipeline.keep_live(readers.live), name="live readers"),
            tasks.create_task(watch.run(observer.sentence), name="watchdog"),
            tasks.create_task(desk.run(), name="orders"),
            tasks.create_task(configurer.run(), name="configuration"),
        ]
        if settings.registry.run:
            chores.append(tasks.create_task(keep_child("registry", registry_command(settings), rng=rng), name="registry"))
        in_force.open(tasks)
        address = "http://{}:{}".format(*listener.getsockname()[:2])
        log.info("site %s: %d readers, status page on %s", settings.gateway.site, len(readers.feeds), address)
        systemd.ready(observer.sentence())
        ready(Running(address, observer.snapshot))

        await stop.wait()

        systemd.stopping()
        still_live = readers.live()
        await in_force.close()  # no more reads
        pipeline.finish()  # what was read is decided and committed
        await asyncio.wait([storing], timeout=DRAIN_WITHIN_S)
        if storing.done():
            await pipeline.write_live(still_live)
        else:
            log.error("stopping with %d reads and %d events not stored", intake.waiting, pipeline.status.held_events)
        await _cancelled(recording)
        await recordings.close()
        page_over.set()  # open streams end; meanwhile the uplink says goodbye to the registry
        await _cancelled(storing, sending)
        await serving
        await _cancelled(*chores)  # the registry of a one-box site goes last, so it has heard the goodbye
    log.info("stopped")


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel and wait until they have ended; an error of theirs goes on to the task group."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def outbox_path(settings: Settings) -> Path:
    return settings.gateway.data_dir / "outbox.db"


def quota_bytes(settings: Settings) -> int:
    return settings.gateway.outbox_mb * 1_000_000


def opener(settings: Settings, clock: Clock) -> Callable[[], Outbox]:
    """Return what opens a connection to the outbox, in the thread that will use it."""
    return partial(
        Outbox.open,
        outbox_path(settings),
        wall_ms=clock.wall_ms,
        mono_ns=clock.mono_ns,
        boot_id=boot_id(),
        quota_bytes=quota_bytes(settings),
        drop_oldest=settings.gateway.when_full == "drop_oldest",
    )


def enrolled_path(settings: Settings) -> Path:
    """Where `sightpost enrol` and every renewal write: the one place that the gateway may write to under any service manager."""
    return settings.gateway.data_dir / "credentials.json"


def credentials_path(settings: Settings) -> Path:
    """Return the file of a gateway that has enrolled; else the one that systemd hands to this service alone, where it does; else
    the one that the settings name."""
    if (enrolled := enrolled_path(settings)).exists():
        return enrolled
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    handed = Path(folder) / "gateway.json" if folder else None
    return handed if handed is not None and handed.exists() else settings.registry.credentials


def renewal(settings: Settings, credentials: Credentials, counts: Counter[str], clock: Clock, rng: random.Random) -> Renewal:
    """Return what renews the certificate of these credentials."""
    return Renewal(credentials, credentials_path(settings), enrolled_path(settings), counts, clock.mono_ns, rng)


def registry_command(settings: Settings) -> list[str]:
    return [str(Path(sys.executable).with_name("sightpost-registry")), "up", "-c", str(settings.registry.config)]
