// Small things of every page: times inside drawings, a word when the server cannot be reached, one claim box open at a time.
"use strict";
{
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

  const ticks = () => {
    for (const text of document.querySelectorAll("text[data-time]")) {
      const at = new Date(text.dataset.time);
      text.textContent = ("date" in text.dataset ? day : clock).format(at);
    }
  };
  document.addEventListener("DOMContentLoaded", ticks);
  document.addEventListener("htmx:afterSwap", ticks);

  const say = (words) => {
    let notice = document.getElementById("page-notice");
    if (!notice) {
      notice = document.createElement("p");
      notice.id = "page-notice";
      notice.className = "notice attention";
      notice.setAttribute("role", "alert");
      notice.append(Object.assign(document.createElement("span"), { className: "chip attention" }));
      document.getElementById("main").prepend(notice);
    }
    notice.hidden = !words;
    notice.firstChild.textContent = words;
  };
  document.addEventListener("htmx:sendError", () => say("The registry cannot be reached. Nothing typed is lost; try again."));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status !== 401) say(`The registry could not do that (status ${event.detail.xhr.status}). Nothing typed is lost.`);
  });
  document.addEventListener("htmx:afterOnLoad", (event) => event.detail.successful && document.getElementById("page-notice") && say(""));

  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.claim") || !event.target.open) return;
    for (const other of document.querySelectorAll("details.claim[open]")) if (other !== event.target) other.open = false;
  }, true);
  document.addEventListener("htmx:afterSettle", (event) => event.target.matches?.(".claim-box") && event.target.querySelector("input[type=search]")?.focus());
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.claim[open]")) if (!open.contains(event.target)) open.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.claim[open]")) { open.open = false; open.querySelector("summary").focus(); }
  });
}
