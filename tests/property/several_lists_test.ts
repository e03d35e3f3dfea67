// Merged lists of any members: whatever pages they come in and whoever answers first, the same bytes, each entry once, and
// by pages of a walk no others (docs/behaviour.md A1, A2, A7).
import fc from "fast-check";
import assert from "node:assert/strict";
import { findMember } from "../../lib/mcp/json/json_text.ts";
import { FakeReach, routing } from "../support/fake_members.ts";
import { messageOf } from "../support/fake_peer.ts";
import { settle } from "../support/fake_timers.ts";
import { STRICT } from "../support/strict.ts";

type Json = Record<string, unknown>;
type Tools = readonly { readonly name: string; readonly text: string }[];

const NAMES = ["alpha", "beta", "gamma"] as const;

/** A list of all, its members answering in the order of `turns`, each in pages of `pageSize`. */
async function listed(all: readonly Tools[], pageSize: number, turns: readonly number[]): Promise<Uint8Array> {
  const reaches = Object.fromEntries(NAMES.map((name) => [name, new FakeReach()]));
  const { router } = await routing(reaches);
  const request = messageOf({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }).line;
  let answered: Uint8Array | undefined;
  router.peerFor().ask(request, findMember(request, "id")!, {
    onReply: ({ line }) => void (answered = line),
    onLost: ({ reason }) => assert.fail(reason),
  }, { fields: [] });
  for (let turn = 0; answered === undefined; turn++) {
    await settle();
    const open = NAMES.map((name) => reaches[name]!.peers[0]!.current!).filter(({ asked }) => asked.size > 0);
    if (open.length === 0) continue;
    const peer = open[turns[turn % turns.length]! % open.length]!;
    const tools = all[NAMES.findIndex((name) => reaches[name]!.peers[0]!.current === peer)]!;
    const [id, { message }] = [...peer.asked][0]!;
    const from = Number((message.params as Json).cursor ?? 0);
    const next = from + pageSize < tools.length ? { nextCursor: String(from + pageSize) } : {};
    peer.answer(id, { tools: tools.slice(from, from + pageSize), ...next });
    await settle();
  }
  await router.stop("leave", { fields: [] }).gone;
  return answered;
}

const tools = fc.array(
  fc.record({ name: fc.string({ unit: "binary", minLength: 1, maxLength: 80 }), text: fc.string({ maxLength: 20 }) }),
  { maxLength: 12 },
);

Deno.test(
  "A1 A2: the same bytes in whatever pages and order members answer; each name once, and one that clients take",
  STRICT,
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(tools, tools, tools),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(10), { minLength: 1, maxLength: 9 }),
        async (all, pageSize, turns) => {
          const wellFormed = all.map((one) => one.map(({ name, text }) => ({ name: name.toWellFormed(), text })));
          const paged = await listed(wellFormed, pageSize, turns);
          const whole = await listed(wellFormed, 100, [0]);
          assert.deepEqual(paged, whole);
          const { result } = JSON.parse(new TextDecoder().decode(whole)) as { result: { tools: Tools } };
          const names = result.tools.map(({ name }) => name);
          assert.equal(new Set(names).size, names.length);
          for (const name of names) assert.match(name, /^(alpha|beta|gamma)_[A-Za-z0-9_-]{1,58}$/);
          const wanted = wellFormed.map((one) => new Set(one.map(({ name }) => name)).size);
          assert.equal(names.length, wanted.reduce((sum, count) => sum + count, 0));
          // In the order of the members, and of their lists.
          const order = names.map((name) => NAMES.findIndex((member) => name.startsWith(member)));
          assert.deepEqual(order, [...order].sort());
        },
      ),
      { numRuns: 200 },
    );
  },
);
