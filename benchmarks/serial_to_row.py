"""Events per second from the serial byte to the registry's row: every read told, all processes real, SQLite at both ends.

    python -m benchmarks.serial_to_row [--reads 40000] [--runs 3] [--json]

An R2000 emulator on a pty says `reads` tag frames as fast as 10,000 a second; a desk zone without fold or duplicate window makes
each an event. The rate is rows over the time from the first frame to the last row's commit; before it counts, every event of the
outbox must be a row.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate import http, verdict
from gateway.simulate.processes import command, running, stop
from gateway.simulate.stage import SITE, Ports, Stage, free_ports, set_up_desk

TAGS_A_ROUND, ROUND_S = 100, 0.01
TAGS = [bytes.fromhex("3474257bf4") + index.to_bytes(7) for index in range(1, TAGS_A_ROUND + 1)]


async def one_run(folder: Path, reads: int) -> dict[str, float]:
    stage = Stage(folder, free_ports(Ports(0, 0, 0)))
    set_up_desk(stage)
    await command("sightpost-registry", "migrate", "-c", stage.registry_toml)
    await command("sightpost-registry", "gateways", "add", SITE, "--local", "--out", stage.credentials, "-c", stage.registry_toml)
    left, began = 0, 0.0

    def tags(_antenna: int) -> list[TagInField]:
        nonlocal left, began
        if left <= 0:
            return []
        began = began or time.time()
        left -= TAGS_A_ROUND
        return [TagInField(epc, -50) for epc in TAGS]

    status = f"http://127.0.0.1:{stage.ports.status}/status.json"
    async with (
        attached(R2000Emulator(tags, ports=1, round_s=ROUND_S, boot_s=0.1), EmulatedPty(stage.door_line, baudrate=None)),
        running(folder / "registry.log", "sightpost-registry", "up", "-c", stage.registry_toml),
    ):
        await http.answers(f"http://127.0.0.1:{stage.ports.registry}/readyz", 60)
        async with running(folder / "gateway.log", "sightpost", "run", "-c", stage.gateway_toml) as gateway:
            await http.answers(f"http://127.0.0.1:{stage.ports.status}/readyz", 30)
            left = reads
            for _ in range(1200):
                await asyncio.sleep(0.1)
                now = await http.get(status)
                if left <= 0 and now["outbox"]["last"] >= 0.99 * reads and not now["outbox"]["waiting"]:
                    break
            counters = (await http.get(status))["counters"]
            await stop(gateway)
    told = verdict.told(stage.registry_database)
    events = sum(verdict.allocated(stage.outbox).values())
    if len(told) != events or verdict.lost(stage.outbox, stage.registry_database):
        raise SystemExit(f"{events} events became {len(told)} rows: no rate counts")
    last_row_s = max(event.event_s + event.latency_ms / 1000 for event in told)
    latencies = [event.latency_ms for event in told]
    return {
        "reads": reads,
        "refused": counters["reads_refused"],
        "rows": len(told),
        "rows_per_s": round(len(told) / (last_row_s - began)),
        "p50_ms": round(verdict.percentile(latencies, 0.5) or 0),
        "p99_ms": round(verdict.percentile(latencies, 0.99) or 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=40_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    runs = []
    for _ in range(wanted.runs):
        with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder:
            runs.append(asyncio.run(one_run(Path(folder), wanted.reads)))
        if not wanted.json:
            print("  ".join(f"{name} {value:,}" for name, value in runs[-1].items()))
    median = statistics.median(run["rows_per_s"] for run in runs)
    print(json.dumps({"rows_per_s": median, "runs": runs}) if wanted.json else f"median {median:,.0f} events/s from byte to row")


if __name__ == "__main__":
    main()
