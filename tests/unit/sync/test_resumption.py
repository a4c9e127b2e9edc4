"""Which acks are worth a transaction when several have come."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from sync.resumption import worth_taking
from sync.wire import Ack, Rejected


def ack(through: int, **said: object) -> Ack:
    plain = Ack("e" * 32, through, UUID(int=through), 1000, datetime(2026, 7, 1, tzinfo=UTC))
    return msgspec.structs.replace(plain, **said)


def test_of_acks_that_only_count_the_newest_is_taken() -> None:
    assert worth_taking([ack(200), ack(400), ack(400, credit=5)]) == [ack(400, credit=5)]
    assert worth_taking([]) == []


def test_what_only_one_of_them_says_is_not_left_out() -> None:
    answer, refusal = ack(200, nonce="n"), ack(400, rejected=(Rejected(300, "poison", "no"),))
    held, foreign, older = ack(500, held="two machines"), ack(600, epoch="f" * 32), ack(550)
    acks = [answer, refusal, held, foreign, ack(700), older]
    assert worth_taking(acks) == acks
    assert worth_taking([ack(100), answer, ack(300), refusal]) == [answer, refusal]
