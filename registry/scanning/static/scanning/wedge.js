// Scanners that type. Their keys reach the code field wherever the focus is, unless somebody is writing in another field.

const WRITES = "input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=file]), textarea, select, [contenteditable]";

/** Call `take(text)` for each code that is typed or scanned into `field`, ended by Enter or Tab. */
export function listen(field, form, take) {
  const finish = () => {
    const text = field.value;
    field.value = "";
    if (text.trim()) take(text);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    finish();
    field.focus({ preventScroll: true });
  });

  window.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    const here = event.target === field;
    if (!here && event.target.closest?.(WRITES)) return;
    const separator = event.ctrlKey && !event.altKey && event.key === "]"; // how some scanners type the GS1 separator
    if (separator) {
      field.value += "\x1d";
    } else if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
      return;
    } else if (event.key === "Tab" && field.value && !event.shiftKey) {
      finish();
    } else if (event.key === "Enter" && field.value && !here) {
      finish();
    } else if (here || [...event.key].length !== 1 || (!field.value && "/? ".includes(event.key))) {
      return; // the browser's own work; "/" and "?" are keys of every page, and blank presses the button in focus
    } else {
      field.value += event.key;
    }
    field.focus({ preventScroll: true });
    event.preventDefault();
    event.stopPropagation();
  }, true);

  // A phone shows no keyboard over half of the page until somebody wants to type.
  if (matchMedia("(pointer: coarse)").matches) {
    field.inputMode = "none";
    field.addEventListener("pointerdown", () => (field.inputMode = "text"));
    field.addEventListener("blur", () => (field.inputMode = "none"));
  }
  field.focus({ preventScroll: true });
}
