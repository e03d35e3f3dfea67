// Asking the Signet that this page comes from. The token lives in this module's memory and nowhere else; it goes out in an
// Authorization field, which no other page can make a browser send: there is no cookie.

let token;

export function hasToken() {
  return token !== undefined;
}

export function setToken(text) {
  token = text;
}

/** What was answered in place of what was asked for. */
export class Refused extends Error {
  constructor(status, { message, remedy } = {}) {
    super(message ?? `status ${status}`);
    this.status = status;
    this.remedy = remedy;
  }
}

async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
  const response = await fetch(path, {
    ...{ method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Refused(response.status, answer.error);
}

export async function get(path, query = {}) {
  const named = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(named).toString();
  return await (await ask(text === "" ? path : `${path}?${text}`, { signal: AbortSignal.timeout(10_000) })).json();
}

export async function post(path, body) {
  return await (await ask(path, { method: "POST", body, signal: AbortSignal.timeout(10_000) })).json();
}

/** Calls `onEvent` with the data of each event until the stream ends or `signal` says so. @throws Refused */
export async function follow(path, { signal, onOpen, onEvent, onMissed }) {
  const response = await ask(path, { signal });
  onOpen?.();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    text += read.value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      if (event.startsWith("event: missed")) onMissed?.(Number(/data: (\d+)/.exec(event)?.[1] ?? 0));
      else if (event.startsWith("data: ")) onEvent(JSON.parse(event.slice(6)));
    }
  }
}
