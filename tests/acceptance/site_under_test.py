"""A whole site for tests: broker, registry and gateway as real processes, devices on ptys, and what a person would look at.

A door (an R2000 with one antenna on either side) leads from the yard into the hall; a desk (an M100) stands in the packing room.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import psutil

from drivers.emulated_device import Field, TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.m100.emulator import M100Emulator
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate import processes
from gateway.simulate.stage import Ports, Stage, free_ports
from host.children import dying_with_us
from identity.epc import encode, from_key

BIN = Path(sys.executable).parent
MOSQUITTO = Path("/usr/sbin/mosquitto")
GATEWAY = "hall"
PLACES = {"yard": ("exit", "Yard"), "hall": ("storage", "Hall"), "packing": ("desk", "Packing room")}
COMPANY_PREFIX = "0614141"
WALK_ROUNDS, BOTH_SIDES_HEAR = 20, (9, 12)

GATEWAY_TOML = """
[gateway]
site = "hall"
data_dir = "gateway"

[status]
port = {port}

[registry]
{registry}

[[readers]]
name = "dock"
driver = "r2000"
url = "{dock}"
options = {{ antennas = [1, 2] }}

[[readers]]
name = "desk"
driver = "m100"
url = "{desk}"

[[zones]]
name = "yard"
kind = "exit"

[[zones]]
name = "hall"
kind = "storage"

[[zones]]
name = "packing"
kind = "desk"
read_points = ["desk:1"]
rules = {{ lost_min_s = 300, lost_max_s = 300 }}

[[doors]]
name = "dock"
outside = ["dock:1"]
inside = ["dock:2"]
from = "yard"
to = "hall"
"""

Seen = TypeVar("Seen")
Json = dict[str, Any]


async def until(look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], object], within_s: float = 20.0) -> Seen:
    """Look again and again until it is good; return what was seen then. What cannot be looked at yet is not good."""
    deadline = time.monotonic() + within_s
    seen: object = "nothing"
    while True:
        with contextlib.suppress(OSError, httpx.TransportError, psutil.NoSuchProcess):
            if good(seen := await look()):
                return seen
        assert time.monotonic() < deadline, f"not within {within_s} s; last seen: {seen}"
        await asyncio.sleep(0.05)


def as_text(html: str) -> str:
    """Return the words of a page, as a person without JavaScript gets them."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# ---- what stands before the antennas


class Thing(NamedTuple):
    """A tagged thing: the identity of its tag, and the tag's EPC."""

    key: str
    epc: bytes


def thing(number: int) -> Thing:
    key = f"8004:{COMPANY_PREFIX}{number}"
    return Thing(key, encode(from_key(key, len(COMPANY_PREFIX))))


def standing(*things: Thing) -> Field:
    """Return the field of an antenna before which these stay."""
    tags = [TagInField(one.epc, -45) for one in things]
    return lambda antenna: tags


def new_ones(first: int) -> Field:
    """Return a field in which something new turns up in every fourth round, and is seen for eight."""
    rounds = 0

    def heard(antenna: int) -> list[TagInField]:
        nonlocal rounds
        rounds += 1
        newest = first + rounds // 4
        return [TagInField(thing(number).epc, -45) for number in range(max(first, newest - 1), newest + 1)]

    return heard


def walking(inwards: Iterable[Thing] = (), outwards: Iterable[Thing] = ()) -> Field:
    """Return a door's field in which these go through, once, in two seconds. It counts rounds: a slow machine is a slow walk."""
    tags = {"in": [TagInField(one.epc, -50) for one in inwards], "out": [TagInField(one.epc, -50) for one in outwards]}
    step = -1

    def heard(antenna: int) -> list[TagInField]:
        nonlocal step
        step += antenna == 1
        first_inside, last_outside = BOTH_SIDES_HEAR
        near = antenna == 1
        found = []
        if step <= last_outside:
            found += tags["in" if near else "out"]
        if first_inside <= step <= WALK_ROUNDS:
            found += tags["out" if near else "in"]
        return found

    return heard


# ---- the registry


