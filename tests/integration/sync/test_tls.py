"""TLS to the broker against servers of our own making: who is believed, and what is said of the others."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.trust.authority import Authority
from sync.mqtt import BrokerUnavailable, Login, connect
from sync.tls import Tls, TlsUnusable, client_context
from tests.certificates import client, fresh_authority

OURS, OTHERS = fresh_authority(), fresh_authority()
MINE = client(OURS, "gate-1")
CONNACK = b"\x20\x02\x00\x00"


@contextlib.asynccontextmanager
async def server(
    folder: Path, authority: Authority = OURS, names: tuple[str, ...] = ("127.0.0.1",), *, days: int = 90, oldest: bool = False
) -> AsyncIterator[Login]:
    """Greets whoever shows a certificate of ours, then sends a message of 40 KB and stays silent."""
    certificate, key = authority.serve_as(names, now=datetime.now(UTC), days=days)
    (folder / "pair").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair")
    context.load_verify_locations(cadata=OURS.certificate_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    if oldest:
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            if await reader.read(1000):
                writer.write(CONNACK + b"\x30\xc4\xb8\x02\x00\x01t" + b"x" * 40_001)
                await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield Login("127.0.0.1", listening.sockets[0].getsockname()[1], "gate-1", "", MINE)
    await asyncio.sleep(0)


async def why_not(login: Login, tls: Tls = MINE) -> str:
    with pytest.raises(BrokerUnavailable) as caught:
        async with connect(Login(login.host, login.port, login.user, "", tls), "me"):
            pass
    assert "PRIVATE" not in str(caught.value)
    return str(caught.value)


async def test_a_message_larger_than_a_record_arrives_although_nothing_follows_it(tmp_path: Path) -> None:
    async with server(tmp_path) as login, connect(login, "me") as session:
        message = await asyncio.wait_for(anext(session.messages()), 5)
    assert (message.topic, len(message.payload)) == ("t", 40_001)


async def test_a_broker_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    async with server(tmp_path, OTHERS) as login:
        assert "not of the authority that we know" in await why_not(login)


async def test_a_broker_of_another_name_is_not_believed(tmp_path: Path) -> None:
    async with server(tmp_path, names=("registry.example.com", "192.0.2.7")) as login:
        assert "use a name that the certificate is for" in await why_not(login)


async def test_a_certificate_that_has_ended_is_not_believed(tmp_path: Path) -> None:
    async with server(tmp_path, days=0) as login:
        await asyncio.sleep(1)
        assert "check the clock of this machine" in await why_not(login)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_no_tls_older_than_1_2_is_spoken(tmp_path: Path) -> None:
    async with server(tmp_path, oldest=True) as login:
        said = await why_not(login)
    assert "no TLS with" in said or "reset by peer" in said, "as the server tells, or hangs up"


async def test_a_port_without_tls_is_not_spoken_to() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"gate-1" not in await reader.read(1000)
        writer.write(CONNACK)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        assert "is this the broker's TLS port?" in await why_not(Login("127.0.0.1", port, "gate-1", ""))
    await asyncio.sleep(0)


async def test_a_gateway_whose_certificate_is_not_taken_says_so(tmp_path: Path) -> None:
    async with server(tmp_path) as login:
        others = client(OTHERS, "gate-1")
        said = await why_not(login, Tls(OURS.certificate_pem, others.certificate, others.key))
        assert "does not take the certificate of gate-1" in said
        ended = client(OURS, "gate-1", now=datetime.now(UTC) - timedelta(days=100))
        assert "does not take the certificate of gate-1" in await why_not(login, ended)


def test_nothing_weaker_can_be_asked_for() -> None:
    context = client_context(MINE)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context(Tls(OURS.certificate_pem)).cert_store_stats()["x509"] == 1, "of all authorities ours alone"


@pytest.mark.parametrize("ca", ["", "pass word", "p\u00e4ss", MINE.certificate])
def test_what_is_no_authority_is_refused(ca: str) -> None:
    with pytest.raises(TlsUnusable, match="ca: not"):
        client_context(Tls(ca))
