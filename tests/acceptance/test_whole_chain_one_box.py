"""A site of one box, begun in an empty folder: the gateway runs the registry, and one SIGTERM ends it all."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from tests.acceptance.site_under_test import GATEWAY, Registry, all_gone, descendants, open_page, running_site, standing, thing


@pytest.mark.timeout(120)
async def test_one_box_from_an_empty_folder_to_its_end(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    async with running_site(tmp_path, registry, one_box=True) as site:
        await asyncio.to_thread(registry.wait_ready)
        (child,) = psutil.Process(site.gateway.pid).children()
        assert ["up", "-c", str(registry.stage.registry_toml)] == child.cmdline()[-3:]
        assert "Not delivering, no registry credentials" in await site.page()

        site.desk.field = standing(thing(1501))
        add = ("gateways", "add", GATEWAY, "--local", "--out", registry.stage.credentials)
        await asyncio.to_thread(registry.command, *add)
        await site.delivered(at_least=1)

        everybody = descendants(site.gateway.pid)
        assert len(everybody) == 5, "up, web, ingest, work and broker"
        async with open_page(f"{site.address}/stream"):
            began = time.monotonic()
            site.gateway.terminate()
            assert await asyncio.wait_for(site.gateway.wait(), 10) == 0
            assert time.monotonic() - began < 5
        await all_gone(everybody)
