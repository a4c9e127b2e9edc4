// What the last scan was: in colour, shape and a word that are seen at arm's length.

export const STATES = {
  known: { look: "good", word: "Known" },
  wrong_place: { look: "attention", word: "Wrong place" },
  unknown: { look: "failed", word: "Unknown" },
  refused: { look: "failed", word: "Refused" },
  duplicate: { look: "waiting", word: "Scanned already" },
  kept: { look: "unknown", word: "Kept" },
  place: { look: "place", word: "You are at" },
};

/** Make an element with classes, text and children. */
export function made(tag, classes = "", ...children) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const link = (address, text, classes = "") => Object.assign(made("a", classes, text), { href: address });

/** The sentence below the name. */
function sentence({ state, scan, place }) {
  if (state === "place") return place.names.includes(" / ") ? place.names : "";
  if (state === "wrong_place") return `Its home is ${scan.asset.home}. Now it is at ${scan.place}.`;
  if (state === "known") return `At ${scan.place}.`;
  if (state === "duplicate") return `It is in the list already, at ${scan.place}.`;
  if (state === "unknown") return "No asset of yours has this code.";
  if (state === "refused") return scan.why;
  return "It will be looked up as soon as the registry can be reached.";
}

/** Show a result: {state, scan} or {state: "place", place}. */
export function show(card, result) {
  const { look, word } = STATES[result.state];
  const { scan, place } = result;
  const what = place ? made("span", "", place.names.split(" / ").pop())
    : scan.asset ? made("span", "", link(`/assets/${scan.asset.id}/`, scan.asset.name), " ", made("span", "mono small", scan.asset.asset_no))
    : made("span", "mono", scan.text);
  const box = made("div", `scan-result ${look}`, made("span", "scan-shape"), made("p", "scan-word", word), made("p", "scan-what", what), made("p", "", sentence(result)));
  if (result.state === "unknown") box.append(link(`/scan/unknown/?code=${encodeURIComponent(scan.text)}`, "Say whose code it is", "btn"));
  box.querySelector(".scan-shape").setAttribute("aria-hidden", "true");
  card.replaceChildren(box);
  card.dataset.state = result.state;
  card.dataset.scan = scan?.event_id ?? "";
  card.hidden = false;
}
