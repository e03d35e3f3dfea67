// V3: what operators watch as it happens: the log's lines, and the exchanges of one session.
import assert from "node:assert/strict";
import type { TapEvent } from "../../lib/admin/live_api.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** A feed of the admin listener, read as it comes. */
class Watched implements AsyncDisposable {
  readonly events: Record<string, unknown>[] = [];
  ended = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;

  private constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
    this.#done = this.#read();
  }

  static async open(signet: TestSignet, path: string): Promise<Watched> {
    const response = await fetch(`http://${signet.app.admin}${path}`);
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    return new Watched(response.body!.getReader());
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for (let read = await this.#reader.read(); !read.done; read = await this.#reader.read()) {
      text += decoder.decode(read.value, { stream: true });
      const events = text.split("\n\n");
      text = events.pop()!;
      for (const event of events) {
        if (event.startsWith("data: ")) this.events.push(JSON.parse(event.slice(6)));
      }
    }
    this.ended = true;
  }

  /** Leaves, as a page that is closed does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
    await this.#done;
  }
}

async function hashOf(signet: TestSignet): Promise<string> {
  const { sessions } = await (await fetch(`http://${signet.app.admin}/sessions`)).json();
  return sessions[0].hash;
}

for (const lane of LANES) {
  Deno.test(
    `V3: a tap shows method, name, outcome and time of a session's exchanges, and nothing that was said (${lane} lane)`,
    STRICT,
    async () => {
      await using mcp = new FakeMcp();
      mcp.tool("query", () => ({ content: [{ type: "text", text: "an answer" }], isError: true }));
      await using signet = await TestSignet.start({ upstream: mcp.url, lane });
      const id = await signet.open();
      const other = await signet.open();
      await using tap = await Watched.open(signet, `/sessions/tap?hash=${await hashOf(signet)}`);
      assert.equal(await status(signet.post(call(1, "echo"), { id: other })), 200);
      assert.equal(await status(signet.post(call(1, "query", { secret: "hunter2" }), { id })), 200);
      await until(() => tap.events.length > 0, "an exchange was shown");
      const [event] = tap.events as unknown as TapEvent[];
      assert.deepEqual([event!.method, event!.name, event!.status, event!.isError], ["tools/call", "query", 200, true]);
      assert.ok(event!.ms >= 0 && event!.bytesIn > 0 && event!.bytesOut > 0);
      assert.doesNotMatch(JSON.stringify(tap.events), /hunter2|an answer/);
      assert.ok(!JSON.stringify(tap.events).includes(id));
      await status(signet.delete({ id }));
      await until(() => tap.ended, "the tap ended with its session");
      assert.deepEqual(tap.events.find((found) => "ended" in found), { ended: "deleted" });
      assert.equal(tap.events.filter(({ method }) => method === "tools/call").length, 1, "no other session's");
    },
  );
}

Deno.test("V3: a tap wants a live session, and so many watch at once and no more", STRICT, async () => {
  await using mcp = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: mcp.url });
  await signet.open();
  const url = `http://${signet.app.admin}`;
  assert.equal(await status(fetch(`${url}/sessions/tap?hash=0123456789ab`)), 404);
  assert.equal(await status(fetch(`${url}/sessions/tap`)), 400);
  assert.equal(await status(fetch(`${url}/log`, { headers: { origin: "https://evil.example" } })), 403);
  assert.equal(
    await status(fetch(`${url}/log`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })),
    405,
  );
  const watching = await Promise.all(Array.from({ length: 16 }, () => Watched.open(signet, "/log")));
  assert.equal(await status(fetch(`${url}/log`)), 429);
  await watching[0]![Symbol.asyncDispose]();
  await until(async () => (await status(fetch(`${url}/log`))) === 200, "a place came free");
  for (const one of watching) await one[Symbol.asyncDispose]();
});

Deno.test(
  "V3: the log's last lines and the next ones are told, with nothing that drives a terminal",
  STRICT,
  async () => {
    await using mcp = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: mcp.url });
    await signet.open();
    await using log = await Watched.open(signet, "/log");
    await until(() => log.events.some(({ event }) => event === "session opened"), "a line from before");
    await status(
      fetch(signet.url, { headers: { host: "\u009bevil.example", accept: "text/event-stream" } }).catch(() =>
        new Response()
      ),
    );
    await status(signet.get({ id: "forged" }));
    await until(
      () =>
        log.events.some(({ event, facts }) =>
          event === "request refused" && (facts as { code: string }).code === "session_not_found"
        ),
      "a line as it came",
    );
    const sequence = log.events.map(({ seq }) => seq as number);
    assert.deepEqual(sequence, sequence.toSorted((a, b) => a - b));
  },
);

Deno.test("V3: whoever watches does not hold up the end", STRICT, async () => {
  await using mcp = new FakeMcp();
  const signet = await TestSignet.start({ upstream: mcp.url });
  const log = await Watched.open(signet, "/log");
  await signet.app.drain();
  await until(() => log.ended, "the feed ended with Signet");
  await log[Symbol.asyncDispose]();
});
