"""thingsboard-gateway on the same way: text lines on a pty, its SQLite, MQTT at QoS 1. A part of flat_out.py.

We are its platform, too: without an answer to its question for limits it throttles itself. Statistics and remote configuration
are off, every reading is reported, logs say errors only: what makes it as fast as it goes. It runs in an environment of its own
and is configured by files, in the forms that its documentation gives.
"""

import json
import os
import subprocess
import threading
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psutil
from paho.mqtt.enums import CallbackAPIVersion

LINE = b"E2801160600002%010d,-55.5,1\n"
NO_LIMITS = {"maxPayloadSize": 65_536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
GREETED_WITHIN_S, SETTLES_S, ARRIVE_WITHIN_S = 60.0, 6.0, 90.0
TELEMETRY, QUESTIONS = "v1/gateway/telemetry", "v1/devices/me/rpc/request/+"


@dataclass(frozen=True, slots=True)
class Said:
    arrived: int  # readings; it makes one of those of one device in one millisecond
    took_s: float  # until the last reading arrived
    cpu_s: float


class Platform:
    """Answers what the peer asks, and counts what it tells."""

    def __init__(self, port: int, last: bytes) -> None:
        self.greeted, self.complete = threading.Event(), threading.Event()
        self.arrived = 0
        self.last_at_s = 0.0
        self._last = last
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "platform")
        self.client.on_message = self._hear
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([(TELEMETRY, 1), (QUESTIONS, 1)])
        self.client.loop_start()

    def _hear(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic == TELEMETRY:
            self.arrived += sum(len(readings) for readings in json.loads(message.payload).values())
            self.last_at_s = time.perf_counter()
            if self._last in message.payload:
                self.complete.set()
        else:
            client.publish(message.topic.replace("request", "response"), json.dumps(NO_LIMITS), qos=1)
            self.greeted.set()


def measured(folder: Path, port: int, python: Path, reads: int) -> Said:
    """Give it so many readings as fast as its line takes them."""
    master, slave = os.openpty()
    for end in (master, slave):
        tty.setraw(end)
    _configure(folder, port, os.ttyname(slave))
    platform = Platform(port, b"%010d" % (reads - 1))
    start = [os.path.abspath(python), "-c", "from thingsboard_gateway.tb_gateway import main; main()"]
    environment = {**os.environ, "TB_GW_CONFIG_DIR": str(folder), "PYTHONPATH": ""}
    with (folder / "peer.log").open("wb") as log:
        process = subprocess.Popen(start, cwd=folder, env=environment, stdout=log, stderr=log)
    saying = threading.Thread(target=_say, args=(master, reads), daemon=True)
    try:
        if not platform.greeted.wait(GREETED_WITHIN_S):
            raise SystemExit(f"the peer does not come up:\n{(folder / 'peer.log').read_text()[-2000:]}")
        time.sleep(SETTLES_S)
        peer = psutil.Process(process.pid)
        before, began = peer.cpu_times(), time.perf_counter()
        saying.start()
        if not platform.complete.wait(ARRIVE_WITHIN_S):
            raise SystemExit(f"the peer's last reading of {reads} did not arrive in {ARRIVE_WITHIN_S:.0f} s")
        after = peer.cpu_times()
        return Said(platform.arrived, platform.last_at_s - began, after.user + after.system - before.user - before.system)
    finally:
        process.kill()
        process.wait()
        platform.client.loop_stop()
        os.close(slave)
        os.close(master)


def _say(line: int, reads: int) -> None:
    for number in range(reads):
        os.write(line, LINE % number)


def _configure(folder: Path, port: int, line: str) -> None:
    quiet = {"level": "ERROR", "handlers": ["out"], "propagate": False}
    parts = ("database", "service", "connector", "converter", "tb_connection", "storage", "extension")
    logs = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"LogFormatter": {"format": "%(levelname)s %(name)s %(message)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "LogFormatter", "stream": "ext://sys.stdout"}},
        "loggers": dict.fromkeys(parts, quiet),
    }
    platform = {
        "host": "127.0.0.1",
        "port": port,
        "remoteShell": False,
        "remoteConfiguration": False,
        "statistics": {"enable": False, "statsSendPeriodInSeconds": 3600},
        "deviceFiltering": {"enable": False},
        "maxPayloadSizeBytes": 65_536,
        "minPackSendDelayMS": 50,
        "minPackSizeToSend": 500,
        "checkConnectorsConfigurationInSeconds": 3600,
        "handleDeviceRenaming": False,
        "security": {"type": "accessToken", "accessToken": "none"},
        "qos": 1,
        "reportStrategy": {"type": "ON_RECEIVED"},
    }
    store = {
        "type": "sqlite",
        "data_file_path": f"{folder / 'peer-data'}/",
        "messages_ttl_check_in_hours": 1,
        "messages_ttl_in_days": 7,
        "max_read_records_count": 1000,
        "writing_batch_size": 1000,
    }
    device = {
        "name": "reader",
        "type": "rfid",
        "port": line,
        "baudrate": 115_200,
        "delimiter": "\n",
        "converter": "SerialUplinkConverter",
        "downlink_converter": "SerialDownlinkConverter",
        "telemetry": [{"type": "string", "key": "epc", "untilDelimiter": ","}],
        "attributes": [],
    }
    reader = {"name": "lines", "id": "lines", "logLevel": "ERROR", "uplinkQueueSize": 500_000, "devices": [device]}
    connector = {"type": "serial", "name": "lines", "configuration": "lines.json", "class": "SerialConnector"}
    (folder / "peer-data").mkdir()
    (folder / "logs").mkdir()
    _write(folder / "logs.json", logs)
    _write(folder / "lines.json", reader)
    gateway = {"thingsboard": platform, "storage": store, "grpc": {"enabled": False}, "connectors": [connector]}
    _write(folder / "tb_gateway.json", gateway)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1))
