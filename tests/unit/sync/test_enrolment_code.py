"""The one-time code: what is shown can be typed in again, and what is mistyped is noticed."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import enrolment
from sync.enrolment import Ask, Code, CodeUnusable, Given, make_code, read_code

CA = b"the certificate of an authority"
FINGERPRINT = hashlib.sha256(CA).hexdigest()
CODE = Code("registry.example.com", 8491, bytes(range(16)), bytes(range(16, 26)))
TEXT = str(CODE)

hosts = st.sampled_from(["registry.example.com", "10.0.0.7", "127.0.0.1", "::1", "fd00::12", "r"])
codes = st.builds(Code, hosts, st.integers(1, 65535), st.binary(min_size=16, max_size=16), st.binary(min_size=10, max_size=10))


def test_the_word_is_bech32m() -> None:
    """Against the test vectors of BIP 350: the checksum of each holds."""
    for valid in (
        "A1LQFN3A",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    ):
        readable, _, word = valid.lower().rpartition("1")
        digits = [enrolment._CHARS.index(char) for char in word]
        assert enrolment._polymod(enrolment._spread(readable) + digits) == enrolment._BECH32M


def test_a_code_looks_the_same_for_ever() -> None:
    assert TEXT == "registry.example.com:8491/qqqs-yqcy-q5rq-wzqf-pg9s-crgw-pugp-zysn-zs23-v9cc-ryzj-4zqp"


@given(codes)
def test_what_is_shown_is_understood(code: Code) -> None:
    assert read_code(str(code)) == code


def test_case_blanks_and_hyphens_do_not_matter() -> None:
    assert read_code(f"  {TEXT.upper().replace('-', ' ')}\n") == CODE
    assert read_code(TEXT.replace("-", "")) == CODE


@given(st.data())
def test_up_to_three_wrong_characters_are_noticed(data: st.DataObject) -> None:
    """In the address too."""
    text = list(TEXT.replace("-", ""))
    at = data.draw(
        st.lists(st.sampled_from([i for i, c in enumerate(text) if c not in "./:"]), min_size=1, max_size=3, unique=True)
    )
    for one in at:
        text[one] = data.draw(st.sampled_from([c for c in "qpzry9x8gf2tvdw0s3jn54khce6mua7l" if c != text[one]]))
    with pytest.raises(CodeUnusable):
        read_code("".join(text))


def test_two_characters_that_changed_places_are_noticed() -> None:
    text = TEXT.replace("-", "")
    for at in range(text.index("/") + 1, len(text) - 1):
        if text[at] != text[at + 1]:
            with pytest.raises(CodeUnusable, match="mistyped"):
                read_code(text[:at] + text[at + 1] + text[at] + text[at + 2 :])


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "no code"),
        ("hamburg", "no code"),
        ("https://registry.example.com:8491/qqqq", "no code"),
        ("registry.example.com/qqqq", "no code"),
        ("registry.example.com:99999/qqqq", "no code"),
        (TEXT[:-1], "incomplete"),
        (TEXT + "q", "incomplete"),
        (TEXT[:-1] + "1", "no '1' in codes"),
        ("x" * 500, "too many"),
    ],
)
def test_what_is_no_code_is_refused_with_a_sentence(typed: str, why: str) -> None:
    with pytest.raises(CodeUnusable, match=why):
        read_code(typed)


@given(st.text())
def test_whatever_is_typed_there_is_one_kind_of_error(text: str) -> None:
    for typed in (text, f"registry.example.com:8491/{text}", TEXT + text):
        try:
            read_code(typed)
        except CodeUnusable:
            continue


def test_each_code_is_a_new_one_and_believes_one_authority() -> None:
    one, other = make_code("Registry.Example.com", 8491, FINGERPRINT), make_code("registry.example.com", 8491, FINGERPRINT)
    assert one.secret != other.secret
    assert one.host == "registry.example.com"
    assert one.believes(CA)
    assert not one.believes(CA + b".")


@pytest.mark.parametrize("host", ["", "a b", "registry/", "käse"])
def test_an_address_nobody_can_go_to_makes_no_code(host: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        make_code(host, 8491, FINGERPRINT)


def test_secrets_are_in_no_repr() -> None:
    ask = Ask(secret="ab" * 10, csr="-", machine="m", software="s")
    given = Given(gateway="g", broker="b", ca="c", certificate="c", mac_key="KEY", approved=True)
    assert "abab" not in repr(ask)
    assert "KEY" not in repr(given)
    assert CODE.secret.hex() not in repr(CODE)
    assert repr(CODE.secret) not in repr(CODE)
