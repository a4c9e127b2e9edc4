// The service worker: asked to keep the page and all it is made of, so that it opens without a network.

/** Register it and tell it what to keep; `ready()` when the page can be opened without a network. */
export async function keepPage(person, ready) {
  if (!("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.register("/scan/sw.js", { scope: "/scan/" });
  navigator.serviceWorker.addEventListener("message", (event) => event.data?.kept && ready());
  await navigator.serviceWorker.ready;
  const used = performance.getEntriesByType("resource").map((entry) => entry.name.split("#")[0]);
  const named = [...document.querySelectorAll("script[src], link[rel=stylesheet], link[rel=icon]")].map((element) => element.src || element.href);
  const icons = [...document.querySelectorAll("use")].map((use) => new URL(use.getAttribute("href").split("#")[0], location).href);
  const keep = [...new Set([...used, ...named, ...icons])].filter((address) => address.startsWith(`${location.origin}/static/`));
  registration.active.postMessage({ keep, person });
}
