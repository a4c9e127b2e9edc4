"""Labels in single pictures, and which of them are believed."""

import cv2
import numpy as np
import pytest
from cv2.typing import MatLike

from drivers.camera import decode, labels
from drivers.camera.decode import Confirmation, Decoder, Effort, Label

BELT = labels.Belt(640, 480)
DOCK = Decoder()

KINDS = [
    ("code128", "ARNL000001", Label(b"ARNL000001", "]C0")),
    ("code128", "(01)80614141123458(21)6789", Label(b"0180614141123458216789", "]C1")),
    ("code128", "(8004)06141415678(10)LOT", Label(b"800406141415678\x1d10LOT", "]C1")),
    ("code39", "GN0MSX", Label(b"GN0MSX", "]A0")),  # six characters that are an Italian pharmacy code too
    ("ean13", "6291041500213", Label(b"6291041500213", "]E0")),
    ("itf14", "12345678901231", Label(b"12345678901231", "]I1")),
    ("qr", "https://id.gs1.org/8004/06141415678", Label(b"https://id.gs1.org/8004/06141415678", "]Q1")),
    ("qr", "(8004)06141415678", Label(b"800406141415678", "]Q3")),
    ("datamatrix", "ARNL000001", Label(b"ARNL000001", "]d1")),
    ("datamatrix", "(8004)06141415678", Label(b"800406141415678", "]d2")),
]


@pytest.mark.parametrize(("symbology", "content", "expected"), KINDS)
@pytest.mark.parametrize("tilt_deg", [0, 5, 90, 180])
def test_every_kind_of_label_is_read_as_it_is(symbology: str, content: str, expected: Label, tilt_deg: float) -> None:
    picture = BELT.picture(labels.label(content, symbology, module_px=2), tilt_deg=tilt_deg)
    assert DOCK.labels(picture, Effort.QUICK) == [expected]


@pytest.mark.parametrize("tilt_deg", [-45, -38, -30, -22, -15, 15, 22, 30, 38, 45, 60, 75, 120, 150])
def test_a_tilted_linear_label_needs_the_tilted_copies(tilt_deg: float) -> None:
    picture = BELT.picture(labels.label("ARNL000001", "code128", module_px=2), tilt_deg=tilt_deg)
    assert DOCK.labels(picture, Effort.TILTED) == [Label(b"ARNL000001", "]C0")]


def blurred_ean() -> MatLike:
    return labels.Belt(640, 480).picture(labels.label("6291041500213", "ean13", module_px=2), tilt_deg=4, blur_px=1.1)


def test_the_efforts_differ() -> None:
    tilted = BELT.picture(labels.label("ARNL000001", "code128", module_px=2), tilt_deg=30)
    assert DOCK.labels(tilted, Effort.QUICK) == []
    assert DOCK.labels(blurred_ean(), Effort.TILTED) == []
    assert DOCK.labels(blurred_ean(), Effort.ALL) == [Label(b"6291041500213", "]E0")]  # by zbar


def test_without_libzbar_the_rest_still_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DOCK.second_opinion
    monkeypatch.setattr(decode, "pyzbar", None)
    assert not DOCK.second_opinion
    assert DOCK.labels(blurred_ean(), Effort.ALL) == []
    sharp = BELT.picture(labels.label("6291041500213", "ean13", module_px=2))
    assert DOCK.labels(sharp, Effort.ALL) == [Label(b"6291041500213", "]E0")]


def test_zbar_is_not_asked_what_may_be_gs1() -> None:
    """It gives a GS1-128 as a plain Code 128, which would be another identity."""
    picture = BELT.picture(labels.label("(01)80614141123458(21)6789", "code128", module_px=2))
    assert DOCK.labels(picture, Effort.ALL) == [Label(b"0180614141123458216789", "]C1")]


def test_all_labels_in_view_are_found_the_tilted_one_too() -> None:
    picture = BELT.picture(labels.label("ARNL000001", "code128", module_px=2), at=(0.5, 0.2))
    other = BELT.picture(labels.label("ARNL000002", "code128", module_px=2), at=(0.5, 0.7), tilt_deg=30)
    picture[200:] = other[200:]
    assert set(DOCK.labels(picture, Effort.ALL)) == {Label(b"ARNL000001", "]C0"), Label(b"ARNL000002", "]C0")}


