"""Which settings hold: gateway.toml with what is set over it, kept on disk through every stop."""

import asyncio
import logging
from pathlib import Path

import msgspec

from gateway.orders.overlay import Held, Laid, Standing, lay_over
from gateway.settings import Settings
from host import private_files
from sync.wire import Outcome

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 1_000_000
STARTS_ON_TRIAL = 3  # a gateway that starts more often while a configuration is on trial does not live with it
CRASHING = "taken back: the gateway was started again and again with it"


class Settled:
    """One for a gateway. `notes` say to people what is set from afar and what of it does not fit."""

    def __init__(self, file: Settings) -> None:
        self.file = file
        self._path = file.gateway.data_dir / "set-from-afar.json"
        self.standing = _read(self._path)
        self._laid = lay_over(file, self.standing)

    def at_start(self) -> Settings:
        """Return what holds, once in the life of a process: a configuration on trial comes back when there were too many.

        Raises OSError."""
        if self.standing.before is not None:
            starts = self.standing.starts + 1
            changed = msgspec.structs.replace(self.standing, starts=starts)
            if starts > STARTS_ON_TRIAL:
                changed = taken_back(self.standing, CRASHING)
                log.error("configuration %d of the registry: %s", self.standing.configuration.number, CRASHING)
            self._keep(changed)
        for note in self.notes:
            log.warning("settings: %s", note)
        return self._laid.settings or self.file

    def with_standing(self, standing: Standing) -> Laid:
        """Return what would hold."""
        return lay_over(self.file, standing)

    async def change(self, standing: Standing) -> Settings:
        """Keep this; durable when it returns, with what holds then. Raises OSError."""
        await asyncio.to_thread(self._keep, standing)
        return self._laid.settings or self.file

    def reread(self, file: Settings) -> Laid:
        """Go on from this file; unless the two do not go together, and then nothing changes."""
        laid = lay_over(file, self.standing)
        if laid.settings is not None:
            self.file, self._laid = file, laid
        return laid

    @property
    def notes(self) -> tuple[str, ...]:
        standing = self.standing
        said = []
        if number := standing.configuration.number:
            trial = ", on trial until the registry is reached" if standing.before is not None else ""
            said.append(f"configuration {number} of the registry holds{trial}")
        said += [f"zone {name}: {_in_words(rules)} by order of the registry" for name, rules in standing.zones.items()]
        said += self._laid.misfits
        said += [f"nothing set from afar holds: {problem}" for problem in self._laid.problems]
        return tuple(said)

    def _keep(self, standing: Standing) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_files.write(self._path, msgspec.json.encode(standing))
        self.standing, self._laid = standing, lay_over(self.file, standing)


def taken_back(standing: Standing, why: str) -> Standing:
    """Return what stands when the configuration on trial goes."""
    return msgspec.structs.replace(
        standing, configuration=standing.before or Held(), before=None, starts=0, outcome=Outcome.TAKEN_BACK, text=why
    )


def _in_words(rules: dict[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in rules.items())


def _read(path: Path) -> Standing:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_FILE_BYTES), type=Standing)
    except FileNotFoundError:
        return Standing()
    except (OSError, msgspec.DecodeError, ValueError) as exc:
        log.error("%s cannot be read: %s; gateway.toml alone holds", path, exc)
        return Standing()
