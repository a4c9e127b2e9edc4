// The service worker of /scan/: keeps the page and what it loads, and answers with that when the registry cannot be reached.
// What the registry says always comes first; nothing under /api/ is kept here.
"use strict";

const CACHE = "sightpost-scan";
const PAGE = "/scan/";
const PATIENCE_MS = 3000;
const FRESH_MS = 60 * 60 * 1000;
const AWAY_MS = 10_000; // after a failure what is kept comes first for so long, so that a page waits once and not for each file
let awayUntil = 0;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The page says what it is made of, and then knows that it can be opened without a network.
self.addEventListener("message", (event) => {
  if (event.data?.keep) event.waitUntil(keep(event.data.keep, event.data.person).then(() => event.source.postMessage({ kept: true }), () => {}));
});

async function keep(addresses, person) {
  const cache = await caches.open(CACHE);
  if (await isKept(cache, addresses, person)) return;
  const page = await fetch(PAGE, { redirect: "manual", cache: "no-store" });
  if (!page.ok) return; // logged out meanwhile
  await cache.put(PAGE, page);
  await Promise.all(addresses.map(async (address) => {
    const answer = await fetch(address, { cache: "no-cache" });
    if (answer.ok) await cache.put(address, answer);
  }));
  const wanted = new Set([PAGE, ...addresses].map((address) => new URL(address, self.location).href));
  for (const old of await cache.keys()) if (!wanted.has(old.url)) await cache.delete(old);
}

/** Return whether all of it was kept for this person within the hour. */
async function isKept(cache, addresses, person) {
  const page = await cache.match(PAGE);
  const young = page && Date.now() - Date.parse(page.headers.get("Date")) < FRESH_MS;
  if (!young || !(await page.text()).includes(person)) return false;
  const found = await Promise.all(addresses.map((address) => cache.match(address)));
  return found.every(Boolean);
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  const isPage = event.request.mode === "navigate" && url.pathname === PAGE;
  if (isPage || url.pathname.startsWith("/static/")) event.respondWith(answered(event.request, isPage ? PAGE : event.request));
});

async function answered(request, key) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(key);
  if (!known) return fetch(request);
  if (Date.now() < awayUntil) return known;
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(null), PATIENCE_MS);
  });
  try {
    const answer = await Promise.race([fetch(request), late]);
    if (answer && answer.status < 500) return answer;
  } catch {
    // no network
  } finally {
    clearTimeout(timer);
  }
  awayUntil = Date.now() + AWAY_MS;
  return known;
}
