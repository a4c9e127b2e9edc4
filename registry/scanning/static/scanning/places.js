// Choosing where one is: a dialogue over all places of the register. A place's own code or GLN does it too, when scanned.

import { made } from "./card.js";
import { folded } from "./codes.js";

const OFFERED = 50;

export class Places {
  constructor(dialog, register, chosen) {
    Object.assign(this, { dialog, register, chosen });
    this.field = dialog.querySelector("[data-places-search]");
    this.list = dialog.querySelector("[data-places-list]");
    this.says = dialog.querySelector("[data-places-says]");
    this.field.addEventListener("input", () => this.#draw());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const { place } = this.register.find(this.field.value);
      const offered = this.#found();
      if (place) this.#choose(place);
      else if (offered.length) this.#choose(offered[0]);
    });
    this.list.addEventListener("click", (event) => {
      const id = event.target.closest("[data-place]")?.dataset.place;
      if (id) this.#choose(this.register.places.get(id));
    });
    dialog.querySelector("[data-places-close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  open() {
    this.field.value = "";
    this.#draw();
    if (!this.dialog.open) this.dialog.showModal();
    if (!matchMedia("(pointer: coarse)").matches) this.field.focus();
  }

  redraw() {
    if (this.dialog.open) this.#draw();
  }

  #choose(place) {
    this.dialog.close();
    this.chosen(place);
  }

  #found() {
    const words = folded(this.field.value).toLowerCase().split(" ").filter(Boolean);
    return [...this.register.places.values()]
      .filter((place) => words.every((word) => `${place.names} ${place.code} ${place.gln}`.toLowerCase().includes(word)))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #draw() {
    const found = this.#found();
    this.list.replaceChildren(...found.slice(0, OFFERED).map((place) => {
      const steps = place.names.split(" / ");
      const name = steps.pop();
      const button = made("button", "", made("strong", "", name), made("span", "small muted", [steps.join(" / "), place.code].filter(Boolean).join(" · ")));
      button.type = "button";
      button.dataset.place = place.id;
      return made("li", "", button);
    }));
    const none = this.register.places.size ? "No place of yours is called that." : "No places are known here yet. Open this page once with the registry in reach.";
    this.says.textContent = !found.length ? none : found.length > OFFERED ? `${found.length - OFFERED} more: write a part of the name.` : "You can also scan the code of the place.";
  }
}
