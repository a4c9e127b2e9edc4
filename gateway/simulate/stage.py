"""The demo's files: the settings of both ends and the assets to import. Everything in one folder that goes away afterwards."""

import csv
import json
import socket
from dataclasses import dataclass
from pathlib import Path

from gateway.simulate.world import Role, Thing

SITE = "demo"
SITE_PLACE = "Demo site"
ZONES = {  # zone: its kind and its place
    "yard": ("exit", "Yard"),
    "hall": ("storage", "Hall"),
    "store-room": ("storage", "Store room"),
}  # the belt is left for whoever looks at the live page, and so is one tag
UNREGISTERED = "SP-0021"
CATEGORIES = {Role.CROSSER: "Equipment", Role.PARKED: "Vehicles", Role.STORED: "Tools", Role.LABELLED: "IT"}


class StageError(Exception):
    """The demo cannot start or go on. The text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Ports:
    """0 takes any free one."""

    status: int = 8470
    registry: int = 8480
    broker: int = 8490


@dataclass(frozen=True, slots=True)
class Stage:
    folder: Path
    ports: Ports

    @property
    def gateway_toml(self) -> Path:
        return self.folder / "gateway.toml"

    @property
    def registry_toml(self) -> Path:
        return self.folder / "registry.toml"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    @property
    def assets_csv(self) -> Path:
        return self.folder / "assets.csv"

    @property
    def door_line(self) -> Path:
        return self.folder / "door-1"

    @property
    def store_line(self) -> Path:
        return self.folder / "store"

    @property
    def gateway_data(self) -> Path:
        return self.folder / "gateway"

    @property
    def registry_data(self) -> Path:
        return self.folder / "registry"

    @property
    def outbox(self) -> Path:
        return self.gateway_data / "outbox.db"

    @property
    def registry_database(self) -> Path:
        return self.registry_data / "registry.sqlite3"


def free_ports(wanted: Ports) -> Ports:
    """Return the ports to use. Raises StageError naming the one that is taken."""
    held: list[socket.socket] = []
    try:
        return Ports(
            *(
                _free(port, what, option, held)
                for port, what, option in (
                    (wanted.status, "the gateway's status page", "--status-port"),
                    (wanted.registry, "the registry", "--registry-port"),
                    (wanted.broker, "the broker", "--broker-port"),
                )
            )
        )
    finally:
        for sock in held:
            sock.close()


def set_up(stage: Stage, camera_url: str, things: list[Thing]) -> None:
    """Write the settings of gateway and registry and the assets to import."""
    stage.gateway_toml.write_text(_common_toml(stage) + _demo_toml(stage, camera_url))
    stage.registry_toml.write_text(_registry_toml(stage))
    with stage.assets_csv.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["asset_no", "name", "kind", "category", "home_location", "identifiers"])
        for thing in things:
            if thing.asset_no == UNREGISTERED:
                continue
            home = f"{SITE_PLACE}/{'Store room' if thing.role is Role.STORED else 'Hall'}"
            rows.writerow([thing.asset_no, thing.name, "physical", CATEGORIES[thing.role], home, thing.key])


def set_up_desk(stage: Stage) -> None:
    """Write the settings of a site that tells every read of one antenna: for kills and figures, where each must be followed."""
    stage.gateway_toml.write_text(_common_toml(stage) + _desk_toml(stage))
    stage.registry_toml.write_text(_registry_toml(stage))


def _registry_toml(stage: Stage) -> str:
    return f"""data_dir = {json.dumps(str(stage.registry_data))}

[web]
port = {stage.ports.registry}

[broker]
port = {stage.ports.broker}
"""


def _common_toml(stage: Stage) -> str:
    return f"""[gateway]
site = "{SITE}"
data_dir = {json.dumps(str(stage.gateway_data))}

[status]
port = {stage.ports.status}

[registry]
credentials = {json.dumps(str(stage.credentials))}
"""


def _desk_toml(stage: Stage) -> str:
    return f"""
[[readers]]
name = "desk"
driver = "r2000"
url = {json.dumps(str(stage.door_line))}
options = {{ antennas = [1] }}

[[zones]]
name = "desk"
kind = "desk"
read_points = ["desk:1"]
rules = {{ fold_s = 0, duplicate_s = 0 }}
"""


def _demo_toml(stage: Stage, camera_url: str) -> str:
    return f"""
[[readers]]
name = "door-1"
driver = "r2000"
url = {json.dumps(str(stage.door_line))}
options = {{ power_dbm = 30, antennas = [1, 2] }}

[[readers]]
name = "store"
driver = "m100"
url = {json.dumps(str(stage.store_line))}

[[readers]]
name = "belt-cam"
driver = "camera"
url = {json.dumps(camera_url)}

[[zones]]
name = "yard"
kind = "exit"

[[zones]]
name = "hall"
kind = "storage"

[[zones]]
name = "store-room"
kind = "storage"
read_points = ["store:1"]
rules = {{ lost_min_s = 2, lost_max_s = 4 }}

[[zones]]
name = "belt"
kind = "desk"
read_points = ["belt-cam:1"]

[[doors]]
name = "door-1"
outside = ["door-1:1"]
inside = ["door-1:2"]
from = "yard"
to = "hall"
"""


def _free(port: int, what: str, option: str, held: list[socket.socket]) -> int:
    sock = socket.socket()
    held.append(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError as exc:
        raise StageError(
            f"port {port} ({what}) is taken; stop what uses it, or choose another with {option} (0: any free one)"
        ) from exc
    return int(sock.getsockname()[1])
