// The payments of one customer: the payment method, open checkouts, invoices, and what is done on their pages.

import { byId, h, moment, notify, setText, sync } from "./dom.js";
import { attempt, get, post } from "./server.js";

const MOST = 12;
let customer = "";

const money = (amount) => `$${amount.toFixed(2)}`;

/** Show the payments of a customer, as far as the answer still belongs to the one that is shown. */
export async function showPayments(shown) {
  customer = shown.id;
  byId("payment-method").value = shown.payment_method;
  const query = encodeURIComponent(shown.id);
  const [checkouts, invoices] = await Promise.all([get(`/checkouts?customer=${query}`), get(`/invoices?customer=${query}`)]);
  if (customer !== shown.id) return;
  const waiting = checkouts.list.filter((each) => each.status === "open" || (each.status === "complete" && !each.settled));
  const rows = [...waiting.map((each) => ({ ...each, kind: "checkouts" })), ...invoices.list.slice(0, MOST).map((each) => ({ ...each, kind: "invoices" }))];
  sync(byId("customer-payments"), rows, (each) => each.id, () => h("li", {}, h("a", { target: "_blank", rel: "noopener" }), h("span"), h("span", { className: "actions" })), update);
  byId("customer-payments-empty").hidden = rows.length > 0;
}

function update(node, row) {
  const [link, text, actions] = node.children;
  if (row.url) link.href = row.url;
  setText(link, `${row.kind === "checkouts" ? "Checkout" : "Invoice"} of ${moment(row.created_at).slice(0, 10)}`);
  setText(text, `${row.plan_ids.join(", ")} · ${money(row.total)} · ${row.status}${row.settled === false && row.status === "complete" ? ", not settled" : ""}`);
  const known = choices(row).join();
  if (actions.dataset.known === known) return;
  actions.dataset.known = known;
  actions.replaceChildren(...choices(row).map((action) => h("button", { type: "button", className: "small", onclick: () => act(row, action) }, action[0].toUpperCase() + action.slice(1))));
}

function choices(row) {
  if (row.status === "complete" || row.reason === "payment_processing") return ["settle"];
  return row.status === "open" ? ["pay", "decline"] : [];
}

async function act(row, action) {
  await attempt(async () => {
    const answer = await post(`/${row.kind}/${row.id}`, { action });
    const refused = answer.required_action?.reason;
    notify(refused ?? `${row.kind === "checkouts" ? "Checkout" : "Invoice"}: ${answer.status}`, Boolean(refused));
  });
  byId("payments").dispatchEvent(new Event("changed"));
}

byId("payment-method").addEventListener("change", (event) => attempt(async () => {
  await post(`/customers/${encodeURIComponent(customer)}/payment_method`, { payment_method: event.target.value });
  notify("Payment method changed");
}));
