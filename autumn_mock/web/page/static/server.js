// Requests to the server: control calls, public calls as the chosen organisation, and the stream of states.

import { byId, notify } from "./dom.js";

const TOKEN = "autumn-mock-token";
let environment = "";
let asking = null;

/** Choose whom further requests concern: {org, env}. */
export function choose(chosen) {
  environment = `${chosen.org}:${chosen.env}`;
}

/** A request that failed; `status` is 0 when there was no reply. */
export class Failure extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** `isWhole`: for the whole server, not the chosen organisation. */
function headers(more, isWhole) {
  const token = sessionStorage.getItem(TOKEN);
  return {
    ...(token ? { "x-autumn-mock-token": token } : {}),
    ...(environment && !isWhole ? { "x-autumn-mock-environment": environment } : {}),
    ...more,
  };
}

/** Ask for the control token, once for all requests that wait for it. */
function askToken(isWrong) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("token");
    const field = dialog.querySelector("input");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(TOKEN, field.value);
      field.value = "";
      asking = null;
      resolve();
    }, { once: true });
    byId("token-error").textContent = isWrong ? "That is not the token of this server." : "";
    dialog.showModal();
  });
  return asking;
}

/** Fetch with the token; it is asked for when the server wants it. */
async function request(path, options) {
  for (;;) {
    const sent = { ...options, headers: headers(options.headers, options.isWhole), cache: "no-store" };
    const used = sessionStorage.getItem(TOKEN);
    const reply = await fetch(path, sent);
    if (reply.status !== 401 && reply.status !== 403) return reply;
    const body = await reply.clone().json().catch(() => null);
    if (!["no_control_token", "unknown_host"].includes(body?.code)) return reply; // with a token any name will do
    if (sessionStorage.getItem(TOKEN) === used) await askToken(Boolean(used));
  }
}

async function decoded(reply) {
  const text = await reply.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A control call, by its method and its path below /_mock; resolves to the body, or rejects with a Failure. `more`: options of fetch; `isWhole`: for the whole server. */
export async function control(method, path, body, more = {}) {
  let reply;
  try {
    reply = await request(`/_mock${path}`, {
      ...more,
      method,
      body: body === undefined ? undefined : body instanceof Blob ? body : JSON.stringify(body),
      headers: body === undefined ? {} : { "content-type": "application/json" },
    });
  } catch (error) {
    throw new Failure(0, "The server does not answer: is it still running?", error);
  }
  const answer = await decoded(reply);
  if (!reply.ok) throw new Failure(reply.status, answer?.message ?? `${path} was answered with ${reply.status}`, answer);
  return answer;
}

export const get = (path) => control("GET", path);
export const post = (path, body = {}) => control("POST", path, body);

/** A file of the control API. */
export async function download(path) {
  const reply = await request(`/_mock${path}`, { method: "GET" });
  if (!reply.ok) throw new Failure(reply.status, (await decoded(reply))?.message ?? "the file was refused");
  return reply.blob();
}

/** A public call as the organisation makes it: {status, body}; status 0 when there was no whole reply. */
export async function publicCall(method, path, body, more = {}) {
  try {
    const reply = await request(`/_mock/call${path}`, { method, body, headers: { "content-type": "application/json", ...more } });
    return { status: reply.status, body: await decoded(reply) };
  } catch {
    return { status: 0, body: "no reply was received" };
  }
}

/** A public call with a JSON body, whose result is shown; resolves to whether it succeeded. */
export async function act(path, body, done) {
  const { status, body: answer } = await publicCall("POST", path, JSON.stringify(body));
  const isDone = status >= 200 && status < 300;
  notify(isDone ? `${done}: ${status}` : `${status || "No reply"}: ${answer?.message ?? answer}`, !isDone);
  return isDone;
}

/** Run an action of the page and show why it failed, if it does. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    notify(error.message, true);
    return undefined;
  }
}

/** Read server-sent events until the signal aborts them; rejects when the connection ends. */
export async function readStream(signal, onState) {
  const reply = await request("/_mock/live", { signal });
  if (!reply.ok) throw new Failure(reply.status, (await decoded(reply))?.message ?? "no stream");
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Failure(0, "the stream ended");
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    const last = events.filter((each) => each.startsWith("data: ")).pop();
    if (last) onState(JSON.parse(last.slice(6)));
  }
}

/** Call an asynchronous function now and after each `run()`, one at a time, and for at most a twentieth of the time. */
export function throttled(action, interval = 200) {
  let isBusy = false;
  let isWanted = false;
  async function run() {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    while (isWanted) {
      isWanted = false;
      const started = performance.now();
      try {
        await action();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(interval, (performance.now() - started) * 4)));
    }
    isBusy = false;
  }
  return run;
}
