// The register of codes on this device: the assets and places of the person's scope, so that a scan is told without a network.

import { folded, forms, gln, stored } from "./codes.js";
import { kept } from "./store.js";

const MOST_PAGES = 20; // of 1,000 assets each

export class LoggedOut extends Error {}
export class SomebodyElse extends Error {}

export class Register {
  constructor(person) {
    this.person = person;
    this.whole = false; // every code of the scope is here
    this.at = 0; // when it was last compared with the registry
    this.assets = new Map(); // form of a code -> asset
    this.places = new Map(); // id -> place
    this.count = 0;
  }

  /** Take what the device has. What is another person's is deleted. */
  async load() {
    const state = await kept.get("state");
    if (state && state.person !== this.person) return kept.clear();
    if (!state) return undefined;
    this.#fill(await kept.all(), state);
    return undefined;
  }

  /** Ask the registry for what changed. Throws LoggedOut, SomebodyElse, and whatever fetch throws without a network. */
  async refresh() {
    const had = new Map((await kept.all()).map((one) => [one.id, one]));
    const pages = [...(await this.#pages("places", had)), ...(await this.#pages("assets", had))];
    const state = { id: "state", person: this.person, at: Date.now(), whole: pages.every((page) => !page.cut) };
    const now = new Set(pages.map((page) => page.id));
    await kept.forget([...had.keys()].filter((id) => id !== "state" && !now.has(id)));
    await kept.put(state);
    this.#fill(pages, state);
  }

  async #pages(kind, had) {
    const pages = [];
    let after = "";
    do {
      const id = `${kind}:${after}`;
      const old = had.get(id);
      const answer = await fetch(`/api/v1/scans/${kind}${after ? `?after=${after}` : ""}`, {
        headers: old ? { "If-None-Match": old.tag } : {}, signal: AbortSignal.timeout(20_000), cache: "no-store",
      });
      if (answer.status === 401) throw new LoggedOut();
      if (answer.status !== 304 && !answer.ok) throw new Error(`status ${answer.status}`);
      let page = old;
      if (answer.status !== 304) {
        const { person, items, next } = await answer.json();
        if (person !== this.person) throw new SomebodyElse();
        page = { id, tag: answer.headers.get("ETag"), items, next };
        await kept.put({ id: "state", person: this.person, at: 0, whole: false });
        await kept.put(page);
      }
      after = page.next;
      pages.push({ ...page, cut: Boolean(after) && pages.length + 1 >= MOST_PAGES });
    } while (after && pages.length < MOST_PAGES);
    return pages;
  }

  #fill(pages, state) {
    this.assets = new Map();
    this.places = new Map();
    this.count = 0;
    for (const page of pages) {
      if (page.id.startsWith("places:")) for (const place of page.items) this.places.set(place.id, place);
      if (page.id.startsWith("assets:")) for (const asset of page.items) this.#know(asset);
    }
    [this.whole, this.at] = [state.whole, state.at];
  }

  #know(asset) {
    this.count += 1;
    for (const code of asset.codes) for (const form of stored(code)) this.assets.set(form, asset);
  }

  /** Return {asset} or {place} for what a scanner said, or {}. */
  find(text) {
    const wanted = forms(text);
    for (const form of wanted) if (this.assets.has(form)) return { asset: this.assets.get(form) };
    const code = folded(text).toLowerCase();
    const number = gln(wanted);
    for (const place of this.places.values()) {
      if (place.code.toLowerCase() === code || (number && place.gln === number)) return { place };
    }
    return {};
  }

  /** Return whether the asset is at home in this place: without a home it is nowhere wrong. */
  static atHome = (asset, place) => place.path.startsWith(asset.home_path);
}
