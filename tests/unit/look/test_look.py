"""The shared look keeps its promises: readable in both themes, nothing from outside, and as its README says."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

LOOK = Path(__file__).parents[3] / "look"
CSS = (LOOK / "sightpost.css").read_text()
STATES = ("good", "waiting", "attention", "failed", "unknown")
GROUNDS = ("bg", "surface", "raised")
ASSETS = sorted(path for path in LOOK.iterdir() if path.suffix in {".css", ".js", ".svg"})


def token(name: str, theme: int) -> str:
    found = re.search(rf"--{name}: light-dark\((#[0-9a-f]{{6}}), (#[0-9a-f]{{6}})\)", CSS)
    assert found, name
    return found[theme + 1]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("ink", ["ink", "ink-2", "accent", *STATES])
def test_every_ink_is_readable_on_every_ground(ink: str, ground: str, theme: int) -> None:
    assert contrast(token(ink, theme), token(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"), [*((state, f"{state}-tint") for state in STATES), ("accent", "accent-tint"), ("accent-ink", "accent")]
)
def test_a_colour_is_readable_on_its_tint(ink: str, ground: str, theme: int) -> None:
    assert contrast(token(ink, theme), token(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_age_scale_fades_step_by_step(theme: int) -> None:
    ground = token("bg", theme)
    steps = [contrast(token(name, theme), ground) for name in ("accent", "age-hours", "age-days", "age-weeks")]
    assert steps == sorted(steps, reverse=True)


def test_every_state_has_a_shape_of_its_own() -> None:
    shapes = [re.search(rf"^\.{state} {{.*?--shape: (.*?) }}", CSS, re.MULTILINE) for state in STATES]
    assert len({shape[1] for shape in shapes if shape}) == len(STATES)


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_nothing_comes_from_outside(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "eval(" not in text


def test_the_braces_of_the_stylesheet_close() -> None:
    assert CSS.count("{") == CSS.count("}")
    assert len(CSS.encode()) < 32_000


def test_the_icons_are_those_the_readme_names() -> None:
    sprite = ET.parse(LOOK / "icons.svg").getroot()
    names = [symbol.attrib["id"] for symbol in sprite]
    named = re.search(r"^- Icons: (.*)\.$", (LOOK / "README.md").read_text(), re.MULTILINE)
    assert named
    assert sorted(names) == sorted(named[1].split())
    assert not list(sprite.iter("{http://www.w3.org/2000/svg}style")), "a strict CSP forbids it"


def test_the_classes_the_readme_shows_exist() -> None:
    known = set(re.findall(r"\.([a-z][a-z-]*)", CSS))
    shown = {name for value in re.findall(r'class="([a-z -]+)"', (LOOK / "README.md").read_text()) for name in value.split()}
    assert shown - known == set()


def test_the_classes_of_the_gateways_page_exist() -> None:
    gateway = LOOK.parent / "gateway/status"
    known = set(re.findall(r"\.([a-z][a-z-]*)", CSS + (gateway / "status.css").read_text()))
    templates = "".join(path.read_text() for path in (gateway / "templates").iterdir())
    used = {name for value in re.findall(r'class="([^"]*)"', templates) for name in re.sub(r"\{\{.*?\}\}", "", value).split()}
    assert used - known == set()
