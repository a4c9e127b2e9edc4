// The map: drag and arrows move it, the wheel and + - go nearer; each ends in the address of the new view, which the server draws.
"use strict";
{
  const TILE = 256;
  const go = async (address) => {
    await htmx.ajax("GET", location.pathname + address, { target: "#map", swap: "outerHTML" });
    history.replaceState(history.state, "", address);
    document.querySelector("[data-map]")?.focus({ preventScroll: true });
  };
  const press = (frame, title) => go(frame.closest("#map").querySelector(`[data-move="${title}"]`).getAttribute("href"));
  const keys = { ArrowLeft: "Left", ArrowRight: "Right", ArrowUp: "Up", ArrowDown: "Down", "+": "Nearer", "=": "Nearer", "-": "Further away" };

  const moved = (frame, right, down) => {
    const world = TILE * 2 ** Number(frame.dataset.zoom);
    const lat = (Number(frame.dataset.lat) * Math.PI) / 180;
    const y = ((1 - Math.asinh(Math.tan(lat)) / Math.PI) / 2) * world + down;
    const x = ((Number(frame.dataset.lon) + 180) / 360) * world + right;
    const latitude = (Math.atan(Math.sinh(Math.PI * (1 - (2 * Math.min(Math.max(y, 0), world)) / world))) * 180) / Math.PI;
    const longitude = ((((x % world) + world) % world) / world) * 360 - 180;
    go(`?lat=${latitude.toFixed(5)}&lon=${longitude.toFixed(5)}&z=${frame.dataset.zoom}`);
  };

  let drag = null;
  document.addEventListener("pointerdown", (event) => {
    const frame = event.target.closest?.("[data-map]");
    if (frame && event.button === 0) drag = { frame, x: event.clientX, y: event.clientY, right: 0, down: 0 };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const svg = drag.frame.querySelector("svg");
    const box = svg.getBoundingClientRect();
    const scale = Math.min(960 / box.width, 560 / box.height);
    drag.right = (drag.x - event.clientX) * scale;
    drag.down = (drag.y - event.clientY) * scale;
    svg.querySelector("[data-moves]").setAttribute("transform", `translate(${-drag.right} ${-drag.down})`);
  });
  document.addEventListener("pointerup", () => {
    const ended = drag;
    drag = null;
    if (ended && Math.hypot(ended.right, ended.down) > 6) {
      const stop = (event) => { event.preventDefault(); event.stopPropagation(); }; // the end of a drag is no click on what lies there
      document.addEventListener("click", stop, true);
      setTimeout(() => document.removeEventListener("click", stop, true), 0);
      moved(ended.frame, ended.right, ended.down);
    }
  });
  document.addEventListener("pointercancel", () => { drag = null; });
  document.addEventListener("dragstart", (event) => event.target.closest?.("[data-map]") && event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const frame = event.target.closest?.("[data-map]");
    if (!frame || !keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    press(frame, keys[event.key]);
  });
  let wheeled = 0;
  document.addEventListener("wheel", (event) => {
    const frame = event.target.closest?.("[data-map]");
    if (!frame || !(event.ctrlKey || document.activeElement === frame)) return;
    event.preventDefault();
    if (event.timeStamp - wheeled < 350) return;
    wheeled = event.timeStamp;
    press(frame, event.deltaY < 0 ? "Nearer" : "Further away");
  }, { passive: false });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "map") document.querySelector("[data-map]")?.focus({ preventScroll: true });
  });
}
