// Requests: a live list with filters, and one request whole.

import { byId, copy, formatted, h, moment, notify, number, plural, setText, sync, timeOfDay, toneOf } from "./dom.js";
import { get, publicCall, throttled } from "./server.js";

const LIMIT = 100;
let chosen = "";
let shown = null;
let version = -1;
let key = "";

// The list

const filters = byId("request-filters");

const refreshList = throttled(async () => {
  const query = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value));
  query.set("limit", LIMIT);
  const { list } = await get(`/requests?${query}`);
  const rows = list.slice(-LIMIT).reverse();
  setText(byId("request-count"), rows.length === LIMIT ? `the last ${LIMIT}` : plural(rows.length, "request"));
  byId("request-empty").hidden = rows.length > 0;
  sync(byId("request-rows"), rows, (each) => each.id, createRow, updateRow);
});

const statusOf = (entry) => (entry.status === null ? "no reply" : entry.status);

function itemsOf(entry) {
  if (entry.items === null || entry.items === undefined) return "";
  return entry.refused ? `${entry.items - entry.refused} of ${entry.items}` : number(entry.items);
}

function createRow(entry) {
  const open = () => { location.hash = `requests/${entry.id}`; };
  return h("tr", { onclick: open }, h("td", { title: moment(entry.at), className: "tone-muted" }, timeOfDay(entry.at)), h("td", { className: "number" }),
    h("td", {}, h("a", { className: "link", href: `#requests/${entry.id}` }, h("span", { className: "method" }, `${entry.method} `), entry.path)),
    h("td"), h("td", { className: "number" }), h("td", { className: "number tone-muted" }, number(Math.round(entry.duration_ms * 10) / 10)), h("td", { className: "tone-warn" }));
}

function updateRow(row, entry) {
  row.setAttribute("aria-selected", String(entry.id) === chosen);
  const [, status, , customer, items, , faults] = row.children;
  setText(customer, entry.customer_id ?? "");
  setText(status, statusOf(entry));
  status.className = `number ${toneOf(entry.status)}`;
  setText(items, itemsOf(entry));
  setText(faults, entry.faults.join(", "));
}

// One request

async function showRequest() {
  byId("request-none").hidden = Boolean(chosen);
  byId("request-shown").hidden = String(shown?.id) !== chosen; // until it is loaded
  if (!chosen) return;
  const id = chosen;
  try {
    const entry = await get(`/requests/${encodeURIComponent(id)}`);
    if (id === chosen) show(entry);
  } catch (error) {
    byId("request-shown").hidden = true;
    byId("request-none").hidden = false;
    setText(byId("request-none"), error.message);
  }
}

function show(entry) {
  const text = JSON.stringify(entry);
  if (shown && JSON.stringify(shown) === text) return;
  const isOther = shown?.id !== entry.id;
  shown = entry;
  byId("request-shown").hidden = false;
  setText(byId("request-title"), `${entry.method} ${entry.path}`);
  const open = new Set([...byId("request-body").querySelectorAll("details[open]")].map((each) => each.dataset.name));
  byId("request-body").replaceChildren(...partsOf(entry).filter(Boolean));
  if (!isOther) for (const each of byId("request-body").querySelectorAll("details")) each.open = open.has(each.dataset.name);
  byId("send-again").disabled = bodyOf(entry) === undefined;
}

function bodyOf(entry) {
  const body = entry.request_body;
  if (body === undefined) return undefined;
  if (body === null) return entry.size ? undefined : "";
  if (entry.request_body_cut) return undefined;
  return typeof body === "string" ? body : JSON.stringify(body);
}

