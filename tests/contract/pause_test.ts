// Nothing that one caller sends keeps everybody else waiting: bodies within the caps, made to cost as much as possible,
// never hold the event loop up for long. The measure is what `JSON.parse` takes for the worst of them on this machine, now:
// it alone would stop everybody for many times what is allowed.
import assert from "node:assert/strict";
import { SseParser } from "../../lib/mcp/events/sse.ts";
import { flatten } from "../../lib/mcp/json/json_splice.ts";
import { findMember } from "../../lib/mcp/json/json_text.ts";
import { parseMessageInTurns, readPlain } from "../../lib/mcp/messages/read_message.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { hostileBodies, slowToParse } from "../support/hostile_bodies.ts";
import { leastPause, timeOf } from "../support/pauses.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const MAX_BODY = 4 * 1024 * 1024;
const TRIES = 6;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const slowest = slowToParse(MAX_BODY);
const reference = timeOf(() => JSON.parse(slowest));

async function send(signet: TestSignet, id: string | undefined, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const named = id === undefined ? headers : { ...headers, "mcp-session-id": id };
  await status(fetch(signet.url, { method: "POST", headers: named, body }));
}

Deno.test(
  "M3: reading a message of 4 MiB holds the loop up for a small part of what parsing it takes",
  STRICT,
  async () => {
    for (const [what, body] of hostileBodies(MAX_BODY)) {
      const pause = await leastPause(
        reference / 8,
        TRIES,
        () => parseMessageInTurns(body, { maxDepth: 64 }).catch(() => {}),
      );
      assert.equal(pause < reference / 8, true, `${what}: ${pause} ms, ${reference} ms`);
    }
  },
);

Deno.test("M3: what is done at once to a message takes a small part of what parsing it takes", STRICT, () => {
  for (const [what, body] of hostileBodies(MAX_BODY)) {
    const copies = [1, 2, 3].map(() => body.slice());
    const spent = {
      plain: timeOf(() => readPlain(body.subarray(0, 64 * 1024), { maxDepth: 64 })),
      found: timeOf(() => [findMember(body, "id"), findMember(body, "requestId", findMember(body, "params"))]),
      flattened: timeOf(() => flatten(copies.pop()!)),
    };
    for (const [step, time] of Object.entries(spent)) {
      assert.equal(time < reference / 4, true, `${step} of ${what}: ${time} ms, ${reference} ms`);
    }
  }
});

Deno.test("M3: an event stream of nothing but short lines costs no more than its bytes", STRICT, () => {
  for (const line of ["\n", ":\n", "data:\n", "id:\n", "x\n", "\r\n", "retry:1\n"]) {
    const piece = encoder.encode(line.repeat(64 * 1024 / line.length));
    const time = timeOf(() => new SseParser({ maxEventBytes: 1 << 20 }).push(piece));
    assert.equal(time < reference / 4, true, `${JSON.stringify(line)}: ${time} ms, ${reference} ms`);
  }
});

for (const lane of LANES) {
  Deno.test(`M3: no body within the caps keeps the others waiting (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    upstream.onRequest = ({ body }) =>
      body.length > 10_000 ? Response.json({ jsonrpc: "2.0", id: 1, result: {} }) : undefined;
    for (const [what, body] of hostileBodies(MAX_BODY)) {
      for (const session of [id, undefined]) {
        const pause = await leastPause(reference / 3, TRIES, () => send(signet, session, body));
        assert.equal(pause < reference / 3, true, `${what}: ${pause} ms, ${reference} ms`);
      }
    }
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
  });

  Deno.test(
    `M3: no body within the caps keeps the others waiting before a stdio server (${lane} lane)`,
    STRICT,
    async () => {
      const { command, args = [] } = fixture();
      await using signet = await TestSignet.start({ upstream: [command, ...args], lane });
      const id = await signet.open();
      for (const [what, body] of hostileBodies(MAX_BODY)) {
        const pause = await leastPause(reference / 3, TRIES, () => send(signet, id, body));
        assert.equal(pause < reference / 3, true, `${what}: ${pause} ms, ${reference} ms`);
      }
      // And what comes back: the same again, as the text of a result.
      for (const what of ["escaped quotes", "arrays", "one string"]) {
        const body = encoder.encode(decoder.decode(hostileBodies(MAX_BODY).get(what)).replace('"nothing"', '"echo"'));
        const pause = await leastPause(reference / 3, TRIES, () => send(signet, id, body));
        assert.equal(pause < reference / 3, true, `the answer to ${what}: ${pause} ms, ${reference} ms`);
      }
      // Nobody reads the last answers to their end: for a moment they take up what the next one needs (503).
      const isTaken = async () => await status(signet.post(call(2, "count"), { id })) === 200;
      await until(isTaken, "room for the next call");
    },
  );
}
