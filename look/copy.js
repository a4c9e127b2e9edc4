// A click on <button class="code" data-copy="…"> puts the text of data-copy (or its own) on the clipboard and says so.
"use strict";
document.addEventListener("click", async (event) => {
  const code = event.target.closest(".code[data-copy]");
  if (!code) return;
  const text = code.dataset.copy || code.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // pages on plain http off loopback have no clipboard: select the text, so that Ctrl-C does it
    getSelection().selectAllChildren(code);
    return;
  }
  code.classList.add("copied");
  setTimeout(() => code.classList.remove("copied"), 1200);
});
