// Ticking rows of a list: one by one, a span with Shift, the whole page, or all that match. The form works without this too.
"use strict";
(() => {
  let last = null;
  const boxes = () => [...document.querySelectorAll("[data-select]")];

  const draw = () => {
    const bar = document.getElementById("selection");
    if (!bar) return;
    const all = boxes();
    const ticked = all.filter((box) => box.checked).length;
    const every = bar.querySelector("[data-all-matching]");
    for (const box of all) box.closest("tr").classList.toggle("selected", box.checked);
    const head = document.querySelector("[data-select-all]");
    if (head) {
      head.checked = ticked > 0 && ticked === all.length;
      head.indeterminate = ticked > 0 && ticked < all.length;
    }
    bar.hidden = ticked === 0;
    if (ticked === 0 && every) every.checked = false;
    bar.querySelector("[data-selected-count]").textContent = every?.checked ? "All that match" : `${ticked} selected`;
  };

  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("[data-select]");
    if (box) {
      const all = boxes();
      if (event.shiftKey && last && all.includes(last)) {
        const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
        for (const other of all.slice(from, to + 1)) other.checked = box.checked;
      }
      last = box;
    } else if (event.target.matches?.("[data-select-all]")) {
      for (const other of boxes()) other.checked = event.target.checked;
    } else if (event.target.closest?.("[data-select-none]")) {
      for (const other of boxes()) other.checked = false;
    } else if (!event.target.matches?.("[data-all-matching]")) {
      return;
    }
    draw();
  });
  document.addEventListener("htmx:afterSettle", draw);
  window.addEventListener("pageshow", draw);
  document.addEventListener("DOMContentLoaded", draw);
})();
