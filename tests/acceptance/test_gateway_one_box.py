"""A site of one box: the gateway starts the registry as its child, and neither outlives the other's end by much."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from tests.gateway_plant import free_port, tags

BIN = Path(sys.executable).parent

pytestmark = pytest.mark.timeout(180)  # ten processes are started one after the other


def is_ready(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
        return True
    return False


def add_gateway(config: Path, credentials: Path) -> None:
    add = ["gateways", "add", "test", "--local", "--out", str(credentials), "-c", str(config)]
    subprocess.run([BIN / "sightpost-registry", *add], check=True, capture_output=True)


@contextlib.contextmanager
def running(config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with (config.parent / "log").open("a") as log:
        gateway = subprocess.Popen([BIN / "sightpost", "run", "-c", str(config)], stdout=log, stderr=log)
    try:
        yield gateway
    finally:
        gateway.kill()
        gateway.wait()


def family_of(gateway: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    family = psutil.Process(gateway.pid).children(recursive=True)
    assert len(family) >= 4, "the registry's parent, web, ingest and broker"
    return family


def left_of(family: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(family, 20)[1]


async def until(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.1)


async def test_a_gateway_with_its_registry_delivers_once_it_has_credentials_and_leaves_nobody_behind(tmp_path: Path) -> None:
    page, web, broker = free_port(), free_port(), free_port()
    line = EmulatedPty(tmp_path / "dock")
    (tmp_path / "registry.toml").write_text(f'data_dir = "registry"\n[web]\nport = {web}\n[broker]\nport = {broker}\n')
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[gateway]\nsite = "test"\ndata_dir = "data"\n[status]\nport = {page}\n'
        '[registry]\nrun = true\nconfig = "registry.toml"\n'
        f'[[readers]]\nname = "dock"\ndriver = "r2000"\nurl = {json.dumps(line.url)}\n'
        '[[zones]]\nname = "hall"\nkind = "desk"\nread_points = ["dock:1"]\n'
    )
    async with attached(R2000Emulator(tags(1, 5), boot_s=0.0), line):
        with running(config) as gateway:
            await until(lambda: is_ready(web), 40)
            await asyncio.to_thread(add_gateway, tmp_path / "registry.toml", tmp_path / "credentials.json")
            await until(lambda: is_ready(page), 20)  # events reach the registry
            family = family_of(gateway)
            gateway.terminate()
            assert await asyncio.to_thread(gateway.wait, 20) == 0
            assert await asyncio.to_thread(left_of, family) == []
        with running(config) as gateway:
            await until(lambda: is_ready(web) and is_ready(page), 40)
            family = family_of(gateway)
            gateway.kill()
            assert await asyncio.to_thread(left_of, family) == []
