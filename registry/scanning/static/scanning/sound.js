// A tone and a tremble for each kind of answer, so that nobody has to look. Off and on is kept on the device.

const KEY = "sightpost-scan-sound";
// [Hz, from s, for s, shape]
const TONES = {
  known: [[880, 0, 0.08, "sine"], [1320, 0.09, 0.12, "sine"]],
  wrong_place: [[660, 0, 0.14, "triangle"], [440, 0.16, 0.14, "triangle"], [660, 0.32, 0.14, "triangle"]],
  unknown: [[196, 0, 0.45, "sawtooth"]],
  refused: [[196, 0, 0.2, "sawtooth"], [165, 0.22, 0.35, "sawtooth"]],
  duplicate: [[740, 0, 0.04, "square"], [740, 0.09, 0.04, "square"]],
  kept: [[587, 0, 0.09, "sine"]],
  place: [[523, 0, 0.1, "sine"], [659, 0.1, 0.1, "sine"], [784, 0.2, 0.16, "sine"]],
};
const TREMBLES = { known: [40], wrong_place: [80, 60, 80, 60, 80], unknown: [400], refused: [200, 60, 300], duplicate: [30, 40, 30], kept: [30], place: [40, 30, 40] };

let context;
let on = localStorage.getItem(KEY) !== "off";

// Browsers let a page sound only after somebody touched it.
for (const name of ["pointerdown", "keydown"]) {
  window.addEventListener(name, () => {
    context ??= window.AudioContext && new AudioContext();
    if (context?.state === "suspended") context.resume().catch(() => {});
  }, { capture: true, passive: true });
}

export const isOn = () => on;

export function turn(wanted) {
  on = wanted;
  localStorage.setItem(KEY, on ? "on" : "off");
}

/** Sound and tremble for a state; return the tones, for whoever shows what was played. */
export function play(state) {
  if (!on) return [];
  const tones = TONES[state] ?? [];
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(TREMBLES[state] ?? []);
  if (context?.state === "running") for (const [hz, from, length, shape] of tones) tone(hz, context.currentTime + from, length, shape);
  return tones;
}

function tone(hz, at, length, shape) {
  const source = new OscillatorNode(context, { type: shape, frequency: hz });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(shape === "sine" ? 0.5 : 0.25, at + 0.01);
  volume.gain.setValueAtTime(shape === "sine" ? 0.5 : 0.25, at + length - 0.01);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + length);
  source.connect(volume).connect(context.destination);
  source.start(at);
  source.stop(at + length + 0.02);
}
