// Customers: search, and one customer with balances, plans, entities, locks and events.

import { bar, byId, h, moment, notify, number, plural, setBar, setText, sync } from "./dom.js";
import { showPayments } from "./payments.js";
import { act, attempt, get, publicCall, throttled } from "./server.js";

let chosen = "";
let isShown = false;
let sequence = "";

// The list

const refreshList = throttled(async () => {
  const search = byId("customer-search").value;
  const page = await get(`/customers?limit=100&search=${encodeURIComponent(search)}`);
  setText(byId("customer-count"), `${page.found > page.list.length ? `${page.list.length} of ` : ""}${plural(page.found, "customer")}, newest first`);
  sync(byId("customer-list"), page.list, (each) => each.id, createRow, updateRow);
}, 300);

function createRow(customer) {
  return h("li", {}, h("button", { type: "button", onclick: () => { location.hash = `customers/${encodeURIComponent(customer.id)}`; } },
    h("span", { className: "line" }, h("b"), h("small")), h("span", { className: "bars" })));
}

function updateRow(row, customer) {
  const button = row.firstElementChild;
  if (customer.id === chosen) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  setText(row.querySelector("b"), customer.name || customer.id);
  setText(row.querySelector("small"), [customer.name ? customer.id : "", ...customer.plans].filter(Boolean).join(" · "));
  sync(row.querySelector(".bars"), customer.balances.filter((each) => !each.unlimited), (each) => each.feature_id, () => bar(), (node, each) => setBar(node, each.remaining / each.granted));
}

// One customer

