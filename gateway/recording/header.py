"""What stands first in a recording: the settings that decide events, and both clocks when it began. No secrets.

Of gateway.toml only the site's name, its company prefixes, readers, zones and doors are told; nothing of the registry, no path.
"""

import json
from typing import Any

from pydantic import ValidationError

from gateway.feed import without_login
from gateway.location.site import Instant
from gateway.recording.framing import NoRecording
from gateway.recording.records import MAX_MONO_NS, MAX_WALL_MS
from gateway.settings import Settings

VERSION = 1
_SECRET = ("pass", "login", "secret", "token", "key", "user", "credential", "auth")
"""An option with one of these in its name is left out; no codec needs it."""


def header(settings: Settings, start: Instant, software: str) -> bytes:
    """Return the header of a recording that begins at `start`."""
    told = settings.model_dump(mode="json", by_alias=True, exclude_unset=True, include={"readers", "zones", "doors"})
    for reader in told.get("readers", ()):
        reader["url"] = _without_secrets(reader["url"])
        reader["options"] = _told(reader.get("options", {}))
    told["gateway"] = {"site": settings.gateway.site, "company_prefixes": settings.gateway.company_prefixes}
    return json.dumps(
        {"v": VERSION, "software": software, "mono_ns": start.mono_ns, "wall_ms": start.wall_ms, "settings": told}
    ).encode()


def read_header(data: bytes) -> tuple[Settings, Instant, str]:
    """Return settings (with no path, port or registry of their own), the start and the software. Raises NoRecording."""
    try:
        told: dict[str, Any] = json.loads(data)
        if told["v"] != VERSION:
            raise NoRecording("it was recorded by a newer version of Sightpost; replay it with that one")
        start = Instant(int(told["mono_ns"]), int(told["wall_ms"]))
        if not (0 <= start.mono_ns < MAX_MONO_NS and 0 <= start.wall_ms < MAX_WALL_MS):
            raise NoRecording("its times make no sense")
        return Settings.model_validate(told["settings"]), start, str(told["software"])
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NoRecording(f"its settings are not those of this version: {where}: {first['msg']}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise NoRecording(f"its header makes no sense: {exc!r}") from None


def _without_secrets(url: str) -> str:
    """A camera's address may carry a key after the question mark too; a line's speed there changes no read."""
    return without_login(url).partition("#")[0].partition("?")[0]


def _told(value: Any) -> Any:
    """Return options without those that are named like a secret, however deep."""
    if isinstance(value, dict):
        return {name: _told(inner) for name, inner in value.items() if not any(word in name.lower() for word in _SECRET)}
    return [_told(inner) for inner in value] if isinstance(value, list) else value
