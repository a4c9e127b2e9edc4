// A date and time in the reader's own zone; the server takes and gives UTC.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll("input[data-utc]")) {
    const given = new Date(`${field.value}Z`);
    if (!isNaN(given)) field.value = new Date(given - given.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    field.form.addEventListener("formdata", (event) => {
      const at = new Date(field.value);
      if (!isNaN(at)) event.formData.set(field.name, at.toISOString().slice(0, 16));
    });
  }
});
