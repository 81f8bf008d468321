// Elements, lists that keep their nodes, and how numbers and times are written.

export const byId = (id) => document.getElementById(id);

/** An element; properties that start with "on" are listeners, others attributes. Text is never read as markup. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== false));
  return node;
}

/** An SVG element. */
export function svg(tag, properties = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Set a text, if it differs: a screen reader is not disturbed without need. */
export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Make the children of a parent those of a list. Children of the same key stay, with their focus and their state. */
export function sync(parent, items, keyOf, create, update = () => {}) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = old.get(key);
    old.delete(key);
    if (!node) {
      node = create(item);
      node.dataset.key = key;
    }
    update(node, item);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  for (const node of old.values()) node.remove();
}

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const number = (value) => (Math.abs(value) >= 1e7 ? compact.format(value) : numbers.format(value));
/** A number without separators, as the steps of scenarios write it. */
export const plain = (value) => String(Math.round(value * 1e4) / 1e4);
export const plural = (count, word) => `${number(count)} ${count === 1 ? word : `${word}s`.replace(/([^aeo])ys$/, "$1ies")}`;

const two = (value) => String(value).padStart(2, "0");

/** An instant (ms) as date and time in UTC. */
export function moment(ms) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return `${ms} ms`;
  return date.toISOString().slice(0, 19).replace("T", " ");
}

/** An instant (ms) as the time of day in UTC, with milliseconds. */
export function timeOfDay(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms}` : date.toISOString().slice(11, 23);
}

/** A length of time (ms). */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(Math.round(seconds) % 60)} s`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** The tone of a status: what happened to the client. */
export function toneOf(status) {
  if (status === null || status === undefined) return "tone-bad";
  if (status < 300) return "tone-good";
  return status === 429 || status === 503 ? "tone-warn" : status >= 400 ? "tone-bad" : "tone-muted";
}

/** A bar of a share from 0 to 1. */
export function bar(className = "") {
  return h("span", { className: `bar ${className}`, "aria-hidden": "true" }, h("i"));
}

export function setBar(node, share) {
  node.firstElementChild.style.width = `${Math.max(0, Math.min(share || 0, 1)) * 100}%`;
}

/** JSON with its keys, texts and numbers in colours; anything else as it is. */
export function formatted(value) {
  let text = value;
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
      text = JSON.stringify(value, null, 2);
    } catch {
      return h("pre", {}, value);
    }
  } else {
    text = JSON.stringify(value, null, 2);
  }
  const pre = h("pre", {});
  if (text.length > 200000) {
    pre.append(text);
    return pre;
  }
  let at = 0;
  for (const found of text.matchAll(/("(?:\\.|[^"\\])*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g)) {
    pre.append(text.slice(at, found.index));
    const kind = found[1] === undefined ? "number" : found[2] === undefined ? "string" : "key";
    pre.append(h("span", { className: `json-${kind}` }, found[1] ?? found[0]), found[2] ?? "");
    at = found.index + found[0].length;
  }
  pre.append(text.slice(at));
  return pre;
}

/** Show a message. It goes after some seconds, or, if it is an error or offers an action ({label, run}), when it is closed. */
export function notify(text, isBad = false, action = null) {
  for (const old of byId("notices").children) if (old.firstChild.textContent === text) old.remove();
  const note = h("p", { className: isBad ? "bad" : "" }, h("span", {}, text));
  const close = () => note.remove();
  if (action) note.append(h("button", { type: "button", className: "small", onclick: () => { close(); action.run(); } }, action.label));
  if (isBad || action) note.append(h("button", { type: "button", className: "small", onclick: close, "aria-label": "Close the message" }, "Close"));
  else setTimeout(close, 6000);
  byId("notices").append(note);
  if (byId("notices").children.length > 4) byId("notices").firstElementChild.remove();
}

/** Ask before something that cannot be undone; resolves to whether to go on. */
export function confirmed(title, text) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    notify(`${what} copied`);
  } catch {
    notify("The browser does not let this page copy; select the text instead", true);
  }
}
