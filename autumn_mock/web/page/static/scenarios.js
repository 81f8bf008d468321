// Scenarios: pick one, play it step by step, and see what happened to the balances.

import { bar, byId, h, number, plain, setBar, setText, sync } from "./dom.js";
import { showFindings } from "./overview.js";
import { attempt, control, get, post } from "./server.js";

let scenarios = [];
let scenario = null;
let run = null;
let isPlaying = false;

const TONES = { green: "tone-good", yellow: "tone-warn", red: "tone-bad", "bold red": "tone-bad", dim: "tone-muted", magenta: "tone-accent" };

async function load() {
  scenarios = (await get("/scenarios")).list;
  showList();
}

function showList() {
  sync(byId("scenario-list"), scenarios, (each) => each.name, (each) => h("li", {}, h("button", { type: "button", onclick: () => { location.hash = `scenarios/${each.name}`; } }, h("b", {}, each.title))), (node, each) => {
    if (each.name === scenario?.name) node.firstElementChild.setAttribute("aria-current", "true");
    else node.firstElementChild.removeAttribute("aria-current");
  });
}

async function open(name) {
  scenario = scenarios.find((each) => each.name === name);
  byId("scenario").hidden = !scenario;
  byId("primer").hidden = Boolean(scenario);
  showList();
  if (!scenario) return end();
  setText(byId("scenario-title"), scenario.title);
  setText(byId("scenario-story"), scenario.story);
  byId("scenario-steps").replaceChildren(...scenario.steps.map((say, index) => h("li", { "data-number": index + 1 }, h("span", { className: "say" }, say))));
  byId("scenario-balances").replaceChildren();
  byId("scenario-end").hidden = true;
  await begin();
}

/** Close the organisation of the run. */
function end() {
  const old = run;
  run = null;
  if (old) control("DELETE", `/scenarios/runs/${old.id}`, undefined, { keepalive: true }).catch(() => {});
}

async function begin() {
  const wanted = scenario;
  end();
  showButtons();
  const opened = await post(`/scenarios/${wanted.name}/runs`);
  if (wanted !== scenario) return;
  run = opened;
  show(opened);
}

async function play(every) {
  isPlaying = true;
  showButtons();
  const done = await attempt(() => post(`/scenarios/runs/${run.id}/next`, { all: every }));
  isPlaying = false;
  if (done && done.id === run?.id) {
    run = done;
    show(done);
  }
  showButtons();
}

function show(report) {
  const steps = byId("scenario-steps").children;
  for (const step of report.steps) {
    steps[step.number - 1].append(h("dl", {}, step.lines.flatMap(({ label, text, style }) => [h("dt", {}, label), h("dd", { className: TONES[style] ?? "" }, text)])));
  }
  [...steps].forEach((node, index) => {
    node.classList.toggle("played", index < report.played);
    node.classList.toggle("next", index === report.played && !report.over);
  });
  steps[Math.max(report.played - 1, 0)]?.scrollIntoView({ block: "nearest" });
  sync(byId("scenario-balances"), report.balances, (each) => `${each.customer} ${each.feature}`, createBalance, updateBalance);
  byId("scenario-end").hidden = !report.over;
  if (report.over) showEnd(report);
  showButtons();
}

function showEnd(report) {
  const findings = byId("scenario-findings");
  findings.replaceChildren();
  showFindings(findings, report.findings, "The client kept to the contract, and no customer was charged wrongly.");
  const { offered, refused, deducted, lost } = report.stats;
  findings.prepend(h("p", { "data-key": "sums" }, `Of ${number(offered)} items that the client sent, ${number(deducted)} were deducted, ${number(refused)} refused and ${number(lost)} lost.`));
  if (report.findings.length) findings.append(h("p", { className: "hint", "data-key": "what" }, "A finding is a mistake of the client, the program that reports usage: what it did, why that matters, and in green what to do instead. The server itself did what Autumn does."));
  for (const text of report.unmet) findings.append(h("p", { className: "message", "data-key": text }, text));
}

function createBalance(each) {
  return h("li", {}, h("div", { className: "line" }, h("b", {}, `${each.customer} ${each.feature}`), h("span", { className: "amount" })),
    h("small", {}, "before"), bar("before"), h("small", {}, "now"), bar());
}

function updateBalance(node, each) {
  const change = each.after - each.before;
  node.querySelector(".amount").replaceChildren(plain(each.before), change ? h("span", { className: "delta" }, ` → ${plain(each.after)} (${change > 0 ? "+" : ""}${plain(change)})`) : "");
  const [before, after] = node.querySelectorAll(".bar");
  setBar(before, each.before / each.granted);
  setBar(after, each.after / each.granted);
}

function showButtons() {
  const isReady = run !== null && !isPlaying && !run.over;
  const active = document.activeElement;
  byId("scenario-next").disabled = !isReady;
  byId("scenario-all").disabled = !isReady;
  byId("scenario-again").disabled = run === null || isPlaying;
  if (isReady && (active === document.body || active?.disabled)) byId("scenario-next").focus({ preventScroll: true });
  const count = scenario?.steps.length ?? 0;
  setText(byId("scenario-progress"), isPlaying ? "playing…" : run ? (run.over ? `all ${run.played} steps played` : `step ${run.played} of ${count}`) : "");
}

byId("scenario-next").addEventListener("click", () => play(false));
byId("scenario-all").addEventListener("click", () => play(true));
byId("scenario-again").addEventListener("click", () => attempt(() => open(scenario.name)));

addEventListener("pagehide", end);

export const view = {
  async enter(name) {
    await attempt(async () => {
      if (!scenarios.length) await load();
      if (name !== (scenario?.name ?? "")) await open(name);
    });
  },
};
