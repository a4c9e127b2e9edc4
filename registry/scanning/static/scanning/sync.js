// Sends scans to the registry, again and again until each has its answer. A scan leaves the device only then.

import { scans } from "./store.js";

const BATCH = 50;
const FIRST_MS = 2000;
const LONGEST_MS = 5 * 60 * 1000;

export class Sync {
  /** `waiting()` are the scans to send; `answered(scan, outcome)` takes what became of one, `changed()` that the state is new. */
  constructor({ person, waiting, answered, changed }) {
    Object.assign(this, { person, waiting, answered, changed });
    this.sending = new Set(); // ids on their way now
    this.last = null; // when the registry last answered
    this.trouble = ""; // "", "away", "login", "person" or a sentence
    this.aheadS = 0; // of this device's clock
    this.failures = 0;
    this.size = BATCH;
    this.all = false; // also what may still be undone
    window.addEventListener("online", () => {
      if (this.trouble === "away") this.#say("");
      this.flush();
    });
    window.addEventListener("offline", () => this.#say("away"));
    document.addEventListener("visibilitychange", () => this.flush()); // back again, or into a pocket
  }

  /** Send everything now. */
  flush() {
    this.all = true;
    this.soon(0);
  }

  /** Send in so many milliseconds, or earlier if that was asked for already. */
  soon(ms) {
    const at = Date.now() + ms;
    if (this.timer && this.at <= at) return;
    clearTimeout(this.timer);
    this.at = at;
    this.timer = setTimeout(() => this.#turn(), ms);
  }

  async #turn() {
    this.timer = undefined;
    if (this.sending.size || !this.waiting().length) return;
    // Two open pages send one after the other. That is only politeness: what is sent twice counts once.
    await (navigator.locks?.request(`sightpost-scan-${this.person}`, () => this.#send()) ?? this.#send());
    const left = this.waiting().length;
    if (left && !this.trouble) this.soon(Math.max(0, Math.min(...this.waiting().map((one) => one.due ?? 0)) - Date.now()));
    else if (left) this.soon(Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.failures - 1, 16)) * (0.5 + Math.random() / 2));
  }

  async #send() {
    const now = Date.now();
    const batch = this.waiting().filter((one) => this.all || !(one.due > now)).slice(0, this.size);
    this.all = this.all && batch.length === this.size; // more of them come in the next turn
    if (!batch.length) return;
    batch.forEach((one) => this.sending.add(one.event_id));
    this.changed();
    try {
      await this.#take(batch, await this.#post(batch));
    } catch {
      this.failures += 1;
      this.#say("away");
    } finally {
      this.sending.clear();
      this.changed();
    }
  }

  async #post(batch, again = true) {
    const answer = await fetch("/api/v1/scans", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") },
      signal: AbortSignal.timeout(30_000),
      body: JSON.stringify({
        person: this.person,
        sent_at: new Date().toISOString(),
        scans: batch.map(({ event_id, text, location, at }) => ({ event_id, text, location, at })),
      }),
    });
    if (answer.status === 403 && again && !(await pointsAt(answer.clone(), "#/person"))) {
      await fetch("/scan/", { cache: "no-store" }); // a log-in elsewhere changed the token: the page brings a new one
      return this.#post(batch, false);
    }
    return answer;
  }

  async #take(batch, answer) {
    if (answer.ok) {
      const { outcomes, clock_ahead_s } = await answer.json();
      for (const outcome of outcomes) await this.answered(batch.find((one) => one.event_id === outcome.event_id), outcome);
      [this.last, this.aheadS, this.failures, this.size] = [Date.now(), clock_ahead_s, 0, BATCH];
      this.#say("");
    } else if (answer.status === 422 && batch.length > 1) {
      this.size = Math.ceil(batch.length / 2); // one of them is at fault: the others must not wait for it
      this.#say("");
    } else if (answer.status === 422) {
      const problem = await answer.json().catch(() => ({}));
      const why = problem.errors?.[0]?.detail ?? problem.detail ?? "";
      await this.answered(batch[0], { event_id: batch[0].event_id, state: "refused", key: "", asset: null, why });
      this.size = BATCH;
      this.#say("");
    } else {
      this.failures += 1;
      this.#say(await trouble(answer));
    }
  }

  #say(what) {
    this.trouble = what;
    this.changed();
  }
}

async function trouble(answer) {
  if (answer.status === 401) return "login";
  if (answer.status === 403 && (await pointsAt(answer.clone(), "#/person"))) return "person";
  if (answer.status >= 500 || answer.status === 429) return "away";
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? `The registry refused them (status ${answer.status}).`;
}

async function pointsAt(answer, pointer) {
  const problem = await answer.json().catch(() => ({}));
  return (problem.errors ?? []).some((error) => error.pointer === pointer);
}

export function cookie(name) {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
