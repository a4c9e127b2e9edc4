// Outlining a room on its floor plan: clicks set corners, drags move them or draw a rectangle. The field of corners is the truth:
// what is drawn is written there, what is typed there is drawn.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const svg = document.querySelector("[data-outline-editor] svg");
  const field = document.getElementById("id_outline");
  const room = document.getElementById("id_room");
  if (!svg || !field || !room) return;
  const chosen = () => room.closest(".pick").querySelector("[data-picked]").value;
  const known = JSON.parse(document.getElementById("outlines").textContent);
  const { width, height } = svg.viewBox.baseVal;
  const made = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return svg.appendChild(node);
  };
  const shape = made("polygon", { class: "editing" });
  let handles = [];

  const corners = () => field.value.trim().split(/\s+/).filter(Boolean).map((pair) => pair.split(",").map(Number)).filter((c) => c.length === 2 && c.every(isFinite));
  const write = (list) => {
    field.value = list.map(([x, y]) => `${Math.min(Math.max(x, 0), 100).toFixed(2)},${Math.min(Math.max(y, 0), 100).toFixed(2)}`).join(" ");
    draw();
  };
  const draw = () => {
    const list = corners();
    shape.setAttribute("points", list.map(([x, y]) => `${(x / 100) * width},${(y / 100) * height}`).join(" "));
    for (const handle of handles) handle.remove();
    handles = list.map(([x, y], n) => made("circle", { class: "corner", cx: (x / 100) * width, cy: (y / 100) * height, r: width / 110, "data-n": n }));
    for (const link of svg.querySelectorAll("[data-room]")) link.classList.toggle("own", link.dataset.room === chosen());
  };
  const at = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [(point.x / width) * 100, (point.y / height) * 100];
  };

  let moving = null;
  svg.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    const n = event.target.dataset?.n;
    moving = n !== undefined ? { n: Number(n) } : { from: at(event), far: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!moving) return;
    const [x, y] = at(event);
    if (moving.n !== undefined) {
      const list = corners();
      list[moving.n] = [x, y];
      write(list);
    } else if (moving.far || Math.hypot(x - moving.from[0], y - moving.from[1]) > 1.5) {
      if (!moving.far && corners().length) { moving = null; return; }
      moving.far = true;
      const [x0, y0] = moving.from;
      write([[x0, y0], [x, y0], [x, y], [x0, y]]);
    }
  });
  svg.addEventListener("pointerup", () => {
    if (moving && moving.n === undefined && !moving.far) write([...corners(), moving.from]);
    moving = null;
  });
  svg.addEventListener("dblclick", (event) => {
    const n = event.target.dataset?.n;
    if (n === undefined) return;
    const list = corners();
    list.splice(Number(n), 1);
    write(list);
  });
  field.addEventListener("input", draw);
  room.addEventListener("change", () => { field.value = known[chosen()] ?? ""; draw(); });
  document.querySelector("[data-outline-clear]").addEventListener("click", () => write([]));
  draw();
});
