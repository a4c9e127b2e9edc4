"""The socket for enrolment and `sightpost enrol` against it: there only while a code is out, and bounded against anybody."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from gateway import enrolment as joining
from gateway.enrolment import CannotEnrol, NoAnswer, enrol
from registry.configuration import BrokerSection, EnrolmentSection
from registry.enrolment import listener, services
from registry.enrolment.models import Enrolment
from registry.trust import authority
from sync.credentials import read_credentials
from sync.enrolment import CA_PATH, MAX_ASK_BYTES, Code, read_code
from sync.tls import Tls, client_context, server_context
from tests.certificates import fresh_authority
from tests.mosquitto import free_port
from tests.registry_process import wait_for
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
HERE = "127.0.0.1"


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A listener as `serve` runs it, in a thread; returns its port."""
    port = free_port()
    configuration = settings.CONFIGURATION.model_copy(
        update={
            "broker": BrokerSection(host="0.0.0.0", names=["broker.example.com"]),
            "enrolment": EnrolmentSection(host=HERE, port=port),
        }
    )
    monkeypatch.setattr(settings, "CONFIGURATION", configuration)
    monkeypatch.setattr(services, "refresh", lambda configuration: None)
    monkeypatch.setattr(listener, "LOOK_EVERY_S", 0.02)
    with in_thread(listener.Listener(configuration).run):
        yield port


@contextmanager
def in_thread(run: Callable[[], Any]) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    task = loop.create_task(run())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
    assert task.cancelled(), task.exception()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HERE, port)) == 0


@pytest.fixture
def code(listening: int) -> Code:
    code = services.open_window(by=ROOT, gateway_id="hamburg").code
    wait_for(lambda: is_open(listening))
    return read_code(str(code))


def join(code: Code, to: Path, **more: Any) -> joining.Enrolled:
    return enrol(code, machine="m1", software="0.1.0", to=to, sleep=lambda seconds: None, **more)


def say(port: int, payload: bytes, within_s: float = 5.0) -> bytes:
    """What a stranger hears who says this."""
    context = client_context(Tls(authority.read_or_make(settings.DATA_DIR).certificate_pem))
    with (
        socket.create_connection((HERE, port), within_s) as plain,
        context.wrap_socket(plain, server_hostname=HERE) as stranger,
    ):
        heard = b""
        with suppress(ConnectionError, ssl.SSLError):  # they may hang up in the middle of what is too long
            stranger.sendall(payload)
        try:
            while some := stranger.recv(4096):
                heard += some
        except (ConnectionError, ssl.SSLError):
            pass
        return heard


def test_a_gateway_enrols_and_nobody_listens_before_or_after(listening: int, tmp_path: Path) -> None:
    assert not is_open(listening)
    code = services.open_window(by=ROOT, gateway_id="hamburg").code
    wait_for(lambda: is_open(listening))
    to = tmp_path / "state" / "credentials.json"
    joined = join(read_code(str(code)), to)
    one = Enrolment.objects.get()
    assert (one.machine, one.software, one.address) == ("m1", "0.1.0", HERE)
    assert (joined.fingerprint, joined.approved) == (one.fingerprint, False)
    kept = read_credentials(to)
    assert kept == joined.credentials
    assert (kept.gateway, kept.host, kept.port) == ("hamburg", "broker.example.com", 8883)
    assert to.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in to.parent.iterdir()] == ["credentials.json"]
    wait_for(lambda: not is_open(listening))
    with pytest.raises(NoAnswer, match="nobody listens"):
        join(read_code(str(code)), to)


