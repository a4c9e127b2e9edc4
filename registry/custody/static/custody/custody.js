// Dates in the reader's own zone (the server takes and gives UTC), and only the field of the one it goes to. The calendar is drawn by
// the server: it is told the zone by a cookie, and asked again where it did not know it.
"use strict";
{
  const local = (utc) => {
    const at = new Date(`${utc}Z`);
    return isNaN(at) ? utc : new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  };
  const utc = (text) => {
    const at = new Date(text);
    return text && !isNaN(at) ? at.toISOString().slice(0, 16) : text;
  };
  const sayZone = (drawn) => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const said = `time-zone=${zone}`;
    if (!/^[\w+/-]+$/.test(zone) || drawn === zone || document.cookie.split("; ").includes(said)) return;
    document.cookie = `${said}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
    if (document.cookie.split("; ").includes(said)) location.reload();
  };
  const begin = (root) => {
    const drawn = document.querySelector("[data-time-zone]");
    if (drawn) sayZone(drawn.dataset.timeZone);
    for (const field of root.querySelectorAll("input[data-utc]:not([data-local])")) {
      if (field.value) field.value = local(field.value);
      field.dataset.local = "";
      if (field.form && !field.form.dataset.utc) {
        field.form.dataset.utc = "1";
        field.form.addEventListener("formdata", (event) => {
          for (const one of field.form.querySelectorAll("input[data-utc]")) event.formData.set(one.name, utc(one.value));
        });
      }
    }
    for (const choice of root.querySelectorAll("select[name=to]")) {
      const show = () => {
        for (const part of choice.form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== choice.value;
      };
      choice.addEventListener("change", show);
      show();
    }
  };
  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("htmx:afterSwap", (event) => begin(event.target));
}
