// The frame: views by the hash of the address, the organisation, the theme, the live state.

import { view as controls } from "./controls.js";
import { view as customers } from "./customers.js";
import { byId, h, moment, notify, setText } from "./dom.js";
import { view as faults } from "./faults.js";
import { view as overview, sample } from "./overview.js";
import { view as requests } from "./requests.js";
import { view as scenarios } from "./scenarios.js";
import { Failure, attempt, choose, get, readStream } from "./server.js";

const VIEWS = { overview, customers, requests, faults, scenarios, server: controls };
const CHOSEN = "autumn-mock-environment";
let shown = null;
let state = null;
let environments = [];
let environment = null;
let stream = null;
let skew = 0;
let isFollowed = false; // whether a link of the navigation was followed: the focus goes to the view's title

// Views

function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const wanted = VIEWS[name] ? name : "overview";
  const isNew = wanted !== shown;
  if (isNew) {
    VIEWS[shown]?.leave?.();
    shown = wanted;
    for (const each of Object.keys(VIEWS)) byId(`view-${each}`).hidden = each !== wanted;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.view === wanted) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (isFollowed) byId(`title-${wanted}`).focus();
    isFollowed = false;
    document.title = `${byId(`title-${wanted}`).textContent} · autumn-mock`;
  }
  if (!environment) return;
  VIEWS[wanted].enter?.(decodeURIComponent(rest.join("/")));
  if (state && isNew) VIEWS[wanted].update?.(state);
}

// The organisation

const nameOf = (each) => `${each.org}:${each.env}`;

/** How an environment is listed: with several organisations by slug and number, and those without a name by their key's hint. */
function labelOf(each) {
  if (environments.every((other) => other.org === each.org)) return [each.name, each.env].filter(Boolean).join(" · ");
  const isNamed = each.name && each.name !== each.slug;
  const slug = isNamed && !each.slug.startsWith("org-") && each.slug;
  return [each.name, slug, each.env, `no. ${each.number}`, !isNamed && (each.key ?? each.hint?.replace(/\*+$/, "…"))].filter(Boolean).join(" · ");
}

/** The organisation that the address names: `?organisation=` with its id or slug. */
function organisationOfAddress() {
  const wanted = new URLSearchParams(location.search).get("organisation");
  if (!wanted) return undefined;
  const found = environments.find((each) => [each.org, each.slug, nameOf(each)].includes(wanted));
  if (!found) notify(`This server has no organisation ${wanted}: another one is shown.`, true);
  return found;
}

async function loadEnvironments() {
  environments = (await get("/environments")).list;
  const select = byId("environment");
  select.replaceChildren(...environments.map((each) => h("option", { value: nameOf(each) }, labelOf(each))));
  const kept = sessionStorage.getItem(CHOSEN);
  chooseEnvironment(organisationOfAddress() ?? environments.find((each) => nameOf(each) === kept) ?? environments[0]);
}

function chooseEnvironment(chosen) {
  environment = chosen;
  state = null;
  if (!chosen) return;
  sessionStorage.setItem(CHOSEN, nameOf(chosen));
  byId("environment").value = nameOf(chosen);
  byId("environment").title = labelOf(chosen);
  choose(chosen);
  for (const view of Object.values(VIEWS)) view.chosen?.(chosen);
  route();
  connect();
}

// The live state

function setConnection(name, text) {
  byId("connection").dataset.state = name;
  setText(byId("connection").querySelector(".text"), text);
  byId("lost").hidden = name !== "lost";
  setText(byId("lost"), name === "lost" ? `Connection lost (${text}). What is shown may be out of date; the page connects again when the server answers.` : "");
}

/** Take an event: the parts of the state that have changed. */
function receive(changed) {
  const next = { ...state, ...changed };
  if (next.gone) {
    setConnection("lost", "organisation closed");
    start();
    return;
  }
  setConnection("live", "live");
  overview.update(next);
  if (shown !== "overview") VIEWS[shown].update?.(next, state);
  const isFirst = !state;
  state = next;
  if (isFirst) tick();
  const armed = next.faults.filter((each) => !each.completed).length;
  badge("faults", armed);
  badge("overview", next.findings.length);
}

function badge(name, count) {
  const link = document.querySelector(`nav a[data-view="${name}"]`);
  let node = link.querySelector(".badge");
  if (!count) node?.remove();
  else {
    if (!node) {
      node = h("span", { className: "badge" });
      link.append(node);
    }
    setText(node, count);
  }
}

/** Load the organisations; try again while the server does not answer. */
async function start() {
  while (!environments.length) {
    await attempt(loadEnvironments);
    if (!environments.length) await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

/** Listen to the chosen organisation while the tab is visible; connect again when the connection is lost. */
async function connect() {
  stream?.abort();
  if (document.hidden || !environment) return;
  const mine = new AbortController();
  stream = mine;
  let pause = 250;
  while (!mine.signal.aborted) {
    try {
      state = null;
      const clock = await get("/clock");
      skew = clock.now - clock.offset - Date.now();
      await readStream(mine.signal, (next) => {
        pause = 250;
        if (!mine.signal.aborted) receive(next);
      });
    } catch (error) {
      if (mine.signal.aborted) return;
      setConnection("lost", error instanceof Failure && error.status ? error.message : "no connection");
      if (error.status === 404) {
        await start();
        return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 4000);
  }
}

/** The organisation's time (ms), as far as the page knows. */
function organisationTime() {
  if (!state) return Date.now();
  return state.clock.frozen ?? Date.now() + skew + state.clock.offset;
}

function tick() {
  if (document.hidden) return;
  const now = organisationTime();
  for (const node of [byId("now"), byId("clock-now")]) setText(node, state ? moment(now) : "");
  sample(shown === "overview");
}

// The theme

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme() {
  byId("theme").setAttribute("aria-pressed", isDark());
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("autumn-mock-theme", theme);
  showTheme();
}

byId("theme").addEventListener("click", switchTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
byId("environment").addEventListener("change", (event) => {
  history.replaceState(null, "", location.pathname + location.hash);
  chooseEnvironment(environments.find((each) => nameOf(each) === event.target.value));
});
document.querySelector("nav.views").addEventListener("click", () => { isFollowed = true; });
addEventListener("hashchange", route);
document.addEventListener("visibilitychange", connect);
setInterval(tick, 1000);
showTheme();
route();
start();