def test_a_lost_answer_costs_nothing(code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services.open_window(by=ROOT, gateway_id="bremen")  # so that somebody goes on listening
    once = iter([True])
    exchange = joining._exchange

    def cut(code: Code, context: ssl.SSLContext, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        answer = exchange(code, context, method, path, body)
        if method == "POST" and next(once, False):
            raise NoAnswer("the line broke")
        return answer

    monkeypatch.setattr(joining, "_exchange", cut)
    assert join(code, tmp_path / "c.json").credentials.gateway == "hamburg"
    assert Enrolment.objects.count() == 1


def test_the_registry_says_why_not(code: Code, tmp_path: Path) -> None:
    services.open_window(by=ROOT, gateway_id="bremen")
    join(code, tmp_path / "c.json")
    with pytest.raises(CannotEnrol, match="the registry says: this code was used already"):
        join(code, tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


def test_where_nothing_can_be_written_the_code_stays_good(code: Code, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotEnrol, match="cannot be written to"):
        join(code, tmp_path / "file" / "c.json")
    assert not Enrolment.objects.exists()


@contextmanager
def impostor(ca_pem: str, certificate: str, key: str) -> Iterator[tuple[int, list[bytes]]]:
    """Somebody else's server; what it was told."""
    told: list[bytes] = []

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(ca_pem)}\r\n\r\n{ca_pem}".encode())
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, HERE, port, ssl=server_context(certificate, key))
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    port = free_port()
    with in_thread(run):
        wait_for(lambda: is_open(port))
        yield port, told


@pytest.mark.parametrize("shows_our_authority", [False, True])
def test_an_impostor_is_told_nothing(shows_our_authority: bool, tmp_path: Path) -> None:
    """Neither one with an authority of its own nor one that hands out the right certificate without its key."""
    ours, theirs = fresh_authority(), fresh_authority()
    certificate, key = theirs.serve_as([HERE], now=datetime.now(UTC))
    with impostor((ours if shows_our_authority else theirs).certificate_pem, certificate, key) as (port, told):
        code = Code(HERE, port, bytes.fromhex(ours.fingerprint)[:16], b"0123456789")
        why = "not proven by the registry's authority" if shows_our_authority else "not the registry that this code is from"
        with pytest.raises(CannotEnrol, match=why):
            join(code, tmp_path / "c.json")
    assert [one.split()[:2] for one in told] == [[b"GET", CA_PATH.encode()]]
    assert not (tmp_path / "c.json").exists()


def test_a_certificate_for_another_name_is_not_believed(tmp_path: Path) -> None:
    ours = fresh_authority()
    elsewhere = ours.serve_as(["other.example.com"], now=datetime.now(UTC))
    with impostor(ours.certificate_pem, *elsewhere) as (port, _), pytest.raises(CannotEnrol, match="not proven"):
        join(Code(HERE, port, bytes.fromhex(ours.fingerprint)[:16], b"0123456789"), tmp_path / "c.json")


def test_a_clock_that_was_never_set_is_named(tmp_path: Path) -> None:
    ours = fresh_authority()
    future = ours.serve_as([HERE], now=datetime(2040, 1, 1, tzinfo=UTC))
    with impostor(ours.certificate_pem, *future) as (port, _), pytest.raises(CannotEnrol, match="not valid yet; set the clock"):
        join(Code(HERE, port, bytes.fromhex(ours.fingerprint)[:16], b"0123456789"), tmp_path / "c.json")


@pytest.mark.parametrize(("host", "why"), [("no-such-host.invalid", "nobody here knows the name"), (HERE, "nobody listens at")])
def test_where_nobody_is_there_is_a_sentence(host: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(CannotEnrol, match=why):
        join(Code(host, free_port(), bytes(16), bytes(10)), tmp_path / "c.json")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /admin/ HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"PUT /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404),
        (b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00[", 400),
        (b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + b"x" * (MAX_ASK_BYTES + 1), 413),
        (b"POST /enrol HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n%s\r\n" % (b"x" * 0x1000) * 5, 413),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"\x16\x03\x01 rubbish\r\n\r\n", 400),
        (b"GET /ca HTTP/1.1\r\n\r\n", 400),  # without Host
    ],
)
def test_what_is_no_enrolment_is_refused_and_ended(said: bytes, status: int, code: Code) -> None:
    heard = say(code.port, said)
    assert heard.split()[1:2] == [str(status).encode()], heard
    if heard.partition(b"\r\n\r\n")[2]:
        assert json.loads(heard.partition(b"\r\n\r\n")[2])["refused"]


def test_slow_strangers_are_cut_off_and_take_nobodys_place(code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "ANSWER_WITHIN_S", 0.5)
    monkeypatch.setattr(listener, "HANDSHAKE_WITHIN_S", 0.5)
    slow = partial(socket.create_connection, (HERE, code.port), 5.0)
    mute = [slow() for _ in range(3 * listener.AT_ONCE_OF_ADDRESS)]  # they never begin to speak TLS
    try:
        for one in mute:
            assert one.recv(1) == b""
        assert say(code.port, b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", 5.0) == b""
    finally:
        for one in mute:
            one.close()
    assert join(code, tmp_path / "c.json")