@dataclass
class Registry:
    """`sightpost-registry` in a folder of its own."""

    folder: Path
    ports: Ports = field(default_factory=lambda: free_ports(Ports(0, 0, 0)))
    token: str = ""

    def __post_init__(self) -> None:
        self.stage = Stage(self.folder, self.ports)
        self.address = f"http://127.0.0.1:{self.ports.registry}"
        self.mosquitto = self.folder / "mosquitto"  # what `up` starts the broker by: without it there is none
        self.log = self.folder / "registry.log"
        self.process: subprocess.Popen[bytes] | None = None
        none_kept = httpx.Limits(max_keepalive_connections=0)
        self._api = httpx.Client(base_url=self.address, limits=none_kept, timeout=20)
        self.person = httpx.Client(base_url=self.address, limits=none_kept, timeout=20, follow_redirects=True)
        self.mosquitto.symlink_to(MOSQUITTO)
        self.stage.registry_toml.write_text(
            f"data_dir = {json.dumps(str(self.stage.registry_data))}\n[web]\nport = {self.ports.registry}\n"
            f"[broker]\nport = {self.ports.broker}\nmosquitto = {json.dumps(str(self.mosquitto))}\n"
        )

    def command(self, *words: str | Path) -> str:
        """Run `sightpost-registry` with these words; return what it printed."""
        run = subprocess.run(
            [BIN / "sightpost-registry", *words, "-c", self.stage.registry_toml], capture_output=True, text=True, timeout=60
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def start(self) -> None:
        """From the main thread only: the process dies with the thread that starts it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                dying_with_us([BIN / "sightpost-registry", "up", "-c", self.stage.registry_toml]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait_ready(self, within_s: float = 40.0) -> None:
        deadline = time.monotonic() + within_s
        while not self._is_ready():
            assert self.process is None or self.process.poll() is None, processes.last_words(self.log, 20)
            assert time.monotonic() < deadline, processes.last_words(self.log, 20)
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def log_in(self, password: str) -> None:
        """Be the administrator, with a password of one's own from now on."""
        self._submit("/login/", username="admin", password=password)
        own = "a long enough sentence"
        self._submit("/password/", old_password=password, new_password1=own, new_password2=own)
        assert self.person.get("/live/").url.path == "/live/"

    def _submit(self, path: str, **form: str) -> None:
        self.person.get(path)
        token = self.person.cookies["csrftoken"]
        self.person.post(path, data={**form, "csrfmiddlewaretoken": token}, headers={"Referer": self.address})

    def ask(self, path: str, body: object = None) -> Any:
        """Call the REST API (POST when there is a body); return its answer."""
        asked = {"Authorization": f"Bearer {self.token}"}
        answer = self._api.request("GET" if body is None else "POST", path, json=body, headers=asked)
        assert answer.is_success, answer.text
        return answer.json()

    async def get(self, path: str) -> Any:
        return await asyncio.to_thread(self.ask, f"/api/v1{path}")

    async def post(self, path: str, body: object) -> Any:
        return await asyncio.to_thread(self.ask, f"/api/v1{path}", body)

    async def live_page(self) -> str:
        """What the live page says."""
        return as_text((await asyncio.to_thread(self.person.get, "/live/")).text)

    async def counters(self) -> Counter[str]:
        """What ingest counts, as /metrics tells it; a reason stands behind the name."""
        text = (await asyncio.to_thread(self._api.get, "/metrics")).text
        found = re.findall(r'^sightpost_registry_(\w+)_total\{worker="1"(?:,reason="(\w+)")?\} (\S+)$', text, re.MULTILINE)
        return Counter({f"{name} {reason}".strip(): int(float(number)) for name, reason, number in found})

    async def position(self, asset: str) -> tuple[str, str | None] | None:
        """Return (state, name of the place) of where an asset is, None when nothing is known."""
        for row in (await self.get("/positions?limit=200"))["items"]:
            if row["asset"]["id"] == asset:
                return row["state"], row["place"] and row["place"]["name"]
        return None

    async def asset(self, name: str, *things: Thing) -> str:
        """Put an asset on the books; return its id."""
        made: Json = await self.post("/assets", {"name": name, "identifiers": [{"text": one.key} for one in things]})
        return str(made["id"])

    def _is_ready(self) -> bool:
        try:
            return self._api.get("/readyz").is_success
        except httpx.TransportError:
            return False


@contextlib.contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """Make and run a registry that knows the gateway and which places its zones are; somebody is logged in to its pages."""
    registry = Registry(folder)
    registry.start()
    try:
        registry.wait_ready()
        with ThreadPoolExecutor() as at_once:
            known = at_once.submit(registry.command, "gateways", "add", GATEWAY, "--local", "--out", registry.stage.credentials)
            token = at_once.submit(registry.command, "tokens", "add", "tests", "--write")
            invited = at_once.submit(registry.command, "createadmin")
        known.result()
        registry.token = token.result().strip()
        registry.log_in(invited.result().splitlines()[0].split()[-1])
        for zone, (kind, name) in PLACES.items():
            place = registry.ask("/api/v1/locations", {"name": name})["id"]
            registry.ask("/api/v1/zones", {"gateway": GATEWAY, "name": zone, "kind": kind, "place": place})
        yield registry
    finally:
        registry.stop()


# ---- the gateway and its devices


@dataclass
class Site:
    """A gateway with its devices. What the antennas hear is what their `field` is set to."""

    stage: Stage
    dock: R2000Emulator
    desk: M100Emulator
    dock_line: EmulatedPty
    desk_line: EmulatedPty
    gateway: asyncio.subprocess.Process

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.stage.ports.status}"

    @property
    def log(self) -> Path:
        return self.stage.folder / "gateway.log"

    async def status(self) -> Json:
        def asked() -> Json:
            answer: Json = httpx.get(f"{self.address}/status.json").json()
            return answer

        return await asyncio.to_thread(asked)

    async def page(self) -> str:
        """What the status page says."""
        return as_text((await asyncio.to_thread(httpx.get, f"{self.address}/")).text)

    async def until(self, good: Callable[[Json], object], within_s: float = 20.0) -> Json:
        return await until(self.status, good, within_s)

    async def delivered(self, at_least: int = 0, within_s: float = 40.0) -> Json:
        """Wait until the registry has acknowledged everything, and that is `at_least` so many records."""
        return await self.until(lambda now: now["outbox"]["acked"] == now["outbox"]["last"] >= at_least, within_s)


