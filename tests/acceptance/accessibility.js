// What accessibility.py asks a page, in the page: functions, each an expression of its own. No third-party code.
(() => {
  const what = (e) => `<${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}${e.className && e.className.baseVal === undefined ? "." + String(e.className).trim().replace(/ +/g, ".") : ""}> ${(e.textContent || e.value || "").trim().replace(/\s+/g, " ").slice(0, 40)}`;
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest("[aria-hidden=true]") && !e.closest("dialog:not([open])");
  const drawn = (e) => { const box = e.getBoundingClientRect(); return box.width > 1 && box.height > 1; };
  const text = (id) => document.getElementById(id)?.textContent.trim() ?? "";

const asked = {
faults: () => [...asked.structure(), ...asked.contrast()],

structure: () => {
  const said = [];

  // names
  const name = (e) => e.getAttribute("aria-label")?.trim() || (e.getAttribute("aria-labelledby") ?? "").split(/\s+/).map(text).join(" ").trim()
    || [...(e.labels ?? [])].map((l) => l.textContent.trim()).join(" ").trim()
    || (["INPUT", "SELECT", "TEXTAREA"].includes(e.tagName) ? (["submit", "button"].includes(e.type) ? e.value : e.title) : e.textContent.trim())
    || [...e.querySelectorAll("img[alt], svg[aria-label]")].map((i) => i.alt ?? i.getAttribute("aria-label")).join(" ").trim() || e.title;
  const controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [tabindex]")].filter(shown);
  for (const e of controls) if (drawn(e) && !name(e) && !(e.tagName === "DIV" || e.tagName === "MAIN" || e.tagName === "svg")) said.push(`no name: ${what(e)}`);
  for (const e of controls) if (e.tabIndex > 0) said.push(`an order of its own: ${what(e)}`);

  // pictures
  for (const e of document.querySelectorAll("img")) if (!e.hasAttribute("alt")) said.push(`no alt: ${e.src.slice(-60)}`);
  for (const e of document.querySelectorAll("svg")) {
    if (shown(e) && !e.closest("[aria-hidden=true]") && e.getAttribute("role") !== "presentation" && !e.querySelector("title") && !e.hasAttribute("aria-label") && !e.hasAttribute("aria-labelledby"))
      said.push(`a drawing without text: ${what(e)}`);
  }

  // ids, headings, the page itself
  const ids = new Map();
  for (const e of document.querySelectorAll("[id]")) ids.set(e.id, (ids.get(e.id) ?? 0) + 1);
  for (const [id, count] of ids) if (count > 1) said.push(`the id ${id} stands ${count} times`);
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls], label[for], button[popovertarget]")) {
    const named = [e.getAttribute("aria-labelledby"), e.getAttribute("aria-describedby"), e.getAttribute("for"), e.getAttribute("popovertarget")];
    for (const id of named.filter(Boolean).flatMap((n) => n.split(/\s+/))) if (!document.getElementById(id)) said.push(`${what(e)} names ${id}, which is not there`);
  }
  if (!document.documentElement.lang) said.push("no language");
  if (!document.title.trim()) said.push("no title");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((h) => shown(h) && !h.closest("dialog, [popover]"));
  const firsts = headings.filter((h) => h.tagName === "H1").length;
  if (firsts !== 1) said.push(`${firsts} first headings`);
  let level = 0;
  for (const h of headings) {
    const now = Number(h.tagName[1]);
    if (level && now > level + 1) said.push(`a heading of level ${now} after ${level}: ${what(h)}`);
    level = now;
  }

  // targets: 24 by 24, or that much room around, or a word in a sentence
  const targets = controls.filter((e) => drawn(e) && e.tagName !== "MAIN" && e.tagName !== "DIV").map((e) => [e, (e.labels?.[0] && ["checkbox", "radio"].includes(e.type) ? [e, ...e.labels].map((l) => l.getBoundingClientRect()).reduce((x, y) => (x.width * x.height > y.width * y.height ? x : y)) : e.getBoundingClientRect())]);
  const layer = (e) => e.closest("dialog:modal, :popover-open, .sidenav, .topbar, .selection-bar");  // what lies over the page is no neighbour of what lies under it
  for (const [e, box] of targets) {
    if (box.width >= 23.5 && box.height >= 23.5) continue;
    const inline = getComputedStyle(e).display.startsWith("inline") && [...e.parentElement.childNodes].some((n) => n !== e && n.textContent?.trim());
    if (e.closest("thead") && getComputedStyle(e.closest("thead")).clipPath !== "none") continue;  // of a table drawn as cards
    if (inline || e.classList.contains("skip") || e.classList.contains("visually-hidden")) continue;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const top = document.elementFromPoint(x, y);
    if (top && !e.contains(top) && !top.contains(e)) continue;  // a bar that stays lies over it
    const near = targets.find(([other, theirs]) => other !== e && layer(other) === layer(e) && !other.contains(e) && !e.contains(other)
      && Math.max(theirs.left - x, 0, x - theirs.right) ** 2 + Math.max(theirs.top - y, 0, y - theirs.bottom) ** 2 < 144);
    if (near) said.push(`a target of ${Math.round(box.width)} by ${Math.round(box.height)} too near to another: ${what(e)}`);
  }
  return said;
},

contrast: () => {
  const said = [];
  // contrast, of every element with text of its own
  const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      const colour = rgba(style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), rgba(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3));
  };
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const worst = new Map();
  for (const e of document.querySelectorAll("body *")) {
    if (!shown(e) || !drawn(e) || e.closest("svg, select, canvas, :disabled, [aria-disabled=true], progress, script, noscript")) continue;
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own && !(e.tagName === "INPUT" && e.value && e.type !== "checkbox" && e.type !== "radio")) continue;
    const style = getComputedStyle(e);
    const under = ground(e);
    if (!under || style.clipPath !== "none") continue;
    let alpha = 1;
    for (let at = e; at; at = at.parentElement) alpha *= Number(getComputedStyle(at).opacity);
    const [r, g, b, a] = rgba(style.color);
    const [one, two] = [light(over([r, g, b, a * alpha], under)), light(under)].sort((x, y) => y - x);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5) - 0.01) {
      const key = `${style.color} ${under}`;
      if (!worst.has(key)) worst.set(key, `contrast ${ratio.toFixed(2)}: ${what(e)}`);
    }
  }
  said.push(...worst.values());

  return said;
},

