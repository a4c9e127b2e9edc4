"""The leak check of conftest.py can fail: one test per kind of thing, each run in a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
LEAKS = {
    "descriptor": "import os\ndef test_it():\n    os.open('/etc/hostname', os.O_RDONLY)\n",
    "thread": "import threading, time\ndef test_it():\n    threading.Thread(target=time.sleep, args=(5,)).start()\n",
    "process": "import subprocess\nkept = []\ndef test_it():\n    kept.append(subprocess.Popen(['sleep', '5']))\n",
    "tasks": "import asyncio\nasync def test_it():\n    asyncio.get_running_loop().x = asyncio.create_task(asyncio.sleep(5))\n",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_fails_the_run(kind: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(LEAKS[kind])
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nmarkers = keeps\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django", "-p", "no:xdist", str(tmp_path)],
        capture_output=True, text=True, timeout=50, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 1, run.stdout
    assert kind in run.stdout