def no_codes() -> list[tuple[str, MatLike]]:
    rng = np.random.default_rng(5)
    stripes = np.repeat(rng.integers(0, 2, 160), 4)[None, :].repeat(480, 0) * 200 + 20
    checks = np.kron(rng.integers(0, 2, (48, 64)), np.ones((10, 10))) * 200 + 20
    lines = np.full((480, 640), 255, np.uint8)
    for row in range(20, 480, 22):
        cv2.putText(lines, "8004 06141415678 ARNL000001 |||", (10, row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0,), 2)
    pictures = [
        ("belt", BELT.picture()),
        ("black", np.zeros((480, 640), np.uint8)),
        ("noise", rng.integers(0, 256, (480, 640))),
        ("random stripes", stripes),
        ("random checks", checks),
        ("print", lines),
        ("ramp", np.linspace(0, 255, 640)[None, :].repeat(480, 0)),
        ("half a label", BELT.picture(labels.label("ARNL000001", "code128", module_px=2)[:, :150])),
        ("one point", np.zeros((1, 1))),
    ]
    return [(name, picture.astype(np.uint8)) for name, picture in pictures]


@pytest.mark.parametrize(("_name", "picture"), no_codes(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_picture_without_a_code_gives_nothing(_name: str, picture: MatLike) -> None:
    assert DOCK.labels(picture, Effort.ALL) == []


def test_an_itf_label_counts_with_fourteen_digits_and_their_check_digit_only() -> None:
    def read(content: str) -> list[Label]:
        return DOCK.labels(BELT.picture(labels.label(content, "itf14", module_px=2)), Effort.ALL)

    assert read("12345678901231")
    assert read("12345678901232") == []
    assert read("123457") == []  # its check digit fits, too


def test_a_code_39_of_three_characters_is_too_short_to_believe() -> None:
    def read(content: str) -> list[Label]:
        return DOCK.labels(BELT.picture(labels.label(content, "code39", module_px=2)), Effort.ALL)

    assert read("ABCD") == [Label(b"ABCD", "]A0")]
    assert read("ABC") == []


@pytest.mark.parametrize(("symbology", "content", "expected"), KINDS)
def test_only_what_is_on_the_list_is_read(symbology: str, content: str, expected: Label) -> None:
    picture = BELT.picture(labels.label(content, symbology, module_px=2))
    assert Decoder([symbology]).labels(picture, Effort.ALL) == [expected]
    others = {"code128", "code39", "ean13", "itf14", "qr", "datamatrix"} - {symbology}
    assert Decoder(others).labels(picture, Effort.ALL) == []


def test_the_label_writer_says_what_a_symbology_cannot_hold() -> None:
    with pytest.raises(ValueError, match="digits"):
        labels.label("ABC", "ean13")


A, B, EAN = Label(b"A", "]C0"), Label(b"B", "]C0"), Label(b"6291041500213", "]E0")


def told(confirmation: Confirmation, looks: list[list[Label]], every_s: float = 0.1) -> list[list[Label]]:
    return [confirmation.take(seen, number * every_s) for number, seen in enumerate(looks)]


def test_one_decode_is_not_believed_and_two_are() -> None:
    assert told(Confirmation(), [[A], [], [B], [A]]) == [[], [], [], [A]]


def test_an_ean_needs_one_look_more() -> None:
    assert told(Confirmation(), [[EAN], [EAN], [EAN]]) == [[], [], [EAN]]


def test_the_same_text_in_another_symbology_is_another_label() -> None:
    assert told(Confirmation(), [[A], [Label(b"A", "]C1")]]) == [[], []]


def test_two_decodes_far_apart_do_not_confirm_each_other() -> None:
    within = Confirmation.WITHIN_LOOKS
    assert told(Confirmation(), [[A], *[[]] * (within - 1), [A]])[-1] == [A]
    assert told(Confirmation(), [[A], *[[]] * within, [A]])[-1] == []


def test_a_label_that_stays_is_told_once_a_second() -> None:
    times = [number for number, labels_ in enumerate(told(Confirmation(repeat_s=1.0), [[A]] * 35)) if labels_]
    assert times == [1, 11, 21, 31]


def test_a_label_that_went_and_came_back_is_told_again() -> None:
    confirmation = Confirmation()
    assert told(confirmation, [[A], [A], *[[]] * 20])[1] == [A]
    assert [confirmation.take([A], 5.0), confirmation.take([A], 5.1)] == [[], [A]]


def test_what_it_remembers_is_bounded() -> None:
    confirmation = Confirmation()
    for number in range(1000):
        confirmation.take([Label(b"%d" % number, "]C0")], number)
    assert confirmation.remembered == Confirmation.MAX_LABELS
    assert confirmation.take([Label(b"999", "]C0")], 1000) == [Label(b"999", "]C0")]
