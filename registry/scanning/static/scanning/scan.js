// The scan page. A code comes in, is told at once from the register on this device, kept, and sent when the registry can be reached.

import { Camera, codesOf, hasCamera } from "./camera.js";
import { show } from "./card.js";
import { mayBeEpc } from "./codes.js";
import { uuid7 } from "./ids.js";
import { assetsIn, counted, draw } from "./list.js";
import { keepPage } from "./offline.js";
import { Places } from "./places.js";
import { LoggedOut, Register, SomebodyElse } from "./register.js";
import { isOn, play, turn } from "./sound.js";
import { scans as store } from "./store.js";
import { Sync } from "./sync.js";
import { listen } from "./wedge.js";

const UNDO_MS = 3000; // what is known waits so long before it is sent: undone within that, it never was
const REFRESH_MS = 10 * 60 * 1000; // the register of codes
const OLD_MS = 24 * 60 * 60 * 1000; // what was sent leaves the list after a day
const AT_ONCE = 250; // assets in one action
const CLOCK_OFF_S = 60;
const PLACE_KEY = "sightpost-scan-place";

const page = document.querySelector("[data-scan]");
const at = (name) => page.querySelector(`[data-${name}]`);
const person = page.dataset.person;
const register = new Register(person);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
let scans = []; // of this person, those of the list and those still to be sent, oldest first
let place; // where they are
let pending = []; // scanned before the place was chosen
let others = 0;
let opensOffline = false;

const listed = () => scans.filter((scan) => !scan.hidden);

// --- a scan ---------------------------------------------------------------------------------------------------------------

async function took(said) {
  const text = said.trim().slice(0, 4096);
  const found = register.find(text);
  if (found.place) return choose(found.place);
  if (!place) {
    pending.push(text);
    return places.open();
  }
  const same = listed().find((scan) => scan.location === place.id && (found.asset ? scan.asset?.id === found.asset.id : scan.text === text));
  if (same) {
    same.times = (same.times ?? 1) + 1;
    await keep([same]);
    return tell("duplicate", same);
  }
  const scan = scanOf(text, found.asset);
  scans.push(scan);
  tell(scan.state, scan);
  if (!found.asset) scan.due = 0; // the registry may know it
  await keep([scan]);
  sync.soon(found.asset ? UNDO_MS : 0);
  return undefined;
}

function scanOf(text, asset) {
  const state = asset ? (Register.atHome(asset, place) ? "known" : "wrong_place") : register.whole && !mayBeEpc(text) ? "unknown" : "kept";
  const known = asset ? { id: asset.id, asset_no: asset.asset_no, name: asset.name, home: asset.home.split(" / ").pop() } : null;
  return {
    event_id: uuid7(), person, text, location: place.id, place: place.names.split(" / ").pop(), at: new Date().toISOString(),
    waiting: true, due: Date.now() + UNDO_MS, state, asset: known, key: "", why: "", times: 1,
  };
}

async function keep(some) {
  try {
    await store.keep(some);
  } catch {
    for (const scan of some) scan.unkept = true; // sent all the same while the page is open; the notice says so
  }
  redraw();
}

function tell(state, scan) {
  show(at("card"), { state, scan });
  at("card-empty").hidden = true;
  page.dataset.played = play(state).length ? state : "";
}

/** What the registry said of a scan. Only now it leaves the queue. */
async function answered(scan, outcome) {
  if (!scan) return;
  const before = scan.state;
  Object.assign(scan, { waiting: false, key: outcome.key, why: outcome.why ?? "", unkept: false });
  if (outcome.asset) scan.asset = outcome.asset;
  if (outcome.state !== "repeated") scan.state = outcome.state;
  else if (before === "kept") scan.state = outcome.asset ? "known" : "unknown";
  if (scan.state === "unknown") scan.asset = null;
  if (scan.hidden) {
    scans = scans.filter((one) => one !== scan);
    await store.forget([scan.event_id]);
  } else {
    await store.keep([scan]).catch(() => {});
  }
  if (scan.state !== before && at("card").dataset.scan === scan.event_id) tell(scan.state, scan);
}

// --- place ----------------------------------------------------------------------------------------------------------------

function choose(chosen, quietly = false) {
  place = chosen;
  localStorage.setItem(PLACE_KEY, JSON.stringify({ person, id: chosen.id }));
  if (!quietly && !pending.length) {
    show(at("card"), { state: "place", place });
    at("card-empty").hidden = true;
    page.dataset.played = play("place").length ? "place" : "";
  }
  const waiting = pending;
  pending = [];
  redraw();
  at("text").focus({ preventScroll: true });
  return waiting.reduce((before, text) => before.then(() => took(text)), Promise.resolve());
}

