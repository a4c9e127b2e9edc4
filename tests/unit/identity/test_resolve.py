"""Anything at all becomes one identity: nothing raises, nothing is dropped, every key is bounded."""

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identity import epc, keys
from identity.keys import Level
from identity.resolve import (
    MAX_KEY_CHARS,
    MAX_RAW_BYTES,
    Identity,
    resolve_barcode,
    resolve_epc,
    resolve_text,
    second_reading,
    text_in_epc,
)

GIAI = bytes.fromhex("3474257BF40000000000162E")
GIAI_KEY = "8004:06141415678"


def test_tag_and_labels_of_one_asset_meet_in_one_key() -> None:
    ways = [
        resolve_epc(GIAI),
        resolve_epc(GIAI + b"\0\0", pc=0x3400),
        resolve_epc(epc.encode(epc.from_key(GIAI_KEY, 7, filter_value=5))),
        resolve_epc(epc.encode(epc.Epc(epc.GIAI_202, "0614141", "", "5678"))),
        resolve_barcode(b"800406141415678", "]C1"),
        resolve_barcode(b"800406141415678\x1d10LOT", "]d2"),
        resolve_barcode(b"]Q3800406141415678"),
        resolve_barcode(b"https://example.com/8004/06141415678", "]Q1"),
        resolve_barcode(b"(8004)06141415678", "]Q1"),
        resolve_text("3474257bf40000000000162e"),
        resolve_text(" urn:epc:id:giai:0614141.5678 "),
        resolve_text("URN:EPC:id:giai:0614141.5678"),
        resolve_text("urn:epc:tag:giai-96:3.0614141.5678"),
        resolve_text("(8004) 0614141 5678"),
        resolve_text("https://id.gs1.org/8004/06141415678"),
        resolve_text("]C1800406141415678"),
        resolve_text(GIAI_KEY),
    ]
    assert set(ways) == {Identity(GIAI_KEY, Level.ASSET)}


def test_the_toggle_bit_says_iso() -> None:
    assert resolve_epc(GIAI, pc=0x3000).key == GIAI_KEY
    assert resolve_epc(GIAI, pc=0x4400).key == GIAI_KEY
    iso = resolve_epc(GIAI, pc=0x31A2)
    assert iso.key == f"uii:{GIAI.hex().upper()}"
    assert iso.note is not None
    assert "A2" in iso.note


def test_text_in_the_epc_bank_is_not_taken_for_a_company() -> None:
    written = b"001435500801"
    assert epc.decode(written).urn == "urn:epc:id:sgtin:06449254.54484.206967418929"
    opaque = resolve_epc(written)
    assert opaque.key == "uii:303031343335353030383031"
    assert opaque.note is not None
    assert "'001435500801'" in opaque.note
    assert resolve_epc(written, prefixes=frozenset({"06449254"})).key == "01+21:50644925444843|206967418929"
    assert resolve_epc(b"ARNL000001\0\0").key == "uii:41524E4C3030303030310000"
    assert text_in_epc(b"ARNL000001\0\0") == "ARNL000001"
    assert text_in_epc(GIAI) is None


@pytest.mark.parametrize("raw", [b"", bytes(12), bytes.fromhex("E28011606000020000001234"), b"\x30", b"\xff" * 62, b"\xf7" * 5])
def test_a_tag_nobody_programmed_stays_an_opaque_identity(raw: bytes) -> None:
    found = resolve_epc(raw)
    assert found.key == f"uii:{raw.hex().upper()}"
    assert found.note


@pytest.mark.parametrize(
    ("payload", "symbology", "key"),
    [
        (b"800406141415678", "]C0", "tag:800406141415678"),  # looks like an element string, is none
        (b"800406141415678", "]A0", "tag:800406141415678"),
        (b"800406141415678", "]d1", "tag:800406141415678"),
        (b"800406141415678", None, "tag:800406141415678"),
        (b"0180614141123459216789", "]C1", "tag:0180614141123459216789"),
        (b"6291041500213", "]E0", "01:06291041500213"),
        (b"629104150021312", "]E3", "01:06291041500213"),
        (b"96385074", "]E4", "01:00000096385074"),
        (b"6291041500214", "]E0", "tag:6291041500214"),
        (b"  ARNL \t 000001\r\n", "]C0", "tag:ARNL 000001"),
        ("Cafe\u0301".encode(), "]Q1", "tag:Caf\u00e9"),
        (b"Caf\xe9", "]C0", "tag:Caf\u00e9"),
        (b"https://example.com/shop?id=7", "]Q1", "tag:https://example.com/shop?id=7"),
        (b"a\0b", "]d1", "uii:610062"),
        (b"", "]C0", "tag:"),
        (b"3474257BF40000000000162E", "]C0", "tag:3474257BF40000000000162E"),
        (b"tag:7", "]C0", "tag:tag:7"),
    ],
)
def test_the_symbology_decides_what_a_payload_may_mean(payload: bytes, symbology: str | None, key: str) -> None:
    assert resolve_barcode(payload, symbology).key == key


