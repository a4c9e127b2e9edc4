// Uploading: what is chosen, photographed or dropped goes at once.
"use strict";
for (const form of document.querySelectorAll("[data-drop]")) {
  const send = () => {
    form.classList.add("sending");
    form.requestSubmit();
  };
  for (const input of form.querySelectorAll("input[type=file]")) input.addEventListener("change", () => input.files.length && send());
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    form.querySelector("input[type=file]").files = event.dataTransfer.files;
    send();
  });
}
