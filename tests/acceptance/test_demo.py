"""The main job as a newcomer sees it: `sightpost demo` ends by itself, tells the truth, and leaves nothing behind."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SIGHTPOST = Path(sys.executable).with_name("sightpost")
FREE_PORTS = ("--status-port", "0", "--registry-port", "0", "--broker-port", "0")


def left_behind() -> list[str]:
    """Processes of a demo that are still there: every one of them names the demo's folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any("sightpost-demo-" in word for word in words):
            found.append(" ".join(words))
    return found


@pytest.mark.timeout(200)
def test_twenty_seconds_of_the_demo_are_told_as_they_happened() -> None:
    run = subprocess.run(
        [SIGHTPOST, "demo", "--seconds", "20", "--json", *FREE_PORTS], capture_output=True, text=True, timeout=180
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["lost"] == 0
    assert result["duplicates"] == 0
    assert result["stored"] == result["events"]
    doors = result["doors"]
    assert doors["truth"] >= 20
    assert doors["correct"] == doors["told"] == doors["truth"]
    assert result["parked_passed"] == 0
    assert result["camera"] == {"shown": 10, "read": 10}
    assert 0 < result["p50_ms"] <= result["p99_ms"] < 2000
    assert result["reads"] >= result["sightings"] >= result["events"] > 0
    assert left_behind() == []


@pytest.mark.timeout(120)
def test_ctrl_c_ends_it_cleanly() -> None:
    demo = subprocess.Popen([SIGHTPOST, "demo", *FREE_PORTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stderr is not None
    said = []
    while "Ctrl-C" not in (line := demo.stderr.readline()):
        said.append(line)
        assert line, "".join(said)
    assert any("http://127.0.0.1:" in line for line in said)
    time.sleep(2)
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=40)
    assert demo.returncode == 0, err
    assert "0 lost, 0 doubled" in out
    assert left_behind() == []


def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = subprocess.run(
            [SIGHTPOST, "demo", *FREE_PORTS, "--registry-port", str(port)], capture_output=True, text=True, timeout=30
        )
    assert run.returncode == 1
    assert run.stderr.strip() == (
        f"sightpost demo: port {port} (the registry) is taken; stop what uses it, or choose another with --registry-port "
        "(0: any free one)"
    )
