// Codes from the camera: read by the browser where it can (BarcodeDetector), else by the registry, frame by frame or from a photo.

import { cookie } from "./sync.js";

const EVERY_MS = 150; // of the browser's own reading
const EVERY_SENT_MS = 400; // between two frames that are sent
const SAME_MS = 2500; // a code that stays in view is one scan
const FRAME_PX = 1000;
const PHOTO_PX = 2000;

/** Return whether this browser may use a camera here: only on https, and not every device has one. */
export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** Return a function from a picture (video, bitmap) to the texts of its codes. Throws what `codesIn` throws. */
async function reader() {
  if ("BarcodeDetector" in window) {
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.length) {
      const detector = new BarcodeDetector({ formats });
      return { every: EVERY_MS, read: async (picture) => (await detector.detect(picture)).map((code) => code.rawValue) };
    }
  }
  return { every: EVERY_SENT_MS, read: async (picture) => codesIn(await shrunk(picture, FRAME_PX)) };
}

/** A camera that calls `took(text)` for each code that comes into view, and `said(words)` about itself. */
export class Camera {
  constructor(video, took, said) {
    Object.assign(this, { video, took, said });
    this.seen = new Map();
  }

  async start() {
    this.stop();
    this.said("Starting the camera…");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } } });
    } catch (error) {
      this.said(error.name === "NotAllowedError" ? "The browser does not let this page use the camera. Allow it in the address bar, then try again." : "No camera could be started.");
      return false;
    }
    const stream = this.stream;
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    const { every, read } = await reader();
    this.said("Hold the code into the picture.");
    this.#watch(stream, every, read);
    return true;
  }

  async #watch(stream, every, read) {
    while (this.stream === stream) {
      if (this.video.readyState >= 2 && document.visibilityState === "visible") {
        try {
          for (const text of await read(this.video)) if (this.stream === stream) this.#saw(text);
          if (this.away) this.said("Hold the code into the picture.");
          this.away = false;
        } catch {
          this.away = true;
          this.said("This browser needs the registry to read pictures, and cannot reach it now. A scanner or typing works.");
        }
      }
      await new Promise((resolve) => setTimeout(resolve, this.away ? 3000 : every));
    }
  }

  #saw(text) {
    const now = Date.now();
    const again = now - (this.seen.get(text) ?? 0) < SAME_MS;
    this.seen.set(text, now);
    for (const [old, at] of this.seen) if (now - at > SAME_MS) this.seen.delete(old);
    if (!again) this.took(text);
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.video.srcObject = null;
  }
}

/** Return the texts of the codes in a photo. Throws Error with a sentence. */
export async function codesOf(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error("This file is no picture that the browser can open.");
  });
  try {
    const { read } = await reader();
    const found = await read(picture);
    return found.length ? found : await codesIn(await shrunk(picture, PHOTO_PX));
  } finally {
    picture.close();
  }
}

async function codesIn(jpeg) {
  const answer = await fetch("/api/v1/decode", {
    method: "POST", body: jpeg, signal: AbortSignal.timeout(20_000),
    headers: { "Content-Type": "image/jpeg", "X-CSRFToken": cookie("csrftoken") },
  }).catch(() => {
    throw new Error("The registry cannot be reached, and this browser reads no codes by itself. Type the code.");
  });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `The registry could not read it (status ${answer.status}).`);
  return (await answer.json()).codes.map((code) => code.text);
}

async function shrunk(picture, longest) {
  const [width, height] = [picture.videoWidth ?? picture.width, picture.videoHeight ?? picture.height];
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", 0.85));
}
