// EPCs of 96 bits to canonical keys, for handheld RFID readers that type them: GIAI-96, GRAI-96 and SGTIN-96 (GS1 TDS 2.x, 14.6).

const PREFIX_BITS = [40, 37, 34, 30, 27, 24, 20]; // by partition; the prefix has 12 digits less the partition
const SCHEMES = { 0x30: "sgtin", 0x33: "grai", 0x34: "giai" };

/** Return the key of an EPC in hex, or "" where it is another one or none. */
export function keyOfHex(hex) {
  if (!/^[0-9A-Fa-f]{24}$/.test(hex)) return "";
  const scheme = SCHEMES[parseInt(hex.slice(0, 2), 16)];
  const bits = BigInt(`0x${hex}`);
  const take = (from, count) => (bits >> BigInt(96 - from - count)) & ((1n << BigInt(count)) - 1n);
  const partition = Number(take(11, 3));
  if (!scheme || partition > 6) return "";
  const size = PREFIX_BITS[partition];
  const prefix = padded(take(14, size), 12 - partition);
  if (scheme === "giai") return keyOf(scheme, prefix, String(take(14 + size, 82 - size)));
  const digits = scheme === "grai" ? partition : partition + 1;
  const reference = digits ? padded(take(14 + size, 44 - size), digits) : "";
  return keyOf(scheme, prefix, reference, String(take(58, 38)));
}

/** Return the key of `urn:epc:id:giai:0614141.7` and the like, or "". */
export function keyOfUrn(text) {
  const found = /^urn:epc:id:(giai|grai|sgtin):(\d+)\.([^.]*)(?:\.(.+))?$/i.exec(text);
  if (!found) return "";
  const [, scheme, prefix, reference, serial] = found;
  try {
    return keyOf(scheme.toLowerCase(), prefix, decodeURIComponent(reference), decodeURIComponent(serial ?? ""));
  } catch {
    return "";
  }
}

function keyOf(scheme, prefix, reference, serial = "") {
  if (!prefix || !reference && scheme === "giai") return "";
  if (scheme === "giai") return `8004:${prefix}${reference}`;
  if (scheme === "grai") return serial ? `8003:${checked(`0${prefix}${reference}`)}${serial}` : "";
  return serial ? `01+21:${checked(`${reference.slice(0, 1)}${prefix}${reference.slice(1)}`)}|${serial}` : "";
}

const padded = (value, digits) => (String(value).length <= digits ? String(value).padStart(digits, "0") : "");

/** With the GS1 check digit behind: weights 3 and 1 from the right. */
function checked(digits) {
  const sum = [...digits].reverse().reduce((total, digit, at) => total + Number(digit) * (at % 2 ? 1 : 3), 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}
