// The overview: the pipe, the charts, what stands out, and snippets to connect a client.

import { SPAN_MS, draw } from "./chart.js";
import { byId, copy, duration, h, number, plural, setText, sync } from "./dom.js";

const stages = new Map([...document.querySelectorAll("#pipe .stage")].map((node) => [node.dataset.stage, node]));
// Requests of a finding that are linked.
const MOST_LINKS = 8;
let samples = [];
let state = null;

function showPipe(next) {
  for (const [name, node] of stages) {
    const value = next.stats[name];
    const count = node.querySelector(".count");
    const isMoved = state && state.stats[name] !== value;
    setText(count, number(value));
    node.toggleAttribute("data-some", value > 0);
    if (isMoved) {
      node.classList.add("moved");
      clearTimeout(node.calm);
      node.calm = setTimeout(() => node.classList.remove("moved"), 600);
    }
  }
  const lost = Object.entries(next.stats.lost_by_reason).map(([reason, count]) => `${number(count)} ${reason.replaceAll("_", " ")}`);
  setText(stages.get("lost").querySelector(".note"), lost.join(", ") || "accepted and never deducted");
  const flags = [
    ...(next.queue.paused ? ["The workers are paused"] : []),
    ...next.queue.held.map((each) => `${plural(each.items, "item")} held by ${each.rule}`),
    ...new Set(next.faults.filter((each) => !each.completed).map((each) => `Armed${each.org === null ? " on the whole server" : ""}: ${each.rule}`)),
    ...(next.lag > 2000 ? [`The oldest item waits for ${duration(next.lag)}`] : []),
  ];
  sync(byId("pipe-flags"), flags, (each) => each, (each) => h("span", { className: "flag" }, each));
}

function amountsOf(finding) {
  return Object.entries(finding.amounts).map(([feature, amount]) => `${number(amount)} ${feature}`).join(", ");
}

/** A finding: its sentence, the amount, why it matters and what to do instead. */
export function findingCard(finding) {
  const amount = amountsOf(finding);
  return h("article", { className: `finding ${finding.certain ? "certain" : ""}` },
    h("h3", {}, `${finding.title}${finding.certain ? "" : " (probable)"}`, amount ? h("span", { className: "amount" }, ` · ${amount}`) : null),
    h("p", {}, finding.message),
    h("p", { className: "hint" }, finding.why),
    h("p", { className: "instead" }, finding.instead));
}

/** Links to the requests of a finding. Of many, those in the middle are left out: the last one is the offender. */
function requestLinks(ids) {
  const shown = ids.length > MOST_LINKS ? [...ids.slice(0, MOST_LINKS / 2), null, ...ids.slice(-MOST_LINKS / 2)] : ids;
  const links = shown.flatMap((id) => [", ", id === null ? "…" : h("a", { href: `#requests/${id}` }, `${id}`)]);
  return h("p", { className: "requests" }, ids.length > 1 ? "Requests " : "Request ", ...links.slice(1));
}

export function showFindings(parent, list, calm) {
  const shown = [...list].reverse();
  const keyOf = (each) => `${each.code} ${each.requests.join()}`;
  if (!shown.length) parent.replaceChildren(h("p", { className: "calm", "data-key": "calm" }, calm));
  else sync(parent, shown, keyOf, (each) => {
    const card = findingCard(each);
    if (parent.id === "findings") card.append(requestLinks(each.requests));
    return card;
  });
}

function rates(name) {
  const points = [];
  for (let index = 1; index < samples.length; index += 1) {
    const [before, after] = [samples[index - 1], samples[index]];
    const seconds = (after.at - before.at) / 1000;
    points.push([after.at, Math.max(0, (after[name] - before[name]) / seconds)]);
  }
  return points;
}

function drawCharts() {
  const now = Date.now();
  const levels = (name) => samples.map((each) => [each.at, each[name]]);
  draw(byId("chart-rates"), [
    { name: "accepted per second", className: "one", points: rates("accepted"), write: number },
    { name: "deducted per second", className: "two", points: rates("deducted"), write: number },
  ], now);
  draw(byId("chart-queue"), [
    { name: "waiting", className: "three", points: levels("waiting"), write: number },
    { name: "lag", className: "four", points: levels("lag"), write: duration, axis: "right", least: 1000 },
  ], now);
}

/** Keep a sample of the state, once a second; draw when the view is shown. */
export function sample(isShown) {
  if (!state) return;
  const at = Date.now();
  const { accepted, deducted, ready, in_flight } = state.stats;
  samples.push({ at, accepted, deducted, waiting: ready + in_flight, lag: state.lag });
  samples = samples.filter((each) => at - each.at <= SPAN_MS);
  if (isShown) drawCharts();
}

// Snippets

const SNIPPETS = {
  JavaScript: (url, key, customer, feature) => `import { Autumn } from "autumn-js";

const autumn = new Autumn({
  secretKey: "${key}",
  serverURL: "${url}",
  failOpen: false, // throw errors
});
await autumn.track({
  customerId: "${customer}",
  featureId: "${feature}",
  value: 3,
});`,
  Python: (url, key, customer, feature) => `from autumn_sdk import Autumn

autumn = Autumn(
    secret_key="${key}",
    server_url="${url}",
)
autumn.track(customer_id="${customer}", feature_id="${feature}", value=3)`,
  curl: (url, key, customer, feature) => `curl ${url}/v1/balances.track \\
  -H 'Authorization: Bearer ${key}' \\
  -H 'Content-Type: application/json' \\
  -d '{"customer_id": "${customer}", "feature_id": "${feature}", "value": 3}'`,
  env: (url, key) => `AUTUMN_SECRET_KEY=${key}
AUTUMN_MOCK_URL=${url}
ATMN_BACKEND_URL=${url}`,
};
let language = "JavaScript";
let environment = {};

/** An id as the snippets can write it, or an example of one. */
const idOr = (id, example) => (/^[\w.:@-]+$/.test(id ?? "") ? id : example);

function showSnippet() {
  const text = SNIPPETS[language](location.origin, environment.key ?? "YOUR_SECRET_KEY", idOr(environment.customer, "cus_123"), idOr(environment.feature, "messages"));
  byId("snippet").replaceChildren(h("pre", {}, h("code", {}, text)), h("button", { type: "button", className: "small", onclick: () => copy(text, "Snippet") }, "Copy"));
  for (const tab of byId("snippet-tabs").children) {
    const isChosen = tab.textContent === language;
    tab.setAttribute("aria-selected", isChosen);
    tab.tabIndex = isChosen ? 0 : -1;
    if (isChosen) byId("snippet").setAttribute("aria-labelledby", tab.id);
  }
}

function chooseLanguage(name) {
  language = name;
  showSnippet();
}

byId("snippet-tabs").append(...Object.keys(SNIPPETS).map((name) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "snippet", onclick: () => chooseLanguage(name) }, name)));
byId("snippet-tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const names = Object.keys(SNIPPETS);
  chooseLanguage(names[(names.indexOf(language) + step + names.length) % names.length]);
  byId(`tab-${language}`).focus();
});
addEventListener("resize", () => state && drawCharts());

export const view = {
  chosen(next) {
    environment = next;
    samples = [];
    state = null;
    showSnippet();
  },
  enter() {
    drawCharts();
  },
  update(next) {
    showPipe(next);
    showFindings(byId("findings"), next.findings, next.stats.offered ? "No findings in this organisation: its clients keep to the contract." : "No findings: no usage was received yet.");
    state = next;
  },
};
