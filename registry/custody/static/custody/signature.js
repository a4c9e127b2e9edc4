// A signature drawn with finger, pen or mouse, sent with the form as a small PNG.
"use strict";
document.documentElement.classList.add("js");
document.addEventListener("DOMContentLoaded", () => {
  const canvas = document.querySelector("[data-signature]");
  if (!canvas) return;
  const pen = canvas.getContext("2d");
  const field = canvas.closest("form");
  let drawn = false;
  const begin = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    drawn = false;
  };
  begin();
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.lineWidth = 4;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = "#14161a";
    pen.beginPath();
    pen.moveTo(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) pen.lineTo(...at(one));
    pen.stroke();
    drawn = true;
  });
  document.querySelector("[data-clear]").addEventListener("click", begin);
  field.addEventListener("formdata", (event) => event.formData.set("signature", drawn ? canvas.toDataURL("image/png") : ""));
});
