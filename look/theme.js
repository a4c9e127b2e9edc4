// Light, dark or as the system has it. Runs before the first paint; without it the page follows the system.
"use strict";
{
  const root = document.documentElement;
  const words = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
  const next = { auto: "light", light: "dark", dark: "auto" };
  let theme = "auto";
  try { theme = localStorage.getItem("theme") || "auto"; } catch { /* storage may be off: the switch then lasts for the page */ }
  const show = () => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.title = words[theme] || words.auto;
      button.setAttribute("aria-label", button.title);
      button.dataset.themeSwitch = theme;
    }
  };
  root.classList.add("js");
  show();
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    theme = next[theme] || "auto";
    try { localStorage.setItem("theme", theme); } catch { /* as above */ }
    show();
  });
}
