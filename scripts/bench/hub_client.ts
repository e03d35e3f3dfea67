// The same calls to what aggregates servers: over Streamable HTTP, and over HTTP+SSE (2024-11-05), which is all that npm's
// mcp-hub speaks. Each request is a POST either way; there its answer comes on one stream for all.
import { INITIALIZE } from "./context.ts";

type Json = Record<string, unknown>;

export interface HubClient {
  /** @returns the text of the answer */
  ask(method: string, params: Json): Promise<string>;
  close(): void;
}

const JSON_TYPE = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const PATIENCE_MS = 60_000, ENDPOINT_MS = 2000, ATTEMPTS = 20;

/** Listens as well, as clients of the SDKs do. */
export async function openStreamable(url: string, headers: Record<string, string>): Promise<HubClient> {
  const controller = new AbortController();
  let lastId = 0;
  const post = (body: string, more: Record<string, string> = {}) =>
    fetch(url, { method: "POST", headers: { ...JSON_TYPE, ...headers, ...more }, body });
  const opened = await post(INITIALIZE);
  await opened.text();
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  await (await post('{"jsonrpc":"2.0","method":"notifications/initialized"}', session)).text();
  const get = { ...headers, ...session, accept: "text/event-stream" };
  const stream = await fetch(url, { headers: get, signal: controller.signal });
  return {
    ask: async (method, params) =>
      await (await post(JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params }), session)).text(),
    close: () => {
      stream.body?.cancel().catch(() => {});
      controller.abort();
    },
  };
}

/** One that has just started takes a while until it answers. @throws Error if it never does */
export async function openSse(url: string): Promise<HubClient> {
  for (let left = ATTEMPTS;; left--) {
    const client = await tryToOpen(url).catch(() => undefined);
    if (client !== undefined) return client;
    if (left === 0) throw new Error(`opening an event stream: ${url} names no endpoint`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function tryToOpen(url: string): Promise<HubClient> {
  const controller = new AbortController();
  const waiting = new Map<number, (text: string) => void>();
  const endpoint = Promise.withResolvers<string>();
  const stream = await fetch(url, { headers: { accept: "text/event-stream" }, signal: controller.signal });
  const read = async () => {
    let text = "";
    for await (const piece of stream.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      const events = text.split("\n\n");
      text = events.pop()!;
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1] ?? "";
        if (event.includes("event: endpoint")) endpoint.resolve(data);
        else waiting.get(Number(/"id":(\d+)[,}]/.exec(data.slice(-20))?.[1] ?? JSON.parse(data).id))?.(data);
      }
    }
  };
  read().catch(() => {});
  const stop = setTimeout(() => {
    controller.abort();
    endpoint.reject(new Error("opening an event stream: no endpoint"));
  }, ENDPOINT_MS);
  const target = new URL(await endpoint.promise.finally(() => clearTimeout(stop)), url);
  let lastId = 0;
  const ask = (method: string, params: unknown): Promise<string> => {
    const id = ++lastId;
    const answered = Promise.withResolvers<string>();
    waiting.set(id, answered.resolve);
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    signal.addEventListener("abort", () => answered.reject(new Error(`asking a hub: no answer to ${method}`)));
    fetch(target, { method: "POST", headers: JSON_TYPE, body }).then((response) => response.text()).catch(
      answered.reject,
    );
    return answered.promise.finally(() => waiting.delete(id));
  };
  await ask("initialize", { ...JSON.parse(INITIALIZE).params, protocolVersion: "2024-11-05" });
  return { ask, close: () => controller.abort() };
}