controls: () => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0 && !e.closest("dialog:not([open])")
    && !(e.type === "radio" && e.name && !e.checked))
  .map((e, at) => { e.dataset.tabbed = String(at); return `${e.tagName} ${(e.getAttribute("aria-label") || e.textContent || e.name || "").trim().slice(0, 40)}`; }),

focused: () => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  const parts = /^(date|datetime-local|time|month|week)$/.test(e.type);  // day, month, year and the calendar are drawn by the browser
  const ring = parts || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return [e.dataset.tabbed ?? null, ring || style.boxShadow !== "none"];
},

// after one press of Tab the browser shows every focus that scripts set, too: all controls in one go instead of a key for each
unseen: () => {
  const said = [];
  for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")) {
    if (!e.checkVisibility({ visibilityProperty: true }) || e.disabled || e.closest("dialog:not([open])")) continue;
    const what = `${e.tagName.toLowerCase()} ${(e.getAttribute("aria-label") || e.textContent || e.name || "").trim().slice(0, 40)}`;
    e.focus({ preventScroll: true });
    if (document.activeElement !== e) { said.push(`cannot be focused: ${what}`); continue; }
    const style = getComputedStyle(e);
    const drawn = /^(date|datetime-local|time|month|week)$/.test(e.type) || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
    if (!drawn && style.boxShadow === "none" && !e.closest(":focus-within:has(> input.visually-hidden)")) said.push(`no sign of the focus: ${what}`);
  }
  document.activeElement?.blur();
  return said;
},
};
return asked;
})()