function partsOf(entry) {
  const differs = entry.service_status !== entry.status && entry.service_status !== null;
  const facts = [
    ["Status", h("b", { className: toneOf(entry.status) }, statusOf(entry), differs ? ` (the service decided ${entry.service_status})` : "")],
    ["Received", `${moment(entry.at)} UTC, ${number(entry.duration_ms)} ms`],
    ["Call", entry.call || "not served here"],
    ["Customer", entry.customer_id ? h("a", { href: `#customers/${encodeURIComponent(entry.customer_id)}` }, entry.customer_id) : ""],
    ["Entity", entry.entity_id ?? ""],
    ["Faults", entry.faults.join(", ")],
    ["Reply", entry.reply === "sent" ? "" : entry.reply.replace("_", " ")],
    ["Version", entry.api_version ?? ""],
    ["Request ID", entry.request_id],
    ["Correlation ID", entry.correlation_id],
    ["Note", entry.note ?? ""],
  ];
  return [
    h("dl", { className: "facts" }, facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    entry.message ? h("p", { className: "message" }, entry.message) : null,
    entry.items_fate?.length ? itemsTable(entry) : null,
    part(bodyTitle("Request body", entry.request_body, entry.size, entry.request_body_cut), entry.request_body ?? "", true),
    part(bodyTitle("Reply body", entry.reply_body, entry.reply_size, entry.reply_body_cut), entry.reply_body ?? "", true),
    part("Request headers", entry.request_headers, false),
    part("Reply headers", entry.reply_headers, false),
    table("Deductions", entry.deductions, ["Item", "Value", "Feature", "Plan"], (each) => [each.index ?? "", number(each.value), each.feature_id, each.plan_id ?? ""]),
    table("Webhooks", entry.webhooks, ["Item", "Type", "Endpoint", "Status"], (each) => [each.index ?? "", each.type, each.endpoint, each.error ? `${each.status}: ${each.error}` : each.status]),
  ];
}

const TONES = { refused: "tone-warn", waiting: "tone-muted", deducted: "tone-good", lost: "tone-bad" };

function itemsTable(entry) {
  const rows = entry.items_fate.slice(0, 200).map((each) => {
    const item = each.item ?? {};
    const reason = [each.reason, ...(each.notes ?? []).map((note) => note.text ?? note.rule ?? JSON.stringify(note))].filter(Boolean).join("; ");
    return h("tr", {}, h("td", { className: "number" }, each.index), h("td", {}, item.customer_id ?? ""), h("td", {}, item.feature_id ?? item.event_name ?? ""), h("td", { className: "number" }, each.item ? number(item.value ?? 1) : ""), h("td", { className: "wrap" }, h("span", { className: TONES[each.fate] }, each.fate), reason ? h("small", {}, ` ${reason}`) : null));
  });
  return h("details", { className: "body", open: true, "data-name": "items" }, h("summary", {}, `Items (${entry.items_fate.length})`),
    h("div", { className: "scroll", role: "region", "aria-label": "Items", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { className: "number" }, "#"), h("th", {}, "Customer"), h("th", {}, "Feature"), h("th", { className: "number" }, "Value"), h("th", {}, "State"))), h("tbody", {}, rows))));
}

function bodyTitle(name, body, size, isCut) {
  if (!size) return name;
  const kept = isCut ? ", the beginning is kept" : body === null ? ", no longer kept" : "";
  return `${name} (${plural(size, "byte")}${kept})`;
}

function table(title, rows, names, cellsOf) {
  if (!rows?.length) return null;
  return h("details", { className: "body", open: true, "data-name": title }, h("summary", {}, `${title} (${rows.length})`),
    h("div", { className: "scroll", role: "region", "aria-label": title, tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, names.map((name) => h("th", {}, name)))),
      h("tbody", {}, rows.slice(0, 200).map((each) => h("tr", {}, cellsOf(each).map((cell) => h("td", {}, cell))))))));
}

function part(title, value, isOpen) {
  const isEmpty = value === undefined || value === null || value === "" || (typeof value === "object" && !Object.keys(value).length);
  if (isEmpty) return null;
  const pre = formatted(value);
  pre.tabIndex = 0;
  pre.setAttribute("aria-label", title);
  pre.setAttribute("role", "region");
  return h("details", { className: "body", open: isOpen, "data-name": title }, h("summary", {}, title), pre);
}

// Actions

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function asCurl(entry) {
  const body = bodyOf(entry);
  const lines = [`curl -X ${entry.method} ${quoted(location.origin + entry.path + (entry.query ? `?${entry.query}` : ""))}`, `-H ${quoted(`Authorization: Bearer ${key}`)}`];
  if (entry.api_version) lines.push(`-H ${quoted(`x-api-version: ${entry.api_version}`)}`);
  if (body) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

async function sendAgain() {
  const body = bodyOf(shown);
  const { status, body: answer } = await publicCall(shown.method, shown.path, shown.method === "GET" ? undefined : body, shown.api_version ? { "x-api-version": shown.api_version } : {});
  notify(`Sent again: ${status || "no reply"}${status >= 400 ? ` ${answer?.message ?? answer}` : ""}`, status === 0 || status >= 400);
}

byId("copy-curl").addEventListener("click", () => copy(asCurl(shown), "Command"));
byId("send-again").addEventListener("click", sendAgain);
filters.addEventListener("input", refreshList);
filters.addEventListener("submit", (event) => event.preventDefault());

const refreshRequest = throttled(showRequest);

export const view = {
  chosen(environment) {
    key = environment.key ?? "$AUTUMN_SECRET_KEY";
    version = -1;
    shown = null;
    byId("request-rows").replaceChildren();
  },
  enter(id) {
    if (id !== chosen) shown = null;
    chosen = id;
    refreshList();
    refreshRequest();
  },
  update(state) {
    const next = `${state.requests} ${state.stats.deducted} ${state.stats.lost}`;
    if (next === version) return;
    version = next;
    refreshList();
    if (chosen) refreshRequest();
  },
};