function rememberedPlace() {
  try {
    const known = JSON.parse(localStorage.getItem(PLACE_KEY) ?? "null");
    return known?.person === person ? register.places.get(known.id) : undefined;
  } catch {
    return undefined;
  }
}

// --- the list and what is done with it ------------------------------------------------------------------------------------

async function undo() {
  const last = listed().at(-1);
  if (!last) return;
  if (last.waiting && !sync.sending.has(last.event_id)) {
    scans = scans.filter((scan) => scan !== last);
    await store.forget([last.event_id]).catch(() => {});
    notice("");
  } else {
    last.hidden = true;
    if (!last.waiting) {
      scans = scans.filter((scan) => scan !== last);
      await store.forget([last.event_id]).catch(() => {});
    } else await keep([last]);
    notice("It was sent already, and stays in the history. Scan the asset where it belongs.");
  }
  at("card").hidden = true;
  at("card-empty").hidden = false;
  redraw();
}

async function empty() {
  const gone = scans.filter((scan) => !scan.waiting);
  for (const scan of scans) scan.hidden = true;
  scans = scans.filter((scan) => scan.waiting);
  await Promise.all([store.forget(gone.map((scan) => scan.event_id)), store.keep(scans)]).catch(() => {});
  at("card").hidden = true;
  at("card-empty").hidden = false;
  redraw();
}

/** Everything in the list is here now: as if each had been scanned here. */
async function moveHere() {
  const away = [...assetsIn(listed()).values()].filter((scan) => scan.location !== place.id);
  const moved = away.map((scan) => {
    const { asset } = register.find(scan.text);
    return asset ? scanOf(scan.text, asset) : { ...scanOf(scan.text, null), asset: scan.asset, state: "kept" };
  });
  const replaced = scans.filter((scan) => away.some((one) => one.asset.id === scan.asset?.id));
  for (const scan of replaced) scan.hidden = true;
  scans = scans.filter((scan) => !scan.hidden || scan.waiting).concat(moved);
  await store.forget(replaced.filter((scan) => !scan.waiting).map((scan) => scan.event_id)).catch(() => {});
  await keep(scans.filter((scan) => scan.waiting));
  sync.flush();
}

// --- drawing --------------------------------------------------------------------------------------------------------------

function redraw() {
  const shown = listed();
  const assets = assetsIn(shown);
  const elsewhere = place ? [...assets.values()].filter((scan) => scan.location !== place.id).length : 0;
  draw(at("items"), shown);
  at("items-empty").hidden = shown.length > 0;
  at("count").textContent = String(shown.length);
  at("counts").textContent = counted(shown);
  at("undo").hidden = at("clear").hidden = !shown.length;
  at("bar").hidden = !assets.size;
  at("bar-count").textContent = assets.size > AT_ONCE ? `The last ${AT_ONCE} of ${assets.size} assets` : `${assets.size} asset${assets.size === 1 ? "" : "s"}`;
  at("move").hidden = !elsewhere;
  at("move-text").textContent = place ? `Move ${elsewhere} to ${place.names.split(" / ").pop()}` : "";
  at("assets").value = [...assets.keys()].slice(-AT_ONCE).join(",");
  at("drawer-place").value = place?.code ?? "";
  at("place-name").textContent = place ? place.names.split(" / ").slice(-2).join(" / ") : "Choose the place";
  at("card-hint").textContent = place ? "Scan: with a scanner, the camera, or by typing." : "Choose where you are, then scan: with a scanner, the camera, or by typing.";
  said();
}

function notice(words, address = "", text = "") {
  at("notice").hidden = !words;
  at("notice-text").textContent = words;
  at("notice").querySelector("a")?.remove();
  if (words && address) at("notice").append(Object.assign(document.createElement("a"), { className: "btn small", href: address, textContent: text }));
}

