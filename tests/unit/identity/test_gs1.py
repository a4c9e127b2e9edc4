"""GS1 element strings and Digital Links: the guards that biip leaves to its caller."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import digital_link, gs1, keys
from identity.gs1 import NotGs1
from identity.keys import BadKey

GS = "\x1d"


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ("0180614141123458216789", "01+21:80614141123458|6789"),
        (f"0180614141123458216789{GS}10LOT2", "01+21:80614141123458|6789"),
        (f"10LOT2{GS}0180614141123458{GS}216789{GS}", "01+21:80614141123458|6789"),
        ("0180614141123458", "01:80614141123458"),
        ("018061414112345810LOT2", "01:80614141123458"),
        ("800406141415678", "8004:06141415678"),
        (f"{GS}800406141415678", "8004:06141415678"),
        ("8004abcABC", "8004:abcABC"),  # case is kept
        ("8003006141411234525678", "8003:006141411234525678"),
        ("800300614141123452", "8003:00614141123452"),
        ("00106141412345678908", "00:106141412345678908"),
        ("4140614141123452", "414:0614141123452"),
        ("41406141411234522545678", "414+254:0614141123452|5678"),
        ("41406141411234522540", "414:0614141123452"),  # extension 0 says: none
        ("018061414112345817260231216789", "01+21:80614141123458|6789"),  # there is no 31 February; the thing is still the thing
    ],
)
def test_a_message_gives_its_most_particular_key(message: str, key: str) -> None:
    assert gs1.key(message) == key


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("0180614141123459216789", "label check digit"),
        ("00106141412345678907", "label check digit"),
        ("4140614141123453", "label check digit"),
        ("8003006141411234535678", "label check digit"),  # biip knows no check digit of a GRAI
        (f"800406141415678{GS}0280614141123459", "label check digit"),  # whatever element it stands in
        ("8003061414112345256780", "label check digit"),  # the leading 0 forgotten
        ("8003806141411234525678", "Failed to match"),
        ("8004" + "A" * 31, "Failed|runs on"),
        ("8004" + "A" * 30 + "10LOT", "runs on"),
        ("8004", "Failed to match"),
        ("", "empty"),
        ("10LOT2", "no key"),
        ("8018061414112345678902", "no key"),
        ("8004caf\u00e9", "outside the GS1 set"),
        ("8004 1234", "outside the GS1 set"),
        ("01\u0668\u0660\u0666\u0661\u0664\u0661\u0664\u0661\u0661\u0662\u0663\u0664\u0665\u0668", "outside the GS1 set"),
        ("8004A" + (GS + "8004A") * 100, "too long"),
        (f"8004A{GS}8004B", "twice"),
        ("ABC", "Failed"),
    ],
)
def test_an_unsound_message_says_why(message: str, why: str) -> None:
    with pytest.raises(NotGs1, match=why):
        gs1.key(message)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("(01)80614141123458(21)6789", "01+21:80614141123458|6789"),
        ("(01) 8 0614141 12345 8 (21) 6789", "01+21:80614141123458|6789"),
        ("(8004)0614141AB(C", "8004:0614141AB(C"),
        ("(8004)A(10)LOT", "8004:A"),
    ],
)
def test_printed_text_is_read(text: str, key: str) -> None:
    assert gs1.key_of_printed(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "(01)8061414112345821ABC",  # not two elements because it has the digits of two
        "(01)80614141123459",
        "(8004)",
        "8004ABC",
        "x(8004)ABC",
        "(8004)ABC(10)",
        "(99999)ABC",
        "(8004)A(8004)B",
        "(8004)caf\u00e9",
        "(8004)" + "A" * 31,
        "(8004)A" * 100,
    ],
)
def test_bad_printed_text_is_refused(text: str) -> None:
    with pytest.raises(NotGs1):
        gs1.key_of_printed(text)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://id.gs1.org/01/80614141123458/21/6789", "01+21:80614141123458|6789"),
        ("http://tags.example.com/some/where/8004/0614141%2F5", "8004:0614141/5"),
        ("HTTPS://id.gs1.org/8004/06141415678?10=&linkType=x#top", "8004:06141415678"),
        ("https://id.gs1.org/01/614141123452", "01:00614141123452"),
        ("https://id.gs1.org/01/80614141123458?21=6789", "01:80614141123458"),
        ("https://id.gs1.org/414/0614141123452/254/0", "414:0614141123452"),
    ],
)
def test_a_digital_link_is_reduced_to_its_key(address: str, key: str) -> None:
    assert digital_link.is_address(address)
    assert digital_link.key(address) == key


@pytest.mark.parametrize(
    "address",
    [
        "https://id.gs1.org/gtin/80614141123458",
        "https://id.gs1.org/01/80614141123459/21/6789",
        "https://id.gs1.org/8003/06141411234525678",
        "https://example.com/",
        "https://example.com/8004/%00",
        "https://example.com/8004/%FF",
        "https://example.com/8004/caf\u00e9",
        "https://[/8004/1",
        "https://id.gs1.org/8004/1" + "?" + "a" * 2000,
    ],
)
def test_other_addresses_are_no_digital_link(address: str) -> None:
    with pytest.raises(NotGs1):
        digital_link.key(address)


GS1_KEYS = st.one_of(
    st.from_regex(keys.FORMS["8004"].pattern, fullmatch=True).map(lambda v: f"8004:{v}"),
    st.tuples(st.text("0123456789", min_size=12, max_size=12), st.from_regex(keys.FORMS["8004"].pattern, fullmatch=True)).map(
        lambda v: f"8003:0{v[0]}{keys.check_digit(v[0])}{v[1][:16]}"
    ),
    st.tuples(st.text("0123456789", min_size=13, max_size=13), st.from_regex(keys.FORMS["8004"].pattern, fullmatch=True)).map(
        lambda v: f"01+21:{v[0]}{keys.check_digit(v[0])}|{v[1][:20]}"
    ),
    st.text("0123456789", min_size=17, max_size=17).map(lambda v: f"00:{v}{keys.check_digit(v)}"),
)


@given(GS1_KEYS)
def test_a_key_survives_the_label_and_the_address(key: str) -> None:
    message = gs1.SEPARATOR.join(ai + value for ai, value in gs1.elements(key))
    assert gs1.key(message) == key
    assert digital_link.key(digital_link.address(key)) == key


@given(st.text(max_size=40))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    for parse in (gs1.key, gs1.key_of_printed, digital_link.key):
        with contextlib.suppress(NotGs1):
            assert keys.split(parse(text))


def test_what_is_not_gs1_has_no_label() -> None:
    for key in ("tag:x", "uii:00", "gid:1.2.3", "nonsense"):
        with pytest.raises(BadKey):
            gs1.printed(key)
        with pytest.raises(BadKey):
            digital_link.address(key)


@pytest.mark.parametrize(
    ("key", "level"),
    [
        ("8004:1", "asset"),
        ("8003:006141411234525678", "asset"),
        ("8003:00614141123452", "class"),
        ("01:80614141123458", "class"),
        ("01+21:80614141123458|0", "asset"),
        ("00:106141412345678908", "load"),
        ("414:0614141123452", "place"),
        ("414+254:0614141123452|1", "place"),
        ("gid:1.2.3", "asset"),
        ("tid:E2801160", "asset"),
        ("uii:00", "asset"),
        ("tag:x", "asset"),
    ],
)
def test_the_level_of_every_kind_of_key(key: str, level: str) -> None:
    keys.split(key)
    assert keys.level(key) == level


def test_the_levels_above_cover_every_form() -> None:
    assert set(keys.FORMS) == {"8004", "8003", "01", "01+21", "00", "414", "414+254", "gid", "tid", "uii", "tag"}


@pytest.mark.parametrize(
    "bad",
    [
        "8004:",
        "8004:a b",
        "01:80614141123459",
        "01+21:80614141123458",
        "414+254:0614141123452|0",
        "gid:01.2.3",
        "uii:abc",
        "tid:",
        "x:1",
        "8004",
    ],
)
def test_a_bad_key_is_refused(bad: str) -> None:
    with pytest.raises(BadKey):
        keys.split(bad)


def test_check_digits_of_the_general_specifications() -> None:
    assert keys.check_digit("629104150021") == "3"
    assert keys.check_digit("37610425002123456") == "9"
    assert not keys.check_digit_fits("6291041500214")
    assert not keys.check_digit_fits("")
    assert not keys.check_digit_fits("\u0660\u0660")
