// Nothing that one caller sends keeps everybody else waiting: bodies within the caps, made to cost as much as possible,
// never hold the event loop up for long. Bounds are in looks at each byte of 4 MiB (support/pauses.ts). `JSON.parse` takes 35
// to 70 of them for the worst body.
import assert from "node:assert/strict";
import { SseParser } from "../../lib/mcp/events/sse.ts";
import { flatten } from "../../lib/mcp/json/json_splice.ts";
import { findMember } from "../../lib/mcp/json/json_text.ts";
import { parseMessageInTurns, readPlain } from "../../lib/mcp/messages/read_message.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { hostileBodies } from "../support/hostile_bodies.ts";
import { leastLooks, leastPause } from "../support/pauses.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const MAX_BODY = 4 * 1024 * 1024;
const TRIES = 6;
const READ_LOOKS = 16, STEP_LOOKS = 24, EVENT_LOOKS = 8, PAUSE_LOOKS = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function send(signet: TestSignet, id: string | undefined, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const named = id === undefined ? headers : { ...headers, "mcp-session-id": id };
  await status(fetch(signet.url, { method: "POST", headers: named, body }));
}

Deno.test(
  "M3: reading a message of 4 MiB holds the loop up for no more than some looks at its bytes",
  STRICT,
  async () => {
    for (const [what, body] of hostileBodies(MAX_BODY)) {
      const read = () => parseMessageInTurns(body, { maxDepth: 64 }).catch(() => {});
      const pause = await leastPause(READ_LOOKS, TRIES, read);
      assert.ok(pause < READ_LOOKS, `${what}: a pause of ${pause} looks`);
    }
  },
);

Deno.test("M3: what is done at once to a message takes no more than some looks at its bytes", STRICT, () => {
  for (const [what, body] of hostileBodies(MAX_BODY)) {
    const steps = {
      plain: () => readPlain(body.subarray(0, 64 * 1024), { maxDepth: 64 }),
      found: () => [findMember(body, "id"), findMember(body, "requestId", findMember(body, "params"))],
      flattened: () => flatten(body.slice()),
    };
    for (const [step, work] of Object.entries(steps)) {
      const looks = leastLooks(STEP_LOOKS, TRIES, work);
      assert.ok(looks < STEP_LOOKS, `${step} of ${what}: ${looks} looks`);
    }
  }
});

Deno.test("M3: an event stream of nothing but short lines costs no more than its bytes", STRICT, () => {
  for (const line of ["\n", ":\n", "data:\n", "id:\n", "x\n", "\r\n", "retry:1\n"]) {
    const piece = encoder.encode(line.repeat(64 * 1024 / line.length));
    const looks = leastLooks(EVENT_LOOKS, TRIES, () => new SseParser({ maxEventBytes: 1 << 20 }).push(piece));
    assert.ok(looks < EVENT_LOOKS, `${JSON.stringify(line)}: ${looks} looks`);
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
        const pause = await leastPause(PAUSE_LOOKS, TRIES, () => send(signet, session, body));
        assert.ok(pause < PAUSE_LOOKS, `${what}: a pause of ${pause} looks`);
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
        const pause = await leastPause(PAUSE_LOOKS, TRIES, () => send(signet, id, body));
        assert.ok(pause < PAUSE_LOOKS, `${what}: a pause of ${pause} looks`);
      }
      // And what comes back: the same again, as the text of a result.
      for (const what of ["escaped quotes", "arrays", "one string"]) {
        const body = encoder.encode(decoder.decode(hostileBodies(MAX_BODY).get(what)).replace('"nothing"', '"echo"'));
        const pause = await leastPause(PAUSE_LOOKS, TRIES, () => send(signet, id, body));
        assert.ok(pause < PAUSE_LOOKS, `the answer to ${what}: a pause of ${pause} looks`);
      }
      // Nobody reads the last answers to their end: for a moment they take up what the next one needs (503).
      const isTaken = async () => await status(signet.post(call(2, "count"), { id })) === 200;
      await until(isTaken, "room for the next call");
    },
  );
}
