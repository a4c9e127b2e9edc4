// <time datetime="2025-03-14T13:03:22Z">13:03:22 UTC</time>: relative text, kept fresh; the exact time in the reader's zone on hover.
// data-format="clock" shows the local time of day, "moment" the local date with hours and minutes, "exact" with seconds and zone. With class "age" it also gets the age scale.
"use strict";
{
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 7 * DAY;
  const ages = ["age-minutes", "age-hours", "age-days", "age-weeks"];
  const span = (s) => {
    if (s < MINUTE) return `${Math.floor(s)} s`;
    if (s < HOUR) return `${Math.floor(s / MINUTE)} min`;
    if (s < 2 * DAY) return `${Math.floor(s / HOUR)} h`;
    return `${Math.floor(s / DAY)} days`;
  };
  const relative = (then, now) => {
    const s = (now - then) / 1000;
    if (Math.abs(s) >= 2 * WEEK) return day.format(then);
    return s >= 0 ? `${span(s)} ago` : s > -2 ? "0 s ago" : `in ${span(-s)}`; // clocks differ a little
  };
  const scale = (s) => ages[s < HOUR ? 0 : s < DAY ? 1 : s < WEEK ? 2 : 3];
  const show = (root = document) => {
    const now = Date.now();
    for (const node of root.querySelectorAll("time[datetime]")) {
      const then = new Date(node.dateTime);
      if (isNaN(then)) continue;
      const format = node.dataset.format;
      const text = format === "clock" ? clock.format(then) : format === "exact" ? exact.format(then) : format === "moment" ? moment.format(then) : relative(then, now);
      if (node.textContent !== text) node.textContent = text;
      if (!node.title) node.title = exact.format(then);
      if (node.classList.contains("age")) {
        const age = scale((now - then) / 1000);
        if (!node.classList.contains(age)) { node.classList.remove(...ages); node.classList.add(age); }
      }
    }
  };
  window.sightpostTimes = show;
  document.addEventListener("DOMContentLoaded", () => show());
  document.addEventListener("htmx:afterSwap", () => show());
  setInterval(show, 1000);
}
