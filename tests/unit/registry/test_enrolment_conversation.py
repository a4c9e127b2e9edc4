"""What anybody may say to the socket for enrolment: one answer at most, whatever it is."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment.conversation import Answer, Request, converse
from sync.enrolment import MAX_ASK_BYTES


class Wire:
    """A writer that keeps what is written."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    async def drain(self) -> None:
        return


def hear(said: bytes, pieces: int = 1) -> tuple[list[Request], bytes]:
    """Say it in so many pieces and hang up; return what was understood and what came back."""
    understood: list[Request] = []

    async def answer(request: Request) -> Answer:
        understood.append(request)
        return Answer(200, b"{}")

    async def talk() -> bytes:
        reader, wire = asyncio.StreamReader(), Wire()
        step = max(1, len(said) // pieces)
        for at in range(0, len(said), step):
            reader.feed_data(said[at : at + step])
        reader.feed_eof()
        await converse(reader, wire, answer)  # type: ignore[arg-type]
        return wire.said

    return understood, asyncio.run(talk())


lines = st.sampled_from(
    [
        b"POST /enrol HTTP/1.1\r\n", b"GET /ca HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 2\r\n",
        b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"\r\n", b"2\r\n{}\r\n", b"0\r\n\r\n", b"{}",
        b"ffffffffffffffff\r\n",
    ]
)  # fmt: skip


@given(st.lists(lines | st.binary(max_size=30), max_size=12).map(b"".join), st.integers(1, 40))
def test_whatever_is_said_there_is_one_answer_at_most(said: bytes, pieces: int) -> None:
    understood, heard = hear(said, pieces)
    assert len(understood) <= 1
    assert heard.count(b"HTTP/1.1 ") - heard.count(b"HTTP/1.1 100") <= 1


def test_a_request_is_understood_in_any_pieces() -> None:
    said = b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    for pieces in (1, 7, len(said)):
        understood, heard = hear(said, pieces)
        assert understood == [Request("POST", "/enrol", b"{}")]
        assert heard.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in heard.lower()


def test_what_is_too_large_is_not_kept() -> None:
    most = b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    assert hear(most % MAX_ASK_BYTES + b"x" * MAX_ASK_BYTES)[0]
    understood, heard = hear(most % (MAX_ASK_BYTES + 1) + b"x" * (MAX_ASK_BYTES + 1))
    assert understood == []
    assert heard.startswith(b"HTTP/1.1 413 ")
