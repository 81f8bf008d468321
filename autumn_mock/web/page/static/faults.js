// Faults: three switches, the armed rules, and a form that knows the grammar.

import { byId, h, number, setText, sync } from "./dom.js";
import { Failure, attempt, control, get, post } from "./server.js";

let kinds = [];
let armed = [];
const form = byId("rule");
const switches = document.querySelectorAll("#view-faults .switch");

// The form

async function loadKinds() {
  const grammar = await get("/faults/kinds");
  kinds = grammar.kinds;
  const sites = new Map();
  for (const each of kinds) {
    const site = each.kind.split(":")[0];
    sites.set(site, [...(sites.get(site) ?? []), each]);
  }
  form.elements.kind.replaceChildren(...[...sites].map(([site, list]) => h("optgroup", { label: site }, list.map((each) => h("option", {}, each.kind)))));
  byId("rule-modifiers").replaceChildren(...grammar.modifiers.map(optionField));
  form.elements.kind.value = "reply:status";
  showKind();
}

function optionField(option) {
  return h("label", {}, h("span", {}, h("code", {}, option.name)), h("input", { "data-option": option.name, placeholder: option.value, autocomplete: "off" }), h("small", {}, option.text));
}

const kindOf = () => kinds.find((each) => each.kind === form.elements.kind.value);

function showKind() {
  const kind = kindOf();
  const argument = byId("rule-argument");
  argument.hidden = !kind.argument;
  setText(argument.firstElementChild, kind.argument.toLowerCase());
  form.elements.argument.value = kind.argument ? exampleArgument(kind) : "";
  byId("rule-phase").hidden = !kind.has_phase;
  form.elements.phase.checked = false;
  setText(byId("rule-text"), kind.text);
  byId("rule-options").replaceChildren(...kind.options.map(optionField));
  write();
}

/** The argument of the example: what stands between the kind and the first option. */
function exampleArgument(kind) {
  const words = kind.example.split(" ").slice(1);
  return words.filter((word) => !word.includes("=")).join(" ");
}

function quoted(value) {
  return /[\s,"']/.test(value) && !/^[\w.,:*-]+$/.test(value) ? JSON.stringify(value) : value;
}

function written() {
  const kind = kindOf();
  const argument = form.elements.argument.value.trim();
  const options = [...form.querySelectorAll("[data-option]")].filter((each) => each.value.trim() && each.closest("#rule"));
  return [
    kind.kind,
    ...(kind.argument && argument ? [argument] : []),
    ...(kind.has_phase && form.elements.phase.checked ? ["after=enqueue"] : []),
    ...options.map((each) => `${each.dataset.option}=${quoted(each.value.trim())}`),
  ].join(" ");
}

function write() {
  setText(byId("rule-written"), written());
  setText(byId("rule-error"), "");
}

form.addEventListener("input", (event) => (event.target.name === "kind" ? showKind() : write()));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await control("POST", "/faults", { rule: written() }, { isWhole: form.elements.scope.value === "server" });
    setText(byId("rule-error"), "");
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    setText(byId("rule-error"), error.message);
  }
});

// The armed rules and the switches

function showArmed(list) {
  armed = list;
  byId("armed-empty").hidden = list.length > 0;
  byId("armed").closest(".scroll").hidden = !list.length;
  byId("clear-faults").hidden = !list.length;
  sync(byId("armed"), list, (each) => each.id, createArmed, (row, each) => {
    setText(row.children[1], number(each.fired));
    setText(row.children[2], each.completed ? "done" : each.remaining === null ? "no limit" : number(each.remaining));
    row.classList.toggle("tone-muted", each.completed);
  });
  for (const node of switches) {
    const rule = ruleOf(node);
    node.setAttribute("aria-checked", Boolean(rule));
    setText(node.firstElementChild, node.dataset.name + (rule?.org === null ? " (whole server)" : ""));
  }
}

function createArmed(each) {
  const clear = () => attempt(() => clearRules([each]));
  return h("tr", {}, h("td", { className: "wrap" }, h("code", {}, each.rule)), h("td", { className: "number" }), h("td", { className: "number" }), h("td", {}, each.org === null ? h("span", { className: "flag" }, "whole server") : "this organisation"), h("td", { className: "number" }, h("button", { type: "button", className: "small", "aria-label": `Clear ${each.rule}`, onclick: clear }, "Clear")));
}

/** Those of a list of rules that are armed on the whole server. */
export const rulesOfServer = (list) => list.filter((each) => each.org === null && !each.completed);

/** Disarm rules, of the chosen organisation or of the whole server. */
export async function clearRules(list) {
  for (const each of list) await control("DELETE", `/faults/${each.id}`, undefined, { isWhole: each.org === null });
}

const ruleOf = (node) => armed.find((each) => each.rule === node.dataset.rule && !each.completed);

for (const node of switches) {
  node.dataset.name = node.textContent;
  node.addEventListener("click", () => attempt(async () => {
    const rule = ruleOf(node);
    if (rule) {
      await clearRules([rule]);
      showArmed(armed.filter((each) => each.id !== rule.id));
    } else {
      showArmed([...armed, await post("/faults", { rule: node.dataset.rule })]);
    }
  }));
}
byId("clear-faults").addEventListener("click", () => attempt(() => clearRules(armed)));

export const view = {
  enter() {
    if (!kinds.length) attempt(loadKinds);
  },
  update(state) {
    showArmed(state.faults);
  },
};
