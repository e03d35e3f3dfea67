// Calls, refusals and clients that leave, mixed as they come, and what an audit log has to say of them: each once.
import assert from "node:assert/strict";
import type { AuditLine } from "./audit.ts";
import type { FakeMcp } from "./fake_mcp.ts";
import { call, INITIALIZE } from "./signet.ts";
import { until } from "./until.ts";

/** What a Signet has to be started with, besides its audit log. */
export const MIX_FLAGS: readonly string[] = [
  ...["--principal", "bearer", "--audit-when-full", "wait", "--max-in-flight", "1000"],
];

/** At a time. */
const CLIENTS = 16;

/** Numbers that come out the same in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

/** Which lines are of which kind of request. */
const KINDS: Readonly<Record<string, (line: AuditLine) => boolean>> = {
  ok: ({ name, outcome }) => name === "echo" && outcome === "ok",
  tool: ({ outcome }) => outcome === "tool_error",
  wrong: ({ outcome, rpc }) => outcome === "error" && rpc === -32602,
  note: ({ method, status }) => method === "notifications/x" && status === 202,
  stranger: ({ code }) => code === "unauthenticated",
  thief: ({ code }) => code === "owner_mismatch",
  forged: ({ code }) => code === "session_not_found",
  junk: ({ code }) => code === "parse_error",
  path: ({ code }) => code === "path_not_found",
  gone: ({ cut }) => cut === "client",
};

interface Ask {
  readonly id?: string;
  readonly token?: string;
  readonly signal?: AbortSignal;
}

export class AuditMix {
  readonly #upstream: FakeMcp;
  readonly #held = Promise.withResolvers<void>();
  /** By kind. */
  readonly #sent = new Map<string, number>();
  readonly #next = numbers(7);
  #serial = 0;

  constructor(upstream: FakeMcp) {
    this.#upstream = upstream;
    upstream.tool("fails", () => ({ content: [], isError: true }));
    upstream.tool("hangs", async () => (await this.#held.promise, {}));
  }

  /** One session; a hundredth of the clients leave before they are answered. */
  async run(url: string, total: number): Promise<void> {
    const id = (await this.#post(url, INITIALIZE, { token: "alice" })).headers.get("mcp-session-id")!;
    const send = this.#kindsOf(url, id);
    const names = Object.keys(send).filter((kind) => kind !== "gone");
    let started = 0;
    const client = async () => {
      while (started++ < total) {
        const kind = this.#next() < 0.01 ? "gone" : names[Math.floor(this.#next() * names.length)]!;
        this.#sent.set(kind, (this.#sent.get(kind) ?? 0) + 1);
        await send[kind]!();
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    this.#held.resolve();
  }

  /** Of a log in which nothing else was done. */
  judge(lines: readonly AuditLine[]): void {
    const asked = lines.filter(({ status, method }) => status !== undefined && method !== "initialize");
    const found = Object.entries(KINDS).map(([kind, isOf]) => [kind, asked.filter(isOf).length]);
    const wanted = Object.keys(KINDS).map((kind) => [kind, this.#sent.get(kind) ?? 0]);
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(wanted));
    assert.equal(asked.length, [...this.#sent.values()].reduce((sum, count) => sum + count, 0));
    const ids = asked.map(({ id }) => id).filter((id) => id !== undefined);
    assert.equal(new Set(ids).size, ids.length, "no call twice");
  }

  #kindsOf(url: string, id: string): Record<string, () => Promise<unknown>> {
    const calls = (name: string, ask: Ask) => this.#post(url, call(`c${this.#serial++}`, name, { x: 1 }), ask);
    const alice = { id, token: "alice" };
    return {
      ok: () => calls("echo", alice),
      tool: () => calls("fails", alice),
      wrong: () => calls("none", alice),
      note: () => this.#post(url, { jsonrpc: "2.0", method: "notifications/x" }, alice),
      stranger: () => calls("echo", { id }),
      thief: () => calls("echo", { id, token: "mallory" }),
      forged: () => calls("echo", { id: `${id}x`, token: "alice" }),
      junk: () => this.#post(url, "{", alice),
      path: () => fetch(new URL("/elsewhere", url)).then((response) => response.text()),
      gone: async () => {
        const leaving = new AbortController();
        const before = this.#upstream.ran.get("hangs") ?? 0;
        const calling = calls("hangs", { ...alice, signal: leaving.signal }).catch(() => {});
        await until(() => (this.#upstream.ran.get("hangs") ?? 0) > before, "the call to run");
        leaving.abort();
        await calling;
      },
    };
  }

  async #post(url: string, message: unknown, { id, token, signal }: Ask): Promise<Response> {
    const headers = {
      ...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
      ...(id === undefined ? {} : { "mcp-session-id": id }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const body = typeof message === "string" ? message : JSON.stringify(message);
    const response = await fetch(url, { method: "POST", headers, body, ...(signal === undefined ? {} : { signal }) });
    await response.text();
    return response;
  }
}
