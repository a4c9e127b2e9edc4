"""Keys of one's own prefix and the EPCs to write: the standard's vectors, an independent decoder, the round trip a tag makes."""

import json
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import company, digital_link, epc, gs1, keys
from identity.keys import Level
from identity.resolve import resolve_barcode, resolve_epc, resolve_text

with warnings.catch_warnings(action="ignore"):  # its source has invalid escapes
    from epcpy.utils.parsers import hex_to_tag_encodable

VECTORS: list[tuple[str, str | None, str | None]] = json.loads(
    (Path(__file__).parents[2] / "data/epc_vectors.json").read_text(encoding="utf-8")
)
OURS = [(hex_text, urn, printed) for hex_text, urn, printed in VECTORS if urn and printed]
prefixes = st.text("0123456789", min_size=company.SHORTEST, max_size=company.LONGEST)


@pytest.mark.parametrize(("hex_text", "urn", "printed"), OURS)
def test_the_standards_own_keys_are_written_as_the_standard_writes_them(hex_text: str, urn: str, printed: str) -> None:
    found = epc.decode(bytes.fromhex(hex_text + "0" * (-len(hex_text) % 4)))
    key = gs1.key_of_printed(printed)
    written = company.to_write(key, [found.company_prefix, "999999"])
    assert (written.urn, written.filter) == (f"urn:epc:id:{urn}", 0)
    assert resolve_epc(epc.encode(written), 0x3000, frozenset([found.company_prefix])).key == key


@given(prefixes, st.data())
def test_a_giai_says_the_same_as_tag_barcode_link_and_typed(prefix: str, data: st.DataObject) -> None:
    key = company.giai(prefix, data.draw(st.integers(1, company.most_giais(prefix))))
    written = company.to_write(key, [prefix])
    assert written.scheme is epc.GIAI_96
    _says_the_same_everywhere(key, written)


@given(prefixes, st.data())
def test_a_grai_says_the_same_as_tag_barcode_link_and_typed(prefix: str, data: st.DataObject) -> None:
    asset_type = data.draw(st.integers(0, 10 ** (12 - len(prefix)) - 1))
    key = company.grai(prefix, asset_type, data.draw(st.integers(1, company.most_grais())))
    written = company.to_write(key, [prefix])
    assert written.scheme is epc.GRAI_96
    _says_the_same_everywhere(key, written)


def _says_the_same_everywhere(key: str, written: epc.Epc) -> None:
    raw = epc.encode(written)
    assert len(raw) == 12
    assert hex_to_tag_encodable(raw.hex()).epc_uri == written.urn  # somebody else's decoder
    for identity in (
        resolve_epc(raw),  # not even the site's list of prefixes is needed: a tag of ours is never printable text
        resolve_epc(raw + bytes(4), 0x4000),
        resolve_text(raw.hex()),
        resolve_text(written.urn),
        resolve_text(gs1.printed(key)),
        resolve_text(digital_link.address(key)),
        resolve_barcode("".join(ai + value for ai, value in gs1.elements(key)).encode(), "]d2"),
    ):
        assert (identity.key, identity.level) == (key, Level.ASSET)


@given(prefixes, st.text(sorted(keys.GS1_CHARACTERS), min_size=1, max_size=18))
def test_a_reference_of_any_text_fits_the_long_coding(prefix: str, reference: str) -> None:
    key = keys.join("8004", prefix + reference)
    raw = epc.encode(company.to_write(key, [prefix]))
    assert len(raw) in (12, 26)
    assert resolve_epc(raw, 0x3000, frozenset([prefix])).key == key


@pytest.mark.parametrize("digits", range(company.SHORTEST, company.LONGEST + 1))
def test_the_last_number_of_a_prefix_fits_96_bits_and_the_next_is_refused(digits: int) -> None:
    prefix = "4012345678901"[:digits]
    last = company.most_giais(prefix)
    assert epc.encode(company.to_write(company.giai(prefix, last), [prefix]))[0] == epc.GIAI_96.header
    assert company.to_write(keys.join("8004", f"{prefix}{last + 1}"), [prefix]).scheme is not epc.GIAI_96
    with pytest.raises(epc.DoesNotFit, match=f"1 to {last}"):
        company.giai(prefix, last + 1)
    types = 10 ** (12 - digits)
    with pytest.raises(epc.DoesNotFit, match="asset types"):
        company.grai(prefix, types, 1)
    with pytest.raises(epc.DoesNotFit, match="serial numbers"):
        company.grai(prefix, 0, company.most_grais() + 1)
    with pytest.raises(epc.DoesNotFit, match="1 to"):
        company.giai(prefix, 0)


def test_the_longest_of_ours_wins_and_a_foreign_key_is_refused() -> None:
    assert company.prefix_of("8004:40123451", ["401234", "4012345"]) == "4012345"
    assert company.prefix_of("tag:40123451", ["4012345"]) is None
    with pytest.raises(epc.DoesNotFit, match="does not begin with a company prefix of ours"):
        company.to_write("8004:06141415678", ["4012345"])


@pytest.mark.parametrize("text", ["", "12345", "1234567890123", "40123x5", "\uff14\uff10\uff11\uff12\uff13\uff14\uff15"])
def test_what_is_no_company_prefix(text: str) -> None:
    assert not company.is_prefix(text)
