// The order of columns by buttons; what is chosen is a form like any other.
"use strict";
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  const item = button.closest("li");
  const by = Number(button.dataset.move);
  const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  by < 0 ? other.before(item) : other.after(item);
  button.focus();
});
