"""A real mosquitto on loopback, configured as `sightpost-registry broker` configures it. It dies with the test process."""

import ctypes
import signal
import socket
import subprocess
import time
from pathlib import Path

from sync.broker import INGEST_USER, BrokerUser, Network, Role, hash_password, make_password, reload_users, write_configuration
from sync.mqtt import Login

STARTS_WITHIN_S = 10.0
_PR_SET_PDEATHSIG = 1


class Mosquitto:
    def __init__(
        self,
        directory: Path,
        *,
        gateways: tuple[str, ...] = (),
        subscribers: tuple[str, ...] = (),
        network: Network | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.network = network
        self.passwords: dict[str, str] = {}
        self._users: list[BrokerUser] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.add_user(INGEST_USER, Role.INGEST)
        for name in gateways:
            self.add_user(name, Role.GATEWAY)
        for name in subscribers:
            self.add_user(name, Role.SUBSCRIBER)

    def add_user(self, name: str, role: Role) -> None:
        """Known to a running broker at once."""
        self.passwords[name] = make_password()
        self.add_known(name, role)

    def add_known(self, name: str, role: Role) -> None:
        """With the password it has already."""
        self._users.append(BrokerUser(name, role, hash_password(self.passwords[name])))
        self.rewrite()

    def rewrite(self) -> None:
        """Known to a running broker at once."""
        write_configuration(self.directory, self._users, self.port, network=self.network)
        reload_users(self.directory)

    def forget(self, name: str) -> None:
        self._users = [user for user in self._users if user.name != name]
        self.rewrite()

    def login(self, user: str) -> Login:
        return Login("127.0.0.1", self.port, user, self.passwords[user])

    def start(self) -> None:
        """Start, or start again with nothing remembered; return when it listens."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/mosquitto", "-c", str(self.directory / "mosquitto.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent,
            )  # fmt: skip
        deadline = time.monotonic() + STARTS_WITHIN_S
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError(f"mosquitto does not listen: {self.log()}")

    def kill(self) -> None:
        """As power loss does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
