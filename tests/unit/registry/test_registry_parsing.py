"""Whatever bytes come, parsing knows one error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.tracking import parsing
from sync.wire import Purpose, WireError, seal

KEY = b"k" * 32


class _Json(msgspec.Struct):
    """Any members at all, sealed as if a gateway had meant them."""

    v: object = 1
    epoch: object = "e"
    f: object = msgspec.field(default=1, name="from")
    to: object = 1
    records: object = ()
    gaps: object = ()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["seq", "event_id", "kind", "body"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.binary(max_size=300))
def test_random_bytes(payload: bytes) -> None:
    for parse in (parsing.events, parsing.hello, parsing.health):
        with pytest.raises(WireError):
            parse(payload, KEY)
    with pytest.raises(WireError):
        parsing.state(payload)


@given(values, values, values, values, values)
def test_sealed_nonsense(epoch: object, first: object, last: object, records: object, gaps: object) -> None:
    payload = seal(_Json(1, epoch, first, last, records, gaps), Purpose.EVENTS, KEY)
    try:
        told = parsing.events(payload, KEY)
    except WireError:
        return
    assert all(1 <= bad.seq < 2**63 for bad in told.bad)
