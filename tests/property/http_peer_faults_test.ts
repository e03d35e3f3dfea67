// An HTTP server that fails at random, in every way it can: each request is settled once, none is run twice, nothing is
// held at the end (docs/behaviour.md L4, B9, A6). The seed is in the test's name.
import assert from "node:assert/strict";
import { FakeMcp, type ToolCall } from "../support/fake_mcp.ts";
import { ANNA, by, EventScript, HttpPeerScene, textOf } from "../support/http_peer.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** Numbers from 0 to 1, always the same ones (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What servers have still to do. */
let toCome = 0;

/** What a tool may do: the last is the good one. */
function answerOf(kind: number, { id }: ToolCall, resumable: Map<string, string | number>): unknown {
  const good = { id, result: { ok: true } };
  const script = new EventScript();
  const later = (then: () => void) => {
    toCome++;
    setTimeout(() => {
      toCome--;
      then();
    }, 1);
  };
  switch (kind) {
    case 0:
      return new Response("no", { status: 404 });
    case 1:
      return new Response("busy", { status: 503 });
    case 2:
      later(() => script.cut());
      return script.raw("data: {").response;
    case 3:
      return script.event({ method: "notifications/a" }).end();
    case 4: {
      const event = `e-${id}`;
      resumable.set(event, id);
      return script.raw("retry: 1\n").event("", event).end();
    }
    case 5:
      later(() => script.event(good).event(good).end());
      return script.response;
    case 6:
      return new Response(null, { status: 202 });
    case 7:
      return Response.json({ jsonrpc: "2.0", ...good, id: "other" });
    case 8:
      return script.event(good).response; // and stays open
    default:
      return { ok: true };
  }
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  Deno.test(`L4 B9: faults at random leave nobody waiting and run nothing twice (seed ${seed})`, STRICT, async () => {
    const random = numbers(seed);
    await using server = new FakeMcp({ events: seed % 2 === 0 });
    const resumable = new Map<string, string | number>();
    const ran = new Map<unknown, number>();
    server.tool("t", (call) => {
      const { key } = call.params.arguments!;
      ran.set(key, (ran.get(key) ?? 0) + 1);
      return answerOf(Math.floor(random() * 14), call, resumable);
    });
    server.onRequest = ({ method, headers }) => {
      if (random() < 0.01) server.forgetSessions();
      const event = headers.get("last-event-id") ?? "";
      if (method !== "GET" || !resumable.has(event)) return undefined;
      return random() < 0.3
        ? new EventScript().end()
        : new EventScript().event({ id: resumable.get(event)!, result: { ok: true } }).end();
    };
    const scene = new HttpPeerScene(server.url, { limits: { retryMs: 1, maxRetryMs: 5, maxCalls: 40 } });
    await scene.open();
    scene.life.listen(ANNA);
    const settled: number[] = [];
    const asked: number[] = [];
    for (let key = 0; key < 200; key++) {
      await until(() => scene.life.peer.pending < 40, "room for another call");
      const { id, outcome } = scene.ask("tools/call", { name: "t", arguments: { key } }, by(`c${key % 3}`));
      if (id === undefined) continue;
      if (random() < 0.1) {
        scene.life.peer.send(textOf({ method: "notifications/cancelled", params: { requestId: id } }), ANNA);
        scene.life.peer.forget(id);
        continue;
      }
      asked.push(key);
      void outcome.then(() => settled.push(key));
      if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // What was taken with 202 is answered by nobody here: it ends with the session.
    await until(() => scene.life.peer.pending <= asked.length - settled.length + 40, "the end of most");
    await scene[Symbol.asyncDispose]();
    await until(() => settled.length === asked.length, () => `${asked.length - settled.length} wait in vain`);
    assert.equal(new Set(settled).size, asked.length);
    for (const [key, times] of ran) assert.equal(times, 1, `call ${key} ran ${times} times`);
    assert.equal(scene.life.peer.pending, 0);
    await until(() => toCome === 0, "the server's last words");
  });
}
