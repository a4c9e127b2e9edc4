"""The few requests the demo makes of its own two servers, both on loopback."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from gateway.simulate.stage import StageError

TIMEOUT_S = 10.0


async def get(url: str, token: str | None = None) -> Any:
    """Return the decoded JSON of a page. Raises OSError when it cannot be had."""
    return await asyncio.to_thread(_request, url, None, token)


async def post(url: str, body: object, token: str) -> Any:
    """Raises StageError with the server's own words when it says no."""
    try:
        return await asyncio.to_thread(_request, url, json.dumps(body).encode(), token)
    except urllib.error.HTTPError as exc:
        raise StageError(f"POST {url}: {exc.code} {exc.read(2000).decode(errors='replace')}") from exc


async def answers(url: str, within_s: float) -> bool:
    """Wait until `url` answers with success."""
    deadline = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline:
        try:
            await asyncio.to_thread(_request, url, None, None)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return True
    return False


def _request(url: str, body: bytes | None, token: str | None) -> Any:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"} if body else {})  # noqa: S310 - loopback
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
        text = answer.read()
    return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
