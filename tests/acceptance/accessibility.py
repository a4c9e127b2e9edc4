"""What keeps people from using a page, found in the browser by what it computes (accessibility.js); no third-party code.

`faults(page)` returns sentences, none when all is well: names of controls, texts of pictures, contrast (WCAG 2.2 AA), ids, the
order of headings, sizes of targets. `unseen(page)`: controls whose focus cannot be seen. `keyboard_faults(page)` goes through the
page by Tab, `popover_faults(page)` opens and closes by keys what opens.
"""

from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

MOST_TABS = 150
_ASKED = Path(__file__).with_suffix(".js").read_text().strip()


def faults(page: Page, part: Literal["faults", "structure", "contrast"] = "faults") -> list[str]:
    """What is wrong with the page as it is drawn now, each in a sentence: all, or all but the contrast, or the contrast alone."""
    found: list[str] = page.evaluate(f"{_ASKED}.{part}()")
    return found


def keyboard_faults(page: Page) -> list[str]:
    """Tab reaches every control, in the order they stand, and shows where it is. Pages with more controls than MOST_TABS are
    gone through so far."""
    controls: list[str] = page.evaluate(f"{_ASKED}.controls()")
    page.evaluate("() => { document.activeElement?.blur(); window.getSelection()?.removeAllRanges(); document.body.focus(); }")
    reached: set[int] = set()
    unseen: list[str] = []
    parts = 5 * page.locator("input[type^=date], input[type=time]").count()  # Tab goes through day, month, year, calendar
    for _ in range(min(len(controls), MOST_TABS) + parts + 4):
        page.keyboard.press("Tab")
        at: list[Any] = page.evaluate(f"{_ASKED}.focused()")
        if at[0] is not None:
            reached.add(int(at[0]))
            if not at[1]:
                unseen.append(f"no sign of the focus: {controls[int(at[0])]}")
    missed = [controls[n] for n in range(min(len(controls), MOST_TABS)) if n not in reached]
    return [*unseen, *(f"Tab does not reach: {name}" for name in missed)]


def unseen(page: Page) -> list[str]:
    """Controls that cannot have the focus, or do not show that they have it."""
    page.keyboard.press("Tab")
    found: list[str] = page.evaluate(f"{_ASKED}.unseen()")
    return found


def popover_faults(page: Page) -> list[str]:
    """Every popover of the page, one of each kind: Enter opens it, nothing in it keeps people out, Escape closes it, and the
    focus is where it was."""
    wrong, known = [], set()
    for button in page.locator("button[popovertarget]:visible").all():
        target = str(button.get_attribute("popovertarget"))
        if (kind := target.partition("-0")[0]) in known:
            continue
        known.add(kind)
        popover = page.locator(f"[id='{target}']")
        button.focus()
        page.keyboard.press("Enter")
        if not popover.evaluate("e => e.matches(':popover-open')"):
            wrong.append(f"Enter does not open {target}")
            continue
        wrong += [f"with {target} open: {fault}" for fault in faults(page)]
        page.keyboard.press("Escape")
        if popover.evaluate("e => e.matches(':popover-open')"):
            wrong.append(f"Escape does not close {target}")
        elif not button.evaluate("e => e === document.activeElement"):
            wrong.append(f"the focus is not back after {target}")
    return wrong
