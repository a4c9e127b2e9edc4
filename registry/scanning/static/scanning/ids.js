// Ids of scans: UUIDs that begin with the time (version 7), so that they sort by it. Made here, so that a scan sent twice counts once.

let last = 0;

/** Return a new one; later ones of this page sort behind it. */
export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  last = Math.max(last + 1, Date.now());
  let time = last;
  for (let at = 5; at >= 0; at -= 1) {
    bytes[at] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
