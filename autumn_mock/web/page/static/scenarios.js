// Scenarios: pick one, play it step by step, and see what happened to the balances.

import { bar, byId, h, notify, number, plain, plural, setBar, setText, sync } from "./dom.js";
import { showFindings } from "./overview.js";
import { Failure, attempt, control, get, post } from "./server.js";

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
  byId("scenario-flags").replaceChildren();
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

/** Play a step, or all. A run that the server no longer has can only be started again. */
async function next(every) {
  try {
    return await post(`/scenarios/runs/${run.id}/next`, { all: every });
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 404) throw error;
    run = null;
    notify("The server no longer has this run: it was restarted, or closed the run.", true, { label: "Start again", run: restart });
    return undefined;
  }
}

const restart = () => attempt(() => open(scenario.name));

async function play(every) {
  isPlaying = true;
  showButtons();
  const done = await attempt(() => next(every));
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
    node.classList.toggle("failed", index + 1 === report.failed);
    node.classList.toggle("played", index < report.played);
    node.classList.toggle("next", index === report.played && !report.over);
  });
  steps[Math.max(report.played - 1, 0)]?.scrollIntoView({ block: "nearest" });
  sync(byId("scenario-flags"), report.server_faults, (each) => each, (each) => h("span", { className: "flag" }, `Armed on the whole server, so it applies here too: ${each}`));
  sync(byId("scenario-balances"), report.balances, (each) => `${each.customer} ${each.feature}`, createBalance, updateBalance);
  byId("scenario-end").hidden = !report.over;
  if (report.over) showEnd(report);
  showButtons();
}

function showEnd(report) {
  const findings = byId("scenario-findings");
  findings.replaceChildren();
  showFindings(findings, report.findings, report.failed ? "No finding up to the step that failed." : "No finding: the client kept to the contract.");
  findings.prepend(...sumsOf(report.stats).map((text) => h("p", { "data-key": text }, text)));
  if (report.failed) findings.prepend(h("p", { className: "tone-bad", "data-key": "failed" }, `Step ${report.failed} failed: the result was not the expected one.`));
  if (report.findings.length) findings.append(h("p", { className: "hint", "data-key": "what" }, "A finding is a mistake of the client, the program that reports usage: what it did, why that matters, and in green what to do instead. The server itself did what Autumn does."));
  for (const text of report.unmet) findings.append(h("p", { className: "message", "data-key": text }, text));
}

/** What became of the items: the sums, and which usage was not charged. */
function sumsOf({ offered, refused, deducted, lost }) {
  return [
    `Items that reached the queue: ${number(offered)}. Deducted: ${number(deducted)}. Refused: ${number(refused)}. Lost: ${number(lost)}.`,
    ...(refused ? [`${plural(refused, "item")} could not be queued: that usage is not charged, unless the client sent it again.`] : []),
    ...(lost ? [`${plural(lost, "item")} ${lost === 1 ? "was" : "were"} accepted and then lost: that usage is never charged.`] : []),
  ];
}

/** How far a run is. */
function progressOf({ failed, over, played }) {
  const count = scenario.steps.length;
  if (failed) return `stopped at step ${failed} of ${count}`;
  return over ? `all ${plural(played, "step")} played` : `step ${played} of ${count}`;
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
  byId("scenario-again").disabled = !scenario || isPlaying;
  if (isReady && (active === document.body || active?.disabled)) byId("scenario-next").focus({ preventScroll: true });
  setText(byId("scenario-progress"), isPlaying ? "playing…" : run && scenario ? progressOf(run) : "");
}

byId("scenario-next").addEventListener("click", () => play(false));
byId("scenario-all").addEventListener("click", () => play(true));
byId("scenario-again").addEventListener("click", restart);

addEventListener("pagehide", end);

export const view = {
  async enter(name) {
    await attempt(async () => {
      if (!scenarios.length) await load();
      if (name !== (scenario?.name ?? "")) await open(name);
    });
  },
};