/** The one line about sending. */
function said() {
  const waiting = scans.filter((scan) => scan.waiting).length;
  const last = sync.last ? `last sent ${clock.format(sync.last)}` : "";
  const away = sync.trouble === "away" || !navigator.onLine;
  const [look, words] = sync.trouble === "login" ? ["attention", `Logged out. ${waiting} waiting, nothing is lost`]
    : away ? ["attention", waiting ? `Not connected. ${waiting} waiting` : "Not connected"]
    : waiting ? ["waiting", sync.sending.size ? `Sending ${waiting}` : `${waiting} waiting`]
    : ["good", "All sent"];
  const offline = opensOffline && register.at ? `knows ${register.count.toLocaleString()} asset${register.count === 1 ? "" : "s"} offline${register.whole ? "" : ", not all"}` : "";
  at("sync").replaceChildren(Object.assign(document.createElement("span"), { className: `chip ${look}`, textContent: words }), ` ${[last, offline].filter(Boolean).join(" · ")}`);
  Object.assign(at("sync").dataset, { waiting, offline: opensOffline && register.at ? "ready" : "" });
  const ahead = Math.abs(sync.aheadS);
  if (sync.trouble === "login") notice("You are logged out. What you scanned is safe here and is sent once you log in again.", `/login/?next=${encodeURIComponent("/scan/")}`, "Log in");
  else if (sync.trouble === "person") notice("Somebody else is logged in meanwhile. These scans wait until you log in again.", "/scan/", "Load the page anew");
  else if (sync.trouble && sync.trouble !== "away") notice(sync.trouble);
  else if (scans.some((scan) => scan.unkept)) notice("This browser keeps nothing on the device (a private window, or it is full). Leave the page open until all is sent.");
  else if (ahead > CLOCK_OFF_S) notice(`The clock of this device is ${inWords(ahead)} ${sync.aheadS > 0 ? "ahead" : "behind"}. Scans get the right time when they are sent; set the clock.`);
  else if (others) notice(`${others} scan${others === 1 ? "" : "s"} of somebody else wait${others === 1 ? "s" : ""} on this device, until they log in here again.`);
  else if (at("notice-text").textContent && !at("notice-text").textContent.startsWith("It was sent")) notice("");
}

const inWords = (seconds) => (seconds < 5400 ? `${Math.round(seconds / 60)} min` : seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`);

// --- the register ---------------------------------------------------------------------------------------------------------

async function refresh() {
  try {
    await register.refresh();
    place = register.places.get(place?.id) ?? rememberedPlace();
  } catch (error) {
    if (error instanceof LoggedOut) sync.trouble = "login";
    if (error instanceof SomebodyElse) sync.trouble = "person";
  }
  places.redraw();
  redraw();
}

const refreshOld = () => Date.now() - register.at > REFRESH_MS && navigator.onLine && refresh();

// --- wiring ---------------------------------------------------------------------------------------------------------------

const sync = new Sync({ person, waiting: () => scans.filter((scan) => scan.waiting), answered, changed: () => redraw() });
const places = new Places(at("places"), register, choose);
const camera = new Camera(at("video"), took, (words) => (at("camera-says").textContent = words));

function soundShown() {
  at("sound").setAttribute("aria-pressed", String(isOn()));
  at("sound").title = isOn() ? "Sound is on" : "Sound is off";
}

async function turnCamera(on) {
  at("camera").hidden = !on;
  at("camera-start").hidden = on;
  if (!on) camera.stop();
  else if (!(await camera.start())) at("camera-start").hidden = false;
}

async function photo(file) {
  if (!file) return;
  try {
    const found = await codesOf(file);
    if (!found.length) notice("No code was found in the photo. Go nearer, hold still, and let light fall on it.");
    for (const text of found) await took(text);
  } catch (error) {
    notice(error.message);
  }
}

async function start() {
  if (!at("form")) return; // whoever may not scan
  at("camera-start").hidden = !hasCamera();
  at("place-choose").addEventListener("click", () => places.open());
  at("undo").addEventListener("click", undo);
  at("clear").addEventListener("click", empty);
  at("move").addEventListener("click", moveHere);
  at("sound").addEventListener("click", () => { turn(!isOn()); soundShown(); play("known"); });
  at("camera-start").addEventListener("click", () => turnCamera(true));
  at("camera-stop").addEventListener("click", () => turnCamera(false));
  at("photo").addEventListener("change", async () => { await photo(at("photo").files[0]); at("photo").value = ""; });
  at("places").addEventListener("close", () => at("text").focus({ preventScroll: true }));
  window.addEventListener("pagehide", () => camera.stop());
  window.addEventListener("online", refreshOld);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshOld());
  setInterval(refreshOld, REFRESH_MS);
  soundShown();
  try {
    await register.load();
    scans = await store.of(person);
    others = await store.ofOthers(person);
    const old = scans.filter((scan) => !scan.waiting && Date.now() - new Date(scan.at) > OLD_MS);
    scans = scans.filter((scan) => !old.includes(scan));
    await store.forget(old.map((scan) => scan.event_id));
    navigator.storage?.persist?.();
  } catch {
    notice("This browser keeps nothing on the device. Leave the page open until all is sent.");
  }
  place = rememberedPlace();
  redraw();
  listen(at("text"), at("form"), took);
  page.dataset.ready = "yes";
  await refresh();
  sync.flush();
  keepPage(person, () => { opensOffline = true; said(); }).catch(() => {});
}

start();