@contextlib.asynccontextmanager
async def running_site(folder: Path, registry: Registry, *, one_box: bool = False) -> AsyncIterator[Site]:
    """Run a gateway until its readers are up; it begins with an empty outbox. `one_box`: it starts the registry itself."""
    stage = Stage(folder, Ports(free_ports(Ports(0, 0, 0)).status, registry.ports.registry, registry.ports.broker))
    section = f"credentials = {json.dumps(str(registry.stage.credentials))}"
    if one_box:
        section += f"\nrun = true\nconfig = {json.dumps(str(registry.stage.registry_toml))}"
    dock_line, desk_line = EmulatedPty(folder / "dock"), EmulatedPty(folder / "desk")
    stage.gateway_toml.write_text(
        GATEWAY_TOML.format(port=stage.ports.status, registry=section, dock=dock_line.url, desk=desk_line.url)
    )
    dock, desk = R2000Emulator(ports=2, round_s=0.05, boot_s=0.1), M100Emulator(poll_s=0.02, boot_s=0.1)
    async with (
        attached(dock, dock_line),
        attached(desk, desk_line),
        processes.running(folder / "gateway.log", "sightpost", "run", "-c", stage.gateway_toml) as gateway,
    ):
        site = Site(stage, dock, desk, dock_line, desk_line, gateway)
        try:
            await site.until(lambda now: all(reader["state"] == "up" for reader in now["readers"]))
            yield site
        except BaseException as exc:
            exc.add_note(f"The gateway's last words:\n{processes.last_words(site.log, 20)}")
            exc.add_note(f"The registry's last words:\n{processes.last_words(registry.log, 20)}")
            raise


def reader(status: Json, name: str) -> Json:
    found: Json = next(row for row in status["readers"] if row["name"] == name)
    return found


# ---- processes, and pages that stay open


@contextlib.asynccontextmanager
async def open_page(address: str, cookies: httpx.Cookies | None = None) -> AsyncIterator[None]:
    """Listen to a stream of server-sent events, as an open page does, from its first event until the server ends it."""
    async with httpx.AsyncClient(cookies=cookies, timeout=20) as browser, browser.stream("GET", address) as answer:
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith("data:"):
            pass
        yield
        with contextlib.suppress(httpx.RemoteProtocolError):  # cut off is ended, too
            async for _ in lines:
                pass


async def victim(ancestor: int, name: str, within_s: float = 20.0) -> psutil.Process:
    """Return the process of that name below `ancestor`, as soon as there is one."""

    async def look() -> psutil.Process | None:
        for child in psutil.Process(ancestor).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if words and (name in Path(words[0]).name or name in words[1:]) and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        return None

    found = await until(look, lambda found: found is not None, within_s)
    assert found is not None
    return found


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def all_gone(processes: list[psutil.Process]) -> None:
    """Wait until all of these have ended, reaped or not."""

    async def left() -> list[str]:
        return [str(process) for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    await until(left, lambda left: not left)
