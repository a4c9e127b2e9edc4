"""Who may ask the status page, and what every answer carries. The application in one process, no socket."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.status.guard import HEADERS, is_this_machine
from gateway.status.server import build_app
from tests import status_samples

PATHS = ("/", "/status.json", "/metrics", "/healthz", "/readyz", "/static/sightpost.css", "/nowhere")


@pytest.fixture
async def ask() -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(status_samples.well, asyncio.Event())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8470") as client:
        yield client


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8470", "127.3.2.1", "localhost", "LocalHost:9", "localhost.:9", "[::1]", "[::1]:8470"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8470",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.7",
        "[2001:db8::1]",
        "[",
        "0.0.0.0",
    ],
)
def test_names_of_others(host: str) -> None:
    assert not is_this_machine(host)


@pytest.mark.parametrize("path", PATHS)
async def test_another_name_gets_a_sentence_and_nothing_else(ask: httpx.AsyncClient, path: str) -> None:
    answer = await ask.get(path, headers={"Host": "evil.example:8470"})
    assert answer.status_code == 403
    assert "ssh -L 8470:127.0.0.1:8470" in answer.text
    assert "hamburg" not in answer.text


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_carries_the_headers(ask: httpx.AsyncClient, path: str) -> None:
    answer = await ask.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    expected = "private, max-age=31536000, immutable" if path.startswith("/static/") else "no-store"
    assert answer.headers["cache-control"] == expected
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


async def test_another_web_page_cannot_open_a_stream_but_may_link_here(ask: httpx.AsyncClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert (await ask.get("/stream", headers=foreign)).status_code == 403
    assert (await ask.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})).status_code == 200


@pytest.mark.parametrize("path", ["/", "/stream", "/metrics"])
async def test_it_only_reads(ask: httpx.AsyncClient, path: str) -> None:
    assert (await ask.post(path)).status_code == 405


async def test_a_wrong_address_says_where_the_page_is(ask: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/static/server.py", "/static/..%2fserver.py", "/static/"):
        answer = await ask.get(path)
        assert answer.status_code == 404
        assert answer.text.startswith("There is no")


async def test_the_files_are_those_the_page_asks_for(ask: httpx.AsyncClient) -> None:
    page = (await ask.get("/")).text
    for name, media in (("sightpost.css", "text/css"), ("live.js", "text/javascript"), ("mark.svg", "image/svg+xml")):
        address = next(part for part in page.split('"') if part.startswith(f"/static/{name}?v="))
        answer = await ask.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media)


async def test_the_snapshot_as_json_survives_labels_that_are_not_text() -> None:
    app = build_app(status_samples.hostile, asyncio.Event())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as ask:
        answer = await ask.get("/status.json")
    assert answer.headers["content-type"] == "application/json"
    status = json.loads(answer.text)
    assert status["light"] == "good"
    assert status["readers"][0]["state"] == "down"
    assert "\ud800" in status["tail"][0]["identity"]


async def test_health_and_readiness_are_kept_apart() -> None:
    stuck: list[str] = []
    app = build_app(status_samples.in_trouble, asyncio.Event(), stuck=lambda: stuck[0] if stuck else None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as ask:
        assert (await ask.get("/healthz")).text == "alive\n"
        ready = await ask.get("/readyz")
        assert (ready.status_code, ready.text) == (503, "broker: connection refused by 127.0.0.1:8490\n")
        stuck.append("the writer has made no progress for 31 s")
        health = await ask.get("/healthz")
        assert (health.status_code, health.text) == (503, "the writer has made no progress for 31 s\n")
    app = build_app(status_samples.well, asyncio.Event())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as ask:
        assert (await ask.get("/readyz")).text == "delivering\n"
