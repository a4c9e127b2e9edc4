// Keys for people who work here all day: / search, j k rows, x select, Enter open, g then a letter to go to a page, Ctrl-K the
// palette, ? help.
"use strict";

(() => {
  const typing = (element) => element.isContentEditable || ["TEXTAREA", "SELECT"].includes(element.tagName) || (element.tagName === "INPUT" && !["checkbox", "radio", "button"].includes(element.type));
  let goingSince = -Infinity;

  const rows = () => [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent !== null);

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    (next.querySelector("[data-open]") ?? next.querySelector("a")).focus();
    next.scrollIntoView({ block: "nearest" });
  };

  const search = () => {
    const field = document.querySelector("main input[type=search]") ?? document.querySelector(".topbar input[type=search]");
    field?.focus();
    field?.select();
  };

  const palette = () => {
    const dialog = document.getElementById("palette");
    if (!dialog || dialog.open) return dialog?.close();
    const field = dialog.querySelector("input");
    field.value = "";
    dialog.showModal();
    field.focus();
    field.dispatchEvent(new Event("palette-opened"));
  };

  // In the palette the field keeps the focus; the arrows choose, Enter goes, Escape leaves.
  const inPalette = (event) => {
    const dialog = document.getElementById("palette");
    const all = [...dialog.querySelectorAll("#palette-found a")];
    const at = all.findIndex((link) => link.hasAttribute("aria-current"));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (all.length) {
        const next = all[(at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + all.length) % all.length];
        for (const link of all) link.removeAttribute("aria-current");
        next.setAttribute("aria-current", "true");
        next.scrollIntoView({ block: "nearest" });
      }
    } else if (event.key === "Enter" && event.target.tagName === "INPUT") {
      const chosen = all[Math.max(at, 0)];
      if (!chosen) return;
      chosen.click();
    } else if (event.key === "Escape") {
      dialog.close(); // by itself the browser would only empty the field
    } else {
      return;
    }
    event.preventDefault();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.getElementById("palette")?.open) return inPalette(event);
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    const going = event.timeStamp - goingSince < 1500;
    goingSince = -Infinity;
    if (going && /^[a-z]$/.test(event.key)) {
      document.querySelector(`[data-go][data-key="${event.key}"]`)?.click();
    } else if (event.key === "g") {
      goingSince = event.timeStamp;
    } else if (event.key === "/") {
      search();
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if (event.key === "x" || event.key === "X") {
      const box = document.activeElement?.closest("[data-row]")?.querySelector("[data-select]");
      if (!box) return;
      box.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: event.shiftKey }));
    } else if (event.key === "?") {
      const help = document.getElementById("keys-help");
      help.open ? help.close() : help.showModal();
    } else {
      return;
    }
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-help]")) document.getElementById("keys-help").showModal();
    if (event.target.closest("[data-palette]")) palette();
    if (event.target.id === "palette") event.target.close(); // beside it
  });
})();
