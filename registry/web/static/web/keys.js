// Keys for people who work here all day: / search, j k rows, Enter open, g then a letter to go to a page, ? help.
"use strict";

(() => {
  const typing = (element) => element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName);
  let goingSince = 0;

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
    const field = document.querySelector("main input[type=search]") ?? document.querySelector("input[type=search]");
    field?.focus();
    field?.select();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    const going = event.timeStamp - goingSince < 1500;
    goingSince = 0;
    if (going && /^[a-z]$/.test(event.key)) {
      document.querySelector(`[data-go][data-key="${event.key}"]`)?.click();
    } else if (event.key === "g") {
      goingSince = event.timeStamp;
    } else if (event.key === "/") {
      search();
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
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
  });
})();