const refreshCustomer = throttled(async () => {
  if (!chosen) return;
  const id = chosen;
  const path = encodeURIComponent(id);
  let customer;
  try {
    customer = await get(`/customers/${path}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    showNone(`There is no customer ${id} in this organisation.`);
    return;
  }
  const events = await get(`/events?limit=20&customer_id=${path}`);
  if (id !== chosen) return;
  show(customer, events.list.reverse());
  await showPayments(customer);
});

function showNone(text) {
  byId("customer-shown").hidden = true;
  byId("customer-empty").hidden = false;
  setText(byId("customer-empty"), text);
}

function show(customer, events) {
  byId("customer-shown").hidden = false;
  byId("customer-empty").hidden = true;
  setText(byId("customer-name"), customer.name || customer.id);
  setText(byId("customer-facts"), [customer.id, customer.email, `since ${moment(customer.created_at).slice(0, 10)}`].filter(Boolean).join(" · "));
  const plans = [...customer.subscriptions, ...customer.purchases];
  sync(byId("customer-plans"), plans, (each) => `${each.id ?? ""}${each.plan_id}${each.started_at}`, () => h("li"), (node, each) => setText(node, describePlan(each)));
  sync(byId("customer-balances"), Object.values(customer.balances), (each) => each.feature_id, createBalance, updateBalance);
  orNone(byId("customer-balances"), "No balance.");
  sync(byId("customer-entities"), customer.entities, (each) => each.id, () => h("li"), updateEntity);
  orNone(byId("customer-entities"), "None.");
  sync(byId("customer-locks"), customer.locks, (each) => each.id, () => h("li"), updateLock);
  orNone(byId("customer-locks"), "None.");
  sync(byId("customer-events"), events, (each) => each.id, createEvent);
}

function orNone(list, text) {
  if (!list.children.length) list.append(h("li", { className: "hint", "data-key": " none" }, text));
}

function describePlan(plan) {
  const notes = [plan.status !== "active" ? plan.status : "", plan.canceled_at ? "canceled" : "", plan.expires_at ? `until ${moment(plan.expires_at).slice(0, 10)}` : "", plan.scope === "entity" ? "of an entity" : ""].filter(Boolean);
  return `${plan.plan_id}${notes.length ? ` (${notes.join(", ")})` : ""}`;
}

function resetText(reset, at) {
  if (!reset && !at) return "";
  if (!at) return "does not reset";
  return `${reset?.interval ? `each ${reset.interval}, ` : ""}resets ${moment(at).slice(0, 16)}`;
}

function createBalance(balance) {
  const input = h("input", { type: "number", step: "any", required: true, "aria-label": `New remaining ${balance.feature_id}` });
  const form = h("form", { className: "inline", hidden: true }, h("span", { className: "field short" }, input), h("button", { type: "submit", className: "primary" }, "Save"), h("button", { type: "button", onclick: () => toggle(false) }, "Cancel"));
  const edit = h("button", { type: "button", className: "small", onclick: () => toggle(true), "aria-label": `Edit ${balance.feature_id}` }, "Edit");
  function toggle(isOpen) {
    form.hidden = !isOpen;
    if (isOpen) {
      input.value = edit.closest("li").dataset.remaining;
      input.select();
    } else edit.focus();
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await act("/v1/balances.update", { customer_id: chosen, feature_id: balance.feature_id, remaining: Number(input.value) }, `${balance.feature_id} set`)) toggle(false);
    refreshCustomer();
  });
  return h("li", {}, h("div", { className: "line" }, h("b", {}, balance.feature_id), h("span", { className: "amount" })), bar(),
    h("div", { className: "under" }, h("span"), edit), form,
    h("details", {}, h("summary", {}, "Breakdown"), h("div", { className: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "From"), h("th", { className: "number" }, "Granted"), h("th", { className: "number" }, "Used"), h("th", { className: "number" }, "Remaining"), h("th", {}, "Reset"))), h("tbody")))));
}

function updateBalance(node, balance) {
  node.dataset.remaining = balance.remaining;
  const amount = node.querySelector(".amount");
  const text = balance.unlimited ? "unlimited" : number(balance.remaining);
  if (amount.dataset.shown !== text + balance.granted) {
    amount.dataset.shown = text + balance.granted;
    amount.replaceChildren(text, balance.unlimited ? "" : h("small", {}, ` of ${number(balance.granted)} left`));
  }
  setBar(node.querySelector(".bar"), balance.unlimited ? 1 : balance.remaining / balance.granted);
  const notes = [`${number(balance.usage)} used`, balance.next_reset_at ? `resets ${moment(balance.next_reset_at).slice(0, 16)}` : "", balance.overage_allowed ? "overage allowed" : ""];
  setText(node.querySelector(".under span"), notes.filter(Boolean).join(" · "));
  node.querySelector("details").hidden = !balance.breakdown?.length;
  sync(node.querySelector("tbody"), balance.breakdown ?? [], (each) => each.id, () => h("tr", {}, h("td"), h("td", { className: "number" }), h("td", { className: "number" }), h("td", { className: "number" }), h("td")), (row, each) => {
    const cells = [each.plan_id ? `plan ${each.plan_id}` : each.id, number(each.included_grant + each.prepaid_grant), number(each.usage), number(each.remaining), resetText(each.reset, each.reset?.resets_at) || "never"];
    cells.forEach((text, index) => setText(row.children[index], text));
  });
}

function updateEntity(node, entity) {
  const balances = Object.values(entity.balances).map((each) => `${each.feature_id} ${each.unlimited ? "unlimited" : number(each.remaining)}`);
  setText(node, [`${entity.name || entity.id} (${entity.feature_id})`, ...balances].join(" · "));
}

function updateLock(node, lock) {
  const held = lock.mutations.reduce((sum, each) => sum + Number(each.units), 0);
  setText(node, `${lock.id} · ${number(held)} ${lock.feature_id}${lock.releases_at ? ` · until ${moment(lock.releases_at)}` : ""}`);
}

function createEvent(event) {
  const properties = event.properties && Object.keys(event.properties).length ? JSON.stringify(event.properties) : "";
  return h("tr", {}, h("td", {}, moment(event.timestamp)), h("td", {}, event.event_name ?? event.feature_id ?? ""), h("td", { className: "number" }, number(event.value ?? 1)), h("td", {}, event.entity_id ?? ""), h("td", { className: "wrap mono" }, properties));
}

// Actions

async function loadCatalogue() {
  const { features, plans } = await get("/catalogue");
  const optionsOf = (list) => list.map((each) => h("option", { value: each.id }, each.id));
  byId("attach").elements.plan_id.replaceChildren(...optionsOf(plans));
  byId("batch").elements.feature_id.replaceChildren(...optionsOf(features.filter((each) => each.type !== "boolean")));
}

byId("payments").addEventListener("changed", refreshCustomer);

byId("attach").addEventListener("submit", async (event) => {
  event.preventDefault();
  const plan = event.target.elements.plan_id.value;
  if (!plan) return notify("This organisation has no plan", true);
  byId("attach-answer").replaceChildren();
  if (event.submitter?.value === "attach") await act("/v1/billing.attach", { customer_id: chosen, plan_id: plan, no_billing_changes: true }, `${plan} attached without payment`);
  else await buy(chosen, plan);
  return refreshCustomer();
});

/** Buy a plan as a client does, and show what the answer says: a refusal, a page to pay on, an invoice. */
async function buy(customer, plan) {
  const { status, body: answer } = await publicCall("POST", "/v1/billing.attach", JSON.stringify({ customer_id: customer, plan_id: plan }));
  if (customer !== chosen) return;
  const isDone = status >= 200 && status < 300;
  const { invoice, payment_url: url, required_action: refused } = isDone ? answer : {};
  const text = !isDone ? `${status || "No reply"}: ${answer?.message ?? answer}`
    : refused ? `${plan} is not paid. ${refused.reason}`
      : url ? `${plan}: the customer has to pay first.`
        : `${plan} bought${invoice ? `: ${invoice.total} ${invoice.currency.toUpperCase()}, ${invoice.status}` : ", nothing to pay"}.`;
  const link = url ?? invoice?.hosted_invoice_url;
  byId("attach-answer").classList.toggle("tone-bad", !isDone || Boolean(refused));
  byId("attach-answer").replaceChildren(text, ...(link ? [" ", h("a", { href: link, target: "_blank", rel: "noopener" }, url ? "Open the payment page" : "Open the invoice")] : []));
}

byId("batch").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { feature_id: feature, items, value } = event.target.elements;
  const clock = await attempt(() => get("/clock"));
  if (!clock) return;
  // Each item has a time of its own, as events of a client do: the same batch sent again is then known to be the same.
  const item = (_, index) => ({ customer_id: chosen, feature_id: feature.value, value: Number(value.value), timestamp: clock.now - index });
  await act("/v1/balances.batch_track", Array.from({ length: Number(items.value) }, item), `${plural(Number(items.value), "item")} sent`);
});

byId("customer-search").addEventListener("input", refreshList);

export const view = {
  chosen() {
    chosen = "";
    sequence = "";
    byId("customer-list").replaceChildren();
    showNone("Choose a customer.");
    attempt(loadCatalogue);
  },
  enter(id) {
    isShown = true;
    if (id !== chosen) byId("attach-answer").replaceChildren();
    chosen = id;
    if (!id) showNone("Choose a customer.");
    refreshList();
    refreshCustomer();
    attempt(loadCatalogue);
  },
  leave() {
    isShown = false;
  },
  update(state) {
    const { deducted, lost } = state.stats;
    const next = [state.requests, deducted, lost, state.customers, state.clock.offset, state.clock.frozen].join();
    if (!isShown || next === sequence) return;
    sequence = next;
    refreshCustomer();
    refreshList();
  },
};
