// What a scanner said, in the forms under which the register may have it. The registry decides in the end (identity/resolve.py);
// this is what a phone can tell without it. Pure: no page, no store.

import { keyOfHex, keyOfUrn } from "./epc.js";

const AIM = /^\][A-Za-z][0-9A-Za-z]/;
const GS1 = new Set(["]C1", "]d2", "]Q3", "]e0", "]J1"]);
const HEX = /^[0-9A-Fa-f]{20,128}$/;
const SEPARATOR = "\x1d";
// Lengths of the elements that have one; those of variable length end at a separator or at the end.
const FIXED = { "00": 18, "01": 14, "02": 14, 11: 6, 12: 6, 13: 6, 15: 6, 16: 6, 17: 6, 20: 2, 410: 13, 411: 13, 412: 13, 413: 13, 414: 13, 415: 13, 416: 13, 417: 13 };
const VARIABLE = new Set(["10", "21", "22", "235", "240", "241", "242", "243", "250", "251", "253", "254", "400", "401", "403", "8003", "8004"]);

/** Return the text without blanks at its ends and with one for many inside, as labels are compared. */
export const folded = (text) => text.normalize("NFC").trim().split(/\s+/).join(" ");

/** Return what to look up, the likeliest first: canonical keys and the text itself. */
export function forms(said) {
  const trimmed = said.trim();
  const aim = AIM.test(trimmed) ? trimmed.slice(0, 3) : "";
  const text = aim ? trimmed.slice(3) : trimmed;
  const found = [];
  const add = (form) => form && !found.includes(form) && found.push(form);
  if (GS1.has(aim)) add(keyOf(elements(text)));
  add(linkKey(text));
  add(printedKey(text));
  add(keyOfUrn(text));
  if (HEX.test(text)) {
    add(keyOfHex(text));
    add(`uii:${text.toUpperCase()}`);
    add(text.toUpperCase());
  }
  add(`tag:${folded(text)}`);
  add(text);
  add(folded(text));
  if (!aim) add(keyOf(elements(text)));
  return found;
}

/** Return the forms under which the register looks a stored code up. */
export const stored = (code) => (HEX.test(code) ? [code, code.toUpperCase()] : [code, folded(code)]);

/** Return whether this may be an EPC in a coding that is not known here: the registry may know it. */
export const mayBeEpc = (said) => HEX.test(said.trim()) && !keyOfHex(said.trim());

/** Return the GLN among these forms, or "". */
export function gln(found) {
  const key = found.find((form) => /^414:\d{13}$/.test(form));
  return key ? key.slice(4) : (found.find((form) => /^\d{13}$/.test(form)) ?? "");
}

/** `https://id.example.com/01/0614.../21/7` -> `01+21:0614...|7`. */
function linkKey(text) {
  if (!/^https?:\/\//i.test(text)) return "";
  try {
    const steps = new URL(text).pathname.split("/").slice(1).map(decodeURIComponent);
    for (let at = 0; at + 1 < steps.length; at += 1) {
      const pairs = {};
      for (let next = at; next + 1 < steps.length; next += 2) pairs[steps[next]] = steps[next + 1];
      const key = keyOf(pairs);
      if (key) return key;
    }
  } catch {
    // no address after all, or no text in it
  }
  return "";
}

/** `(8004)0614...` as it stands under the bars. */
function printedKey(text) {
  if (!text.startsWith("(")) return "";
  const pairs = {};
  for (const [, ai, value] of text.replace(/\s+/g, "").matchAll(/\((\d{2,4})\)([^(]*(?:\((?!\d{2,4}\))[^(]*)*)/g)) pairs[ai] = value;
  return keyOf(pairs);
}

/** Take an element string apart, as far as its elements are known here. */
function elements(text) {
  const pairs = {};
  let rest = text.replace(/^\x1d+/, "");
  while (rest) {
    const ai = [2, 3, 4].map((length) => rest.slice(0, length)).find((start) => start in FIXED || VARIABLE.has(start));
    if (!ai) return {};
    const body = rest.slice(ai.length);
    const end = ai in FIXED ? FIXED[ai] : body.includes(SEPARATOR) ? body.indexOf(SEPARATOR) : body.length;
    if (!end || body.length < end) return {};
    pairs[ai] = body.slice(0, end);
    rest = body.slice(end).replace(/^\x1d+/, "");
  }
  return pairs;
}

/** The most particular key wins, as in the registry. */
function keyOf(pairs) {
  if (pairs["8004"]) return `8004:${pairs["8004"]}`;
  if ((pairs["8003"] ?? "").length > 14) return `8003:${pairs["8003"]}`;
  if (pairs["01"] && pairs["21"]) return `01+21:${pairs["01"]}|${pairs["21"]}`;
  if (pairs["00"]) return `00:${pairs["00"]}`;
  if (pairs["414"]) return (pairs["254"] ?? "0") === "0" ? `414:${pairs["414"]}` : `414+254:${pairs["414"]}|${pairs["254"]}`;
  return "";
}
