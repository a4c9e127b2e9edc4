// Fields that pick one of thousands (ARIA: editable combobox with a list). They offer what the registry finds while one types.
// Without this script they are text fields, and the registry looks up what was typed.
"use strict";
(() => {
  const PAUSE_MS = 120;
  const ROOM_PX = 280; // below the field; with less the list stands above it, where there is more
  let open = null; // the one field whose list is shown: {input, list, items, at, asked}
  const told = new WeakMap(); // field -> the value that its last change was told with
  let timer = 0;
  let number = 0;

  const hidden = (input) => input.closest(".pick")?.querySelector("[data-picked]");

  const begin = (root) => {
    for (const input of root.querySelectorAll("input[data-pick]:not([role])")) {
      input.setAttribute("role", "combobox");
      input.setAttribute("aria-autocomplete", "list");
      input.setAttribute("aria-expanded", "false");
      input.setAttribute("aria-haspopup", "listbox");
    }
  };

  const close = () => {
    if (!open) return;
    clearTimeout(timer);
    open.input.setAttribute("aria-expanded", "false");
    open.input.removeAttribute("aria-activedescendant");
    open.input.removeAttribute("aria-controls");
    open.box.remove();
    open = null;
  };

  const show = (input) => {
    if (open?.input === input) return;
    close();
    const id = `pick-${++number}`;
    const box = document.createElement("div");
    box.className = "picks";
    const list = document.createElement("ul");
    list.id = id;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", input.labels?.[0]?.textContent.trim() || input.getAttribute("aria-label") || "Found");
    const told = document.createElement("p");
    told.setAttribute("role", "status");
    box.append(list, told);
    input.after(box);
    input.scrollIntoView({ block: "nearest" });
    const at = input.getBoundingClientRect();
    box.classList.toggle("above", window.innerHeight - at.bottom < ROOM_PX && at.top > window.innerHeight - at.bottom);
    input.setAttribute("aria-controls", id);
    open = { input, box, list, told, items: [], at: -1 };
  };

  const mark = (at) => {
    const options = [...open.list.children];
    open.at = options.length ? (at + options.length) % options.length : -1;
    options.forEach((option, n) => option.setAttribute("aria-selected", String(n === open.at)));
    const here = options[open.at];
    if (here) {
      open.input.setAttribute("aria-activedescendant", here.id);
      here.scrollIntoView({ block: "nearest" });
    } else {
      open.input.removeAttribute("aria-activedescendant");
    }
  };

  const draw = (items) => {
    open.items = items;
    open.list.replaceChildren(
      ...items.map((item, n) => {
        const option = document.createElement("li");
        option.id = `${open.list.id}-${n}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        option.textContent = item.label;
        return option;
      }),
    );
    open.told.textContent = items.length ? "" : "Nothing is called so";
    open.list.hidden = !items.length;
    open.input.setAttribute("aria-expanded", String(items.length > 0));
    open.at = -1;
    open.input.removeAttribute("aria-activedescendant");
  };

  const ask = async (input, text) => {
    const address = `/pick/${encodeURIComponent(input.dataset.pick)}/?${new URLSearchParams({ q: text, may: input.dataset.may || "view" })}`;
    show(input);
    const asked = (open.asked = Symbol());
    let items;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      items = (await answer.json()).items;
    } catch {
      if (open?.asked === asked) close(); // what is typed still counts
      return;
    }
    if (open?.input === input && open.asked === asked) draw(items);
  };

  const choose = (at) => {
    const { input, items } = open;
    const item = items[at];
    close();
    const keeps = hidden(input);
    input.value = keeps ? item.label : item.text;
    if (keeps) keeps.value = item.id;
    told.set(input, input.value);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  // The browser tells of a change once more when the field is left; whoever listens has been told.
  document.addEventListener("change", (event) => {
    if (event.isTrusted && told.has(event.target) && told.get(event.target) === event.target.value) event.stopImmediatePropagation();
  }, true);

  document.addEventListener("input", (event) => {
    const input = event.target.closest?.("input[data-pick]");
    if (!input) return;
    const keeps = hidden(input);
    if (keeps) keeps.value = "";
    clearTimeout(timer);
    const text = input.value.trim();
    if (!text) return close();
    timer = setTimeout(() => ask(input, text), PAUSE_MS);
  });

  document.addEventListener("keydown", (event) => {
    const input = event.target.closest?.("input[data-pick]");
    if (!input || event.isComposing) return;
    const shown = open?.input === input && open.items.length > 0;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (shown) mark(event.key === "ArrowDown" ? open.at + 1 : open.at < 0 ? -1 : open.at - 1);
      else ask(input, hidden(input)?.value ? "" : input.value.trim());
    } else if (event.key === "Enter" && shown && open.at >= 0) {
      event.preventDefault();
      choose(open.at);
    } else if (event.key === "Escape" && open?.input === input) {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Tab" && shown && open.at >= 0) {
      choose(open.at);
    }
  }, true);

  document.addEventListener("mousedown", (event) => {
    if (open && open.box.contains(event.target)) event.preventDefault(); // the field keeps the focus
  });

  document.addEventListener("click", (event) => {
    const input = event.target.closest?.("input[data-pick]");
    if (input && open?.input !== input && !input.readOnly && !input.disabled) ask(input, hidden(input)?.value ? "" : input.value.trim());
    if (!open) return;
    const option = event.target.closest?.("[role=option]");
    if (option && open.list.contains(option)) choose([...open.list.children].indexOf(option));
    else if (!open.box.contains(event.target) && event.target !== open.input) close();
  });

  document.addEventListener("focusout", (event) => {
    if (open?.input === event.target) setTimeout(() => open?.input === event.target && document.activeElement !== event.target && close(), 150);
  });
  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("htmx:load", (event) => begin(event.target));
})();
