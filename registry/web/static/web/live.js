// Keeps the parts of a page that change up to date, without moving what is being read or touching what is being filled in.
//
// The server's stream says which parts have a new version; those parts are fetched as HTML and laid over what stands here, row by
// row by their data-key. A part that the pointer or the keyboard is in takes new figures at once, but new and gone rows wait
// behind a button until it is left.
"use strict";

(() => {
  const page = document.querySelector("[data-live]");
  if (!page) return;

  const known = {}; // part -> version shown
  for (const section of page.querySelectorAll("[data-part]")) known[section.dataset.part] = section.dataset.version;
  const wanted = {}; // part -> version announced
  const held = new Map(); // part -> section to show when the reader is done
  let fetching = false;
  let deeds = 0; // what the reader did here; what was fetched before it is old
  const STAYS_MS = 5000;

  const part = (name) => page.querySelector(`[data-part="${name}"]`);
  const isIn = (section) =>
    section.contains(document.activeElement) || section.matches(":hover") || section.querySelector("details[open][data-hold]") !== null;
  // What grows moves everything below it in its column.
  const isBusy = (section) => {
    const column = [...section.parentElement.children];
    return column.slice(column.indexOf(section)).some(isIn);
  };

  const sign = document.querySelector("[data-live-sign]");
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
  let heard = new Date();

  const connected = (is) => {
    if (is) heard = new Date();
    page.classList.toggle("is-stale", !is);
    sign.classList.toggle("stale", !is);
    sign.textContent = is ? "Live" : `As of ${clock.format(heard)}`;
  };

  // --- laying one tree over another -------------------------------------------------------------------------------------

  const keep = new Set(["open", "value", "checked", "aria-expanded"]); // the reader's own doing

  const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;

  const lay = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.matches?.("[data-hold]") && (old.contains(document.activeElement) || old.open)) return;
    for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value && !keep.has(name)) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !keep.has(name) && !name.startsWith("aria-")) old.removeAttribute(name);
    if (old.matches("input, select, textarea")) return;
    if (old.tagName === "TIME" && old.dateTime === fresh.dateTime) return; // times.js keeps its words
    layChildren(old, fresh);
  };

  // The answer to a click, in place of a row that is gone now: left for a moment, so that it can be read.
  const stays = (row) => row.dataset?.stays !== undefined && Date.now() < (row.until ??= Date.now() + STAYS_MS);

  const layChildren = (old, fresh) => {
    const byKey = new Map([...old.children].filter((child) => child.dataset.key).map((child) => [child.dataset.key, child]));
    let here = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      while (here && stays(here)) here = here.nextSibling;
      const match = child.dataset?.key ? byKey.get(child.dataset.key) : here && sameKind(here, child) ? here : null;
      if (match) {
        if (match !== here) old.insertBefore(match, here);
        lay(match, child);
        here = match.nextSibling;
      } else {
        const added = document.importNode(child, true);
        old.insertBefore(added, here);
        if (added.dataset?.key) added.classList.add("new");
      }
    }
    while (here) {
      const next = here.nextSibling;
      if (!stays(here)) here.remove();
      here = next;
    }
  };

  const keys = (section) => [...section.querySelectorAll("[data-key]")].map((row) => row.dataset.key);

  const show = (section, fresh) => {
    held.delete(section.dataset.part);
    lay(section, fresh);
    section.querySelector("[data-held]").hidden = true;
    window.htmx?.process(section);
    window.sightpostTimes?.(section);
  };

  const hold = (section, fresh, news) => {
    held.set(section.dataset.part, fresh);
    for (const row of fresh.querySelectorAll("[data-key]")) {
      const mine = section.querySelector(`[data-key="${CSS.escape(row.dataset.key)}"]`);
      if (mine) lay(mine, document.importNode(row, true));
    }
    const button = section.querySelector("[data-held]");
    button.hidden = false;
    button.textContent = news ? `Show ${news} new` : "Show changes";
  };

  const offer = (section, fresh) => {
    const before = keys(section);
    const after = keys(fresh);
    const same = before.length === after.length && before.every((key, at) => key === after[at]);
    if (same || !isBusy(section)) show(section, fresh);
    else hold(section, fresh, after.filter((key) => !before.includes(key)).length);
  };

  const release = () => {
    for (const [name, fresh] of [...held]) {
      const section = part(name);
      if (section && !isBusy(section)) show(section, fresh);
    }
  };

  document.addEventListener("pointermove", (event) => event.pointerType === "mouse" && held.size && release());
  document.addEventListener("focusout", () => held.size && setTimeout(release));
  page.addEventListener("click", (event) => {
    const section = event.target.closest("[data-held]")?.closest("[data-part]");
    if (section && held.has(section.dataset.part)) show(section, held.get(section.dataset.part));
  });

  // --- hearing and asking -------------------------------------------------------------------------------------------------

  const ask = async () => {
    if (fetching) return;
    const names = Object.keys(wanted).filter((name) => wanted[name] !== known[name] && part(name));
    if (!names.length) return;
    fetching = true;
    const before = deeds;
    const versions = Object.fromEntries(names.map((name) => [name, wanted[name]]));
    try {
      const address = new URL(page.dataset.liveParts, location.href); // with what the list is filtered by
      address.searchParams.set("parts", names.join(","));
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, redirect: "error" });
      if (answer.status === 401) return loggedOut();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (before === deeds) {
        for (const name of names) {
          const section = fresh.querySelector(`[data-part="${name}"]`);
          if (section && part(name)) offer(part(name), section);
        }
        Object.assign(known, versions);
      }
    } catch {
      connected(false);
      setTimeout(ask, 5000);
      return;
    } finally {
      fetching = false;
    }
    setTimeout(ask, 300); // what changed meanwhile, and never more than three questions a second
  };

  const loggedOut = () => {
    connected(false);
    const link = Object.assign(document.createElement("a"), { href: location.href, textContent: "Log in again" });
    sign.replaceChildren("Logged out. ", link);
  };

  const again = (section) => {
    const name = section.dataset.part;
    known[name] = "";
    wanted[name] ??= "-";
    ask();
  };
  document.addEventListener("htmx:afterSwap", (event) => {
    const section = event.target.closest?.("[data-part]");
    if (!section || event.detail.requestConfig?.verb === "get") return;
    deeds += 1;
    held.delete(section.dataset.part);
    section.querySelector("[data-held]").hidden = true;
    again(section);
    setTimeout(again, STAYS_MS + 200, section);
  });

  let stream;
  const listen = () => {
    stream = new EventSource(page.dataset.live);
    stream.addEventListener("changed", (event) => {
      connected(true);
      Object.assign(wanted, JSON.parse(event.data));
      ask();
    });
    stream.addEventListener("open", () => connected(true));
    stream.addEventListener("error", () => {
      connected(false);
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 10000); // refused: perhaps logged out, perhaps too many
    });
  };
  listen();
  window.addEventListener("pagehide", () => stream.close());
  window.addEventListener("pageshow", (event) => event.persisted && listen());
})();
