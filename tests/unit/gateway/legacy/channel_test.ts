// A message of a client of HTTP+SSE whose exchange fails inside: the client hears of it by its stream, the operator by the log.
import assert from "node:assert/strict";
import { LegacyChannel } from "../../../../lib/gateway/legacy/channel.ts";
import type { Handle } from "../../../../lib/gateway/parts.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

type Given = ConstructorParameters<typeof LegacyChannel>;

/** @param handle the path of a request */
async function take(handle: Handle) {
  const noted: { code: string; from: unknown }[] = [];
  const sent: string[] = [];
  const parts = {
    account: new ByteAccount(),
    options: { path: "/mcp" },
    errors: { note: ({ code }: { code: string }, { from }: { from: unknown }) => void noted.push({ code, from }) },
  } as unknown as Given[0];
  const inbound = { head: { fields: [], host: "h" }, exchange: { connection: {} }, remoteAddress: "1.2.3.4" };
  const channel = new LegacyChannel(parts, {
    inbound: inbound as unknown as Given[1]["inbound"],
    caller: { principalKey: "p" } as unknown as Given[1]["caller"],
    stream: {
      write: (bytes: Uint8Array) => Promise.resolve(void sent.push(new TextDecoder().decode(bytes))),
    } as unknown as Given[1]["stream"],
    handle,
    onGone: () => {},
    timers: new FakeTimers(),
  });
  let isReleased = false;
  const bytes = new TextEncoder().encode('{"jsonrpc":"2.0","id":7,"method":"tools/list"}');
  const body = { bytes, release: () => void (isReleased = true) } as unknown as Parameters<LegacyChannel["take"]>[2];
  void channel.take(parts, inbound as unknown as Parameters<LegacyChannel["take"]>[1], body);
  await channel.answered();
  assert.equal(isReleased, true);
  return { noted, sent };
}

const boom = new TypeError("boom");
const FAULTS: Record<string, Handle> = {
  "told to the exchange": (_, exchange) => Promise.resolve(exchange.fail(boom)),
  "thrown at once": () => {
    throw boom;
  },
  rejected: () => Promise.reject(boom),
};

for (const [how, handle] of Object.entries(FAULTS)) {
  Deno.test(
    `V1: a fault of Signet's own in an exchange of HTTP+SSE has a line in the log: ${how}`,
    STRICT,
    async () => {
      const { noted, sent } = await take(handle);
      assert.deepEqual(noted, [{ code: "internal", from: "1.2.3.4" }]);
      assert.equal(sent.length, 1);
      assert.match(sent[0]!, /"id":7.*the answer was cut off/);
    },
  );
}

Deno.test("V1: an answer that there is no room for has a line in the log, too", STRICT, async () => {
  const { noted, sent } = await take(async (_, exchange) => {
    const start = { status: 200, fields: ["content-type", "text/event-stream"] };
    const writer = await exchange.begin(start, Infinity);
    for (let piece = 0; piece < 20; piece++) await writer.write(new Uint8Array(1024 * 1024).fill(0x61));
    await writer.end();
  });
  assert.deepEqual(noted.length, 1);
  assert.equal(sent.length, 1);
});
