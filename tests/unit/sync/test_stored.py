"""What is sent of rows without decoding them is, byte for byte, what encoding their records gives."""

from hypothesis import given
from hypothesis import strategies as st

from sync.stored import LAST_MS, MAX_INT, as_json, as_record, fault
from sync.wire import Batch, Gap, encode, pack, pack_json

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
rows = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16),
        text,
        st.sampled_from([0, 1, 1_700_000_000_123, LAST_MS - 1]),
        st.sampled_from([0, MAX_INT]),
        text,
        st.sampled_from([b"{}", b'{"identity":"tag:1","raw":"\xc3\xa4%d"}', b' {"a" : 1}']),
    ),
    min_size=1,
    max_size=5,
)


@given(rows, st.booleans())
def test_rows_are_sent_as_their_records_would_be(stored: list[tuple[bytes, str, int, int, str, bytes]], late: bool) -> None:
    assert not any(fault(*one) for one in stored)
    numbered = [(seq, *one) for seq, one in enumerate(stored, start=7)]
    records = [as_record(*row) for row in numbered]
    assert as_json(numbered) == [encode(record) for record in records]
    gaps = [Gap(numbered[-1][0] + 1, 900, "trimmed")]
    sent = pack_json(as_json(numbered), gaps, "e" * 32, 7, 900, late=late)
    assert sent == encode(pack(records, gaps, "e" * 32, late=late))


def test_an_epoch_may_be_called_anything() -> None:
    odd = '"records":[]'
    assert pack_json([], [Gap(1, 2, "dead")], odd, 1, 2, late=False) == encode(Batch(odd, 1, 2, (), (Gap(1, 2, "dead"),)))
