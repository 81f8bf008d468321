// Time, queue, webhooks, snapshots and reset.

import { byId, confirmed, duration, h, moment, notify, number, plural, setText, sync } from "./dom.js";
import { clearRules, rulesOfServer } from "./faults.js";
import { attempt, control, download, get, post, throttled } from "./server.js";

let webhooks = -1;
let organisation = "";

// Time

for (const button of document.querySelectorAll("[data-clock]")) {
  button.addEventListener("click", () => moveClock(JSON.parse(button.dataset.clock)));
}
byId("clock-freeze").addEventListener("click", () => moveClock({ freeze: byId("clock-freeze").textContent === "Freeze" }));

async function moveClock(change) {
  const clock = await attempt(() => post("/clock", change));
  if (clock) notify(`The clock shows ${moment(clock.now)} UTC`);
}

function showClock({ offset, frozen }) {
  const ahead = offset ? `${duration(Math.abs(offset))} ${offset > 0 ? "ahead of" : "behind"} the server's time` : "the server's time";
  setText(byId("clock-state"), frozen === null ? ahead : "frozen: no time passes");
  setText(byId("clock-freeze"), frozen === null ? "Freeze" : "Let it run");
}

// Queue

byId("queue-pause").addEventListener("click", () => attempt(() => post("/queue", { paused: byId("queue-pause").getAttribute("aria-checked") !== "true" })));
byId("queue-drain").addEventListener("click", () => attempt(async () => {
  byId("queue-drain").disabled = true;
  try {
    const done = await post("/drain", { timeout: 10 });
    notify(`Drained: ${number(done.deducted)} deducted, ${number(done.lost)} lost`);
  } finally {
    byId("queue-drain").disabled = false;
  }
}));

function showQueue(state) {
  const { ready, in_flight: flying } = state.stats;
  setText(byId("queue-waiting"), number(ready + flying));
  byId("queue-pause").setAttribute("aria-checked", state.queue.paused);
  const held = state.queue.held.map((each) => `${plural(each.items, "item")} held by ${each.rule}`).join("; ");
  setText(byId("queue-state"), held || (ready + flying ? `the oldest waits for ${duration(state.lag)}` : "nothing waits"));
}

// Webhooks

const refreshWebhooks = throttled(async () => {
  const { list } = await get("/webhooks");
  const rows = list.slice(-100).reverse();
  byId("deliveries-empty").hidden = rows.length > 0;
  byId("deliveries").closest(".scroll").hidden = !rows.length;
  sync(byId("deliveries"), rows, (each) => `${each.id} ${each.endpoint}`, createDelivery, updateDelivery);
});

const TONES = { pending: "tone-muted", delivered: "tone-good", failed: "tone-bad", dropped: "tone-bad" };

function createDelivery(each) {
  const resend = () => attempt(async () => {
    await post(`/webhooks/${encodeURIComponent(each.id)}/resend`);
    notify("Sent again");
  });
  return h("tr", {}, h("td", {}, moment(each.at)), h("td", {}, each.type), h("td", { className: "wrap" }, each.endpoint), h("td"), h("td", { className: "number" }), h("td", { className: "wrap" }), h("td", { className: "number" }, h("button", { type: "button", className: "small", onclick: resend, "aria-label": `Resend ${each.type} to ${each.endpoint}` }, "Resend")));
}

function updateDelivery(row, each) {
  setText(row.children[3], each.status);
  row.children[3].className = TONES[each.status];
  setText(row.children[4], number(each.attempts));
  setText(row.children[5], [each.http_status, each.error].filter(Boolean).join(" "));
}

byId("add-endpoint").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await post("/webhooks/endpoints", { url: event.target.elements.url.value });
    notify("Endpoint added");
    event.target.reset();
  });
});
byId("trigger").addEventListener("submit", (event) => {
  event.preventDefault();
  const { type, customer_id: customer, feature_id: feature } = event.target.elements;
  attempt(async () => {
    await post("/webhooks/trigger", { type: type.value, customer_id: customer.value, feature_id: feature.value });
    notify(`${type.value} triggered`);
    refreshWebhooks();
  });
});

async function loadFeatures() {
  const { features } = await get("/catalogue");
  byId("trigger-feature").replaceChildren(...features.map((each) => h("option", {}, each.id)));
}

// Snapshots and reset

byId("snapshot-save").addEventListener("click", () => attempt(async () => {
  const url = URL.createObjectURL(await download("/snapshot"));
  const link = h("a", { href: url, download: `${organisation}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}));
byId("snapshot-load").addEventListener("change", (event) => attempt(async () => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file || !(await confirmed("Load this snapshot?", `The data of this organisation is replaced by ${file.name}.`))) return;
  const { restored } = await control("PUT", "/snapshot", file);
  notify(`Loaded ${Object.entries(restored).map(([name, count]) => plural(count, name.replaceAll("_", " ").replace(/ies$/, "y").replace(/s$/, ""))).join(", ")}`);
}));
byId("reset").addEventListener("click", () => attempt(async () => {
  if (!(await confirmed("Reset this organisation?", "Its data, queue, fault rules, clock and requests return to the world. Rules of the whole server stay armed."))) return;
  await post("/reset");
  const left = rulesOfServer((await get("/faults")).list);
  if (!left.length) return notify("Reset");
  const count = plural(left.length, "rule");
  notify(`Reset. ${count} of the whole server ${left.length === 1 ? "stays" : "stay"} armed: ${left.map((each) => each.rule).join("; ")}`, false, {
    label: `Clear ${count}`,
    run: () => attempt(() => clearRules(left)),
  });
}));

export const view = {
  chosen(environment) {
    organisation = environment.slug;
    webhooks = -1;
  },
  enter() {
    attempt(loadFeatures);
    refreshWebhooks();
  },
  update(state) {
    showClock(state.clock);
    showQueue(state);
    if (state.webhooks === webhooks) return;
    webhooks = state.webhooks;
    refreshWebhooks();
  },
};
