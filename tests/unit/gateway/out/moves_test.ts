// Where a session went that was opened again, while others tell the store, too: what a replica opened is known to the others,
// or its own alone, and then ended at its server (docs/behaviour.md L4, R1).
import assert from "node:assert/strict";
import { StoreSeal } from "../../../../lib/envelope/store_seal.ts";
import type { UpstreamSessionId } from "../../../../lib/envelope/session_id.ts";
import { Moves, type Moving } from "../../../../lib/gateway/out/moves.ts";
import type { Replicas } from "../../../../lib/replica/replicas.ts";
import type { Session } from "../../../../lib/session/session.ts";
import type { Upstream } from "../../../../lib/upstream/upstream.ts";
import { FakeAliases } from "../../../support/fake_aliases.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { freshRing } from "../../../support/signet.ts";
import { STRICT } from "../../../support/strict.ts";

const SID = "a session";
const ring = freshRing();
const seal = new StoreSeal(() => ring, "move");

/** One session, opened here as `own`. */
function scene() {
  const timers = new FakeTimers();
  const store = new FakeAliases(() => timers.now());
  let names = 0;
  const link = {
    ...{
      sid: SID,
      expiresAtMs: timers.now() + 60_000,
      upstreamUrl: "http://u",
      generation: 1,
      reviving: undefined,
      home: undefined,
      move: undefined as string | undefined,
    },
    upstreamSessionId: "own" as UpstreamSessionId | undefined,
    reopened: { fields: [], query: "", caller: {} } as unknown,
  };
  const session = Object.assign(link, { link }) as unknown as Session;
  const upstream = { isLocal: false, url: "http://u", initializeTimeoutMs: 1000 } as unknown as Upstream;
  /** As `letGo`: what is ended at the server. */
  const ended: unknown[] = [];
  const moves = new Moves({
    ...{ store, seal, timers, find: () => session, upstream: () => upstream },
    replicas: { self: "http://here", instance: "i", at: () => undefined } as unknown as Replicas,
    random: (n) => new Uint8Array(n).fill(++names),
    onGone: ({ link: { upstreamSessionId: id, move } }) => void (move === undefined && ended.push(id)),
  });
  const said = (name: string, about: { readonly home?: string; readonly id?: string } = {}) =>
    seal.seal(JSON.stringify({ sid: SID, name, home: about.home ?? null, url: "http://u", id: about.id ?? "theirs" }));
  /** Between this replica's look and its word, somebody else's comes. */
  const comeBetween = (text: string | undefined, times = 1) => {
    const { get } = store;
    store.get = async (sid) => {
      const found = await get.call(store, sid);
      if (times-- > 0) {
        if (text === undefined) store.texts.delete(sid);
        else store.texts.set(sid, { text, untilMs: Infinity });
      } else store.get = get;
      return found;
    };
  };
  const moving = { session, link, upstream } as unknown as Moving;
  return { store, link, moves, ended, said, comeBetween, moving };
}

Deno.test("R1 L4: what the store took has its name, and is everybody's", STRICT, async () => {
  const { store, link, moves, ended, moving } = scene();
  await moves.tell(moving);
  assert.equal(link.move, "01".repeat(12));
  assert.deepEqual([store.texts.size, ended, link.upstreamSessionId, moves.unshared], [1, [], "own", 0]);
});

Deno.test(
  "R1 L4: who was slower follows the faster one, and what it opened itself is ended at the server",
  STRICT,
  async () => {
    const { link, moves, ended, said, comeBetween, moving } = scene();
    comeBetween(said("faster"));
    await moves.tell(moving);
    assert.deepEqual([link.move, link.upstreamSessionId, ended], ["faster", "theirs", ["own"]]);
  },
);

for (
  const [what, text] of [
    ["is gone again", undefined],
    ["leads to a replica that is gone", "dead"],
    ["cannot be read", "rubbish"],
  ] as const
) {
  Deno.test(`R1 L4: where somebody else's word ${what}, the others are told once more`, STRICT, async () => {
    const { store, link, moves, ended, said, comeBetween, moving } = scene();
    store.texts.set(SID, { text: said("before"), untilMs: Infinity });
    comeBetween(text === "dead" ? said("dead", { home: "http://dead" }) : text);
    await moves.tell(moving);
    assert.equal(link.move, "01".repeat(12));
    assert.deepEqual([ended, link.upstreamSessionId, moves.unshared], [[], "own", 0]);
  });
}

Deno.test(
  "R1 L4: what the store never takes has no name, so that it is ended with this replica's memory of it",
  STRICT,
  async () => {
    const { store, link, moves, ended, moving, said } = scene();
    let n = 0;
    store.replace = () => {
      store.texts.set(SID, { text: said(`dead ${n++}`, { home: "http://dead" }), untilMs: Infinity });
      return Promise.resolve(false);
    };
    await moves.tell(moving);
    assert.deepEqual([link.move, link.upstreamSessionId, ended, moves.unshared], [undefined, "own", [], 1]);
  },
);

Deno.test(
  "R1 L4: one opened while the store was away is ended when another replica's takes its place",
  STRICT,
  async () => {
    const { store, link, moves, ended, moving, said } = scene();
    store.isUp = false;
    await moves.tell(moving);
    assert.deepEqual([link.move, moves.unshared], [undefined, 1]);
    store.isUp = true;
    await store.replace(SID, { before: undefined, text: said("another"), ttlMs: 60_000 });
    assert.deepEqual([link.move, link.upstreamSessionId, ended], ["another", "theirs", ["own"]]);
  },
);