def test_a_wrong_check_digit_is_told() -> None:
    assert "label check digit" in (resolve_barcode(b"0180614141123459216789", "]C1").note or "")
    assert "label check digit" in (resolve_barcode(b"6291041500214", "]E0").note or "")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("uii:30ab", "uii:30AB"),
        ("tag: a  b ", "tag:a b"),
        ("01+21:80614141123458|6789", "01+21:80614141123458|6789"),
        ("01:80614141123459", "tag:01:80614141123459"),
        ("E28011606000020000001234", "uii:E28011606000020000001234"),
        ("ABCDEFABCDEFABCDEFABCD", "tag:ABCDEFABCDEFABCDEFABCD"),  # hex, but no EPC and no tag's length
        ("F90095201234567891235", "00:095201234567891235"),
        ("ARNL000001", "tag:ARNL000001"),
        ("(see note)", "tag:(see note)"),
        ("urn:epc:id:nope", "tag:urn:epc:id:nope"),
        ("\ud800", None),
    ],
)
def test_what_a_person_types(text: str, key: str | None) -> None:
    found = resolve_text(text)
    if key is not None:
        assert found.key == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("800406141415678", GIAI_KEY),
        ("0180614141123458216789", "01+21:80614141123458|6789"),
        ("6291041500213", "01:06291041500213"),
        ("3474257BF40000000000162E", GIAI_KEY),
        ("ARNL000001", None),
        ("6291041500214", None),
    ],
)
def test_plain_text_has_a_second_reading_or_none(text: str, key: str | None) -> None:
    found = second_reading(text)
    assert (found.key if found else None) == key


def check(found: Identity) -> None:
    kind, value = keys.split(found.key)
    assert len(found.key) <= MAX_KEY_CHARS
    assert found.level is keys.level(found.key)
    assert "\0" not in found.key
    assert f"{kind}:{value}".encode().decode() == found.key  # no lone surrogates: a database takes it
    assert resolve_text(found.key).key == found.key


@given(
    st.binary(max_size=70) | st.binary(min_size=MAX_RAW_BYTES - 2, max_size=MAX_RAW_BYTES + 2), st.none() | st.integers(0, 0xFFFF)
)
def test_any_bytes_of_a_tag_become_a_key(raw: bytes, pc: int | None) -> None:
    check(resolve_epc(raw, pc))


@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "surrogatepass")),
    st.none() | st.sampled_from(["]C0", "]C1", "]d2", "]Q3", "]E0", "]E4", "]e0", "]z9", "", "CODE128"]),
)
@example(b"x" * (MAX_RAW_BYTES + 1), "]Q1")
@example("\u00e9".encode() * MAX_RAW_BYTES, None)
@example(b"\xff\x00" * MAX_RAW_BYTES, None)
@example(b"a" * 118 + b"  " + b"b" * 200, "]C0")
def test_any_bytes_of_a_barcode_become_a_key(payload: bytes, symbology: str | None) -> None:
    check(resolve_barcode(payload, symbology))


@given(
    st.text(max_size=300) | st.sampled_from(sorted(keys.FORMS)).flatmap(lambda k: st.text(max_size=60).map(lambda t: f"{k}:{t}"))
)
@example("https://[")
@example("http://[::1]:x/8004/1")
@example("uii:" + "A" * 400)
def test_any_text_becomes_a_key(text: str) -> None:
    check(resolve_text(text))
    if (other := second_reading(text)) is not None:
        check(other)


@given(st.binary(min_size=MAX_KEY_CHARS, max_size=400), st.binary(min_size=MAX_KEY_CHARS, max_size=400))
def test_long_payloads_that_differ_have_keys_that_differ(one: bytes, other: bytes) -> None:
    assert (resolve_epc(one).key == resolve_epc(other).key) == (one == other)


def test_a_gateway_of_rfid_readers_does_not_load_the_tables_of_biip() -> None:
    code = """if True:
        import sys
        from identity.resolve import resolve_epc, resolve_text
        resolve_epc(bytes(12)), resolve_text("urn:epc:id:giai:0614141.5678")
        print("biip" in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
