"""Rows out of the pages of a SQLite file, without its tree: for what SQLite cannot read any more. Pure.

A leaf page of a table is `0D freeblock:u16 cells:u16 content:u16 fragments:u8`, then a u16 per cell: where it begins. A cell is
`payload length:varint, rowid:varint, payload`; what is too long goes on in overflow pages `next:u32, content`. A payload is a
header (its length, then a serial type per column, all varints) and the columns. Source: sqlite.org/fileformat2.html, 1.6 and 2.1.
The page size is the outbox's, with no reserved bytes.
"""

from collections.abc import Callable, Iterator

from sync.store import PAGE_BYTES

LEAF = 0x0D
MAX_COLUMNS = 32
MAX_PAYLOAD = 128 * 1024  # the largest record has 56 KiB of body

Value = int | float | bytes | str | None

_MOST_LOCAL = PAGE_BYTES - 35
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_INT_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def rows_of(page: bytes, overflow: Callable[[int], bytes], *, first: bool = False) -> Iterator[tuple[int, list[Value]]]:
    """Yield (rowid, columns) of every cell that makes sense, whatever the bytes. `overflow` returns a page by number, or b"".

    `first`: it is page 1, which begins with the header of the file. A column that is a float comes as None: we store none."""
    begin = 100 if first else 0
    if len(page) != PAGE_BYTES or page[begin] != LEAF:
        return
    cells = int.from_bytes(page[begin + 3 : begin + 5])
    for pointer in range(begin + 8, min(begin + 8 + 2 * cells, PAGE_BYTES - 1), 2):
        at = int.from_bytes(page[pointer : pointer + 2])
        try:
            length, at = _varint(page, at)
            rowid, at = _varint(page, at)
            yield rowid, _columns(_payload(page, at, length, overflow))
        except (IndexError, ValueError):
            continue


def _payload(page: bytes, at: int, length: int, overflow: Callable[[int], bytes]) -> bytes:
    """Raises ValueError."""
    if not 0 < length <= MAX_PAYLOAD:
        raise ValueError("no such length")
    if length <= _MOST_LOCAL:
        return page[at : at + length]
    local = _LEAST_LOCAL + (length - _LEAST_LOCAL) % (PAGE_BYTES - 4)
    local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    payload = page[at : at + local]
    following = int.from_bytes(page[at + local : at + local + 4])
    while len(payload) < length:
        more = overflow(following)
        if len(more) != PAGE_BYTES:
            raise ValueError("its overflow page is not there")
        following = int.from_bytes(more[:4])
        payload += more[4 : 4 + length - len(payload)]
    return payload


def _columns(payload: bytes) -> list[Value]:
    """Raises IndexError, ValueError."""
    header, at = _varint(payload, 0)
    if header > len(payload):
        raise ValueError("no such header")
    types = []
    while at < header:
        serial, at = _varint(payload, at)
        types.append(serial)
    if at != header or len(types) > MAX_COLUMNS:
        raise ValueError("no such header")
    columns: list[Value] = []
    for serial in types:
        value, at = _column(payload, at, serial)
        columns.append(value)
    if at != len(payload):
        raise ValueError("its columns are not as long as it")
    return columns


def _column(payload: bytes, at: int, serial: int) -> tuple[Value, int]:
    """Return the value and where the next one begins. Raises ValueError."""
    if serial in _INT_BYTES:
        end = at + _INT_BYTES[serial]
        return int.from_bytes(payload[at:end], signed=True), end
    if serial in (8, 9):
        return serial - 8, at
    if serial == 0:
        return None, at
    if serial == 7:
        return None, at + 8
    if serial < 12:
        raise ValueError("no such type")
    end = at + (serial - 12) // 2
    if end > len(payload):
        raise ValueError("it is longer than its cell")
    return (payload[at:end].decode() if serial % 2 else payload[at:end]), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a big-endian base-128 number of at most nine bytes, and where the next thing begins. Raises IndexError."""
    value = 0
    for count in range(9):
        byte = data[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    raise AssertionError("unreachable")
