// Keeps the page fresh from /stream: each message is {id: html} of the parts that changed, an empty one is a heartbeat.
// Only what differs is touched, so a selection, the pointer and the scroll position stay. New rows of the tail wait while somebody
// reads it. A hidden page lets its stream go. When messages stay away the page says since when.
"use strict";
{
  const QUIET_MS = 6000, RETRY_MS = 3000, HIDDEN_MS = 30000;
  const live = document.getElementById("live"), main = document.getElementById("main");
  const tail = document.getElementById("tail"), more = document.getElementById("more"), said = document.getElementById("said");
  let source = null, heard = Date.now(), stale = false, held = null, light = null, hiding = 0;

  const parse = (html) => { const box = document.createElement("template"); box.innerHTML = html; return box.content; };

  const patch = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName) { old.replaceWith(fresh.cloneNode(true)); return; }
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
    if (old.nodeName === "TIME" && old.dateTime === fresh.dateTime) return; // times.js has its text
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    patchChildren(old, fresh);
  };
  const patchChildren = (old, fresh) => {
    const wanted = [...fresh.childNodes];
    while (old.childNodes.length > wanted.length) old.lastChild.remove();
    wanted.forEach((node, i) => i < old.childNodes.length ? patch(old.childNodes[i], node) : old.append(node));
  };

  const reading = () => {
    const body = tail.querySelector("tbody"), selection = getSelection();
    if (!body || !body.rows.length) return false;
    return body.matches(":hover") || body.contains(document.activeElement)
      || (!selection.isCollapsed && body.contains(selection.anchorNode))
      || body.getBoundingClientRect().top < document.querySelector(".topbar").offsetHeight;
  };
  const patchTail = (fresh) => {
    const body = tail.querySelector("tbody"), wanted = fresh.querySelector("tbody");
    held = null;
    more.hidden = true;
    if (!body || !wanted) { patchChildren(tail, fresh); return; }
    const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
    const news = [...wanted.rows].filter((row) => !known.has(row.dataset.key)).length;
    if (news && reading()) {
      for (const row of wanted.rows) if (known.has(row.dataset.key)) patch(known.get(row.dataset.key), row);
      held = fresh;
      more.textContent = news >= 50 ? "Show newer" : `Show ${news} newer`;
      more.hidden = false;
      return;
    }
    const rows = [...wanted.rows].map((row) => {
      const old = known.get(row.dataset.key);
      if (!old) { if (news <= 5) row.classList.add("new"); return row; } // a flood does not flash
      row.className = old.className;
      patch(old, row);
      return old;
    });
    for (const old of known.values()) if (!rows.includes(old)) old.remove();
    rows.forEach((row, i) => { if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] || null); });
  };
  const showHeld = () => { if (held) { const fresh = held; patchTail(fresh); } };
  more.addEventListener("click", () => {
    if (!held) return;
    const fresh = held, top = document.getElementById("h-tail");
    document.activeElement.blur();
    getSelection().removeAllRanges();
    if (tail.getBoundingClientRect().top < 0) top.scrollIntoView();
    patchTail(fresh);
  });
  tail.addEventListener("pointerleave", () => setTimeout(() => { if (!reading()) showHeld(); }, 150));

  const show = (parts) => {
    for (const [id, html] of Object.entries(parts)) {
      const fresh = parse(html);
      if (id === "tail") patchTail(fresh); else patchChildren(document.getElementById(id), fresh);
    }
    window.sightpostTimes?.();
    const sentence = document.querySelector(".sentence");
    document.title = `${sentence.textContent} · ${document.querySelector(".site").textContent}`;
    if (light !== null && light !== sentence.className) said.textContent = sentence.textContent; // spoken when the state changes
    light = sentence.className;
  };

  const clock = (ms) => new Date(ms).toLocaleTimeString(undefined, { hourCycle: "h23" });
  const setLive = (why) => {
    stale = why !== null;
    live.classList.toggle("stale", stale);
    main.classList.toggle("is-stale", stale);
    live.textContent = stale ? `Stale since ${clock(heard)}` : "Live";
    live.title = why || "Updates by itself every second";
    if (stale) said.textContent = `${live.textContent}. ${why}`;
  };

  const connect = () => {
    source?.close();
    const mine = source = new EventSource("/stream");
    mine.onmessage = (event) => {
      heard = Date.now();
      if (stale || live.textContent !== "Live") setLive(null);
      show(JSON.parse(event.data));
    };
    mine.addEventListener("bye", () => { mine.close(); setLive("The gateway has stopped."); retry(); });
    mine.onerror = async () => {
      if (mine !== source) return;
      setLive("The gateway does not answer.");
      if (mine.readyState !== EventSource.CLOSED) return;
      retry(); // an answer that is no stream: the browser does not try again by itself
      const asking = new AbortController();
      try {
        const answer = await fetch("/stream", { signal: asking.signal });
        if (answer.status === 503) setLive(await answer.text()); // too many pages are open: it says so
        asking.abort();
      } catch { /* still gone */ }
    };
  };
  let retrying = 0;
  const retry = () => { clearTimeout(retrying); retrying = setTimeout(() => { if (!document.hidden) connect(); }, RETRY_MS); };

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (!document.hidden) { if (!source || source.readyState === EventSource.CLOSED) connect(); return; }
    hiding = setTimeout(() => { source?.close(); setLive("The page was hidden."); }, HIDDEN_MS);
  });
  setInterval(() => { if (!stale && source && Date.now() - heard > QUIET_MS) setLive("The gateway does not answer."); }, 1000);
  setInterval(() => { if (held && !reading()) showHeld(); }, 1000);
  connect();
}
