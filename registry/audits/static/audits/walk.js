// One room of a walk: codes come from the camera as if somebody had typed them, and each answer is heard.

import { Camera, hasCamera } from "../scanning/camera.js";
import { play } from "../scanning/sound.js";

const TONES = { found: "known", wrong_place: "wrong_place", wrong_custodian: "wrong_place", damaged: "wrong_place", unexpected: "wrong_place", unknown_code: "unknown", repeated: "duplicate", refused: "refused" };
const box = document.querySelector("[data-camera]");

function offer() {
  const start = document.querySelector("[data-camera-start]");
  if (!start || !hasCamera()) return;
  start.hidden = false;
  start.addEventListener("click", async () => { box.hidden = !(await camera.start()); });
}

function took(text) {
  const field = document.querySelector("#text");
  if (!field) return;
  field.value = text;
  field.form.requestSubmit();
}

const camera = new Camera(box.querySelector("[data-video]"), took, (words) => { box.querySelector("[data-camera-says]").textContent = words; });
box.querySelector("[data-camera-stop]").addEventListener("click", () => { camera.stop(); box.hidden = true; });
document.addEventListener("htmx:afterSwap", () => {
  const state = document.querySelector(".audit-answer")?.dataset.state;
  if (state) play(TONES[state]);
  document.querySelector("#text")?.focus({ preventScroll: true });
  offer();
});
offer();
