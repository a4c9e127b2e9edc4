// The list of what was scanned, newest first, with counts.

import { STATES, link, made } from "./card.js";

const SHOWN = 200;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** `2 known, 1 wrong place, 1 unknown`. */
export function counted(scans) {
  const counts = new Map();
  for (const { state } of scans) counts.set(state, (counts.get(state) ?? 0) + 1);
  return Object.keys(STATES).filter((state) => counts.has(state)).map((state) => `${counts.get(state)} ${STATES[state].word.toLowerCase()}`).join(", ");
}

/** The assets among the scans, each once, with the scan that told of it last. */
export function assetsIn(scans) {
  const found = new Map();
  for (const scan of scans) if (scan.asset) found.set(scan.asset.id, scan);
  return found;
}

export function draw(list, scans) {
  list.replaceChildren(...scans.slice(-SHOWN).reverse().map(row));
  if (scans.length > SHOWN) list.append(made("li", "muted small", `and ${scans.length - SHOWN} before these`));
}

const shape = (look) => Object.assign(made("span", `chip ${look}`), { ariaHidden: "true" });

function row(scan) {
  const { look, word } = STATES[scan.state];
  const name = scan.asset ? link(`/assets/${scan.asset.id}/`, scan.asset.name) : made("span", "mono", scan.text);
  const more = [scan.asset?.asset_no, scan.place, clock.format(new Date(scan.at)), scan.times > 1 ? `${scan.times} times` : "", scan.waiting ? "not sent yet" : "", scan.why];
  const said = made("span", "why", made("span", `scan-state ${look}`, word), ` · ${more.filter(Boolean).join(" · ")}`);
  const end = scan.state === "unknown" ? link(`/scan/unknown/?code=${encodeURIComponent(scan.text)}`, "Whose is it?", "btn small") : null;
  const item = made("li", "", shape(look), made("div", "what", name, said), end);
  item.dataset.id = scan.event_id;
  item.dataset.state = scan.state;
  return item;
}
