// Where a session went that was opened again, while others tell the store, too: what a replica opened is known to the others,
// or its own alone, and then ended at its server (docs/behaviour.md L4, R1).
import assert from "node:assert/strict";
import type { UpstreamSessionId } from "../../../../../lib/envelope/session_id.ts";
import { StoreSeal } from "../../../../../lib/envelope/store_seal.ts";
import { Moves, type Moving } from "../../../../../lib/gateway/out/sessions/moves.ts";
import type { Replicas } from "../../../../../lib/replica/replicas.ts";
import type { Session } from "../../../../../lib/session/session.ts";
import { StoreError } from "../../../../../lib/store/store.ts";
import type { Upstream } from "../../../../../lib/upstream/upstream.ts";
import { FakeAliases } from "../../../../support/fake_aliases.ts";
import { FakeTimers } from "../../../../support/fake_timers.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";

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
  return { store, session, link, moves, ended, said, comeBetween, moving };
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

for (
  const [what, end] of [
    ["is deleted here", ({ moves, session }) => moves.forget(session)],
    ["is revoked", ({ session }) => Object.assign(session, { endReason: "revoked" })],
  ] as readonly [string, (begun: ReturnType<typeof scene>) => unknown][]
) {
  Deno.test(
    `L6 R1: where a session ${what} while the store is told where it went, no word of it stays`,
    STRICT,
    async () => {
      const begun = scene();
      const { store, moves, moving } = begun;
      const { replace } = store;
      store.replace = async (...given) => {
        const written = await replace.apply(store, given);
        end(begun);
        return written;
      };
      await moves.tell(moving);
      assert.equal(store.texts.size, 0);
    },
  );
}

Deno.test(
  "R1 L4: word that another one's has taken the place of ends nothing, and costs no initialize",
  STRICT,
  async () => {
    const { store, link, moves, ended, said, moving } = scene();
    const { get } = store;
    store.get = async (sid) => {
      store.get = get;
      await store.replace(SID, { before: undefined, text: said("earlier"), ttlMs: 60_000 });
      return await store.get(sid);
    };
    await moves.tell(moving);
    assert.equal(store.texts.size, 1);
    assert.deepEqual([link.move, link.upstreamSessionId, link.generation, ended], ["01".repeat(12), "own", 1, []]);
  },
);

Deno.test(
  "R1 L4: word that takes the place of this one's before this one knows that it was taken is followed",
  STRICT,
  async () => {
    const { store, link, moves, ended, said, moving } = scene();
    const { replace } = store;
    store.replace = async (sid, told) => {
      store.replace = replace;
      const written = await store.replace(sid, told);
      await store.replace(sid, { before: told.text, text: said("later"), ttlMs: 60_000 });
      return written;
    };
    await moves.tell(moving);
    assert.deepEqual([link.move, link.upstreamSessionId, ended], ["later", "theirs", ["own"]]);
  },
);

Deno.test(
  "R1 O4: a client that initializes anew while the store is told of its session before keeps the new one",
  STRICT,
  async () => {
    const { store, link, moves, ended, moving } = scene();
    const { replace } = store;
    let second: Promise<void> | undefined;
    store.replace = async (sid, told) => {
      store.replace = replace;
      const written = await store.replace(sid, told);
      Object.assign(link, { upstreamSessionId: "newer", generation: link.generation + 1 });
      second = moves.tell(moving);
      return written;
    };
    await moves.tell(moving);
    await second;
    assert.deepEqual([link.move, link.upstreamSessionId, ended], ["02".repeat(12), "newer", []]);
  },
);

for (
  const text of [
    "no JSON",
    "null",
    "[]",
    `{"sid":"${SID}"}`,
    `{"sid":"${SID}","name":"n","home":1,"url":"http://u","id":"theirs"}`,
    `{"sid":"${SID}","name":"n","home":null,"url":"http://u","id":1}`,
    `{"sid":"${SID}","name":"n","home":null,"url":"http://u","id":"a\\nb"}`,
  ]
) {
  Deno.test(`R1 L4: what another version has sealed leads nowhere: ${text}`, STRICT, async () => {
    const { store, link, moves, moving } = scene();
    store.texts.set(SID, { text: seal.seal(text), untilMs: Infinity });
    await moves.refresh(moving);
    await store.replace(SID, { before: seal.seal(text), text: seal.seal(text), ttlMs: 1000 });
    assert.deepEqual([link.move, link.upstreamSessionId, link.generation], [undefined, "own", 1]);
  });
}

Deno.test("R1 L4: what is told of a session that has been opened here meanwhile is not news", STRICT, async () => {
  const { store, link, moves, ended, said, moving } = scene();
  store.texts.set(SID, { text: said("before"), untilMs: Infinity });
  const { get } = store;
  store.get = async (sid) => {
    const found = await get.call(store, sid);
    Object.assign(link, { upstreamSessionId: "newer", generation: link.generation + 1 });
    return found;
  };
  await moves.refresh(moving);
  assert.deepEqual([link.move, link.upstreamSessionId, ended], [undefined, "newer", []]);
});

Deno.test(
  "R1 L4: who was overtaken while it opened a session follows the faster one, though it did not hear of it",
  STRICT,
  async () => {
    const { store, link, moves, ended, said, moving } = scene();
    await moves.openOnce(moving, () => {
      // Its turn is over, and so is another's.
      store.texts.set(SID, { text: said("faster"), untilMs: Infinity });
      Object.assign(link, { generation: link.generation + 1, move: undefined });
      return Promise.resolve();
    });
    assert.deepEqual([link.move, link.upstreamSessionId, ended], ["faster", "theirs", ["own"]]);
  },
);

Deno.test("R1 L4: what another has opened meanwhile, and told, is told by nobody else", STRICT, async () => {
  const { store, link, moves, ended, said, moving } = scene();
  await moves.openOnce(moving, async () => {
    await store.replace(SID, { before: undefined, text: said("faster"), ttlMs: 60_000 });
  });
  assert.deepEqual([link.move, link.upstreamSessionId, ended], ["faster", "theirs", ["own"]]);
  assert.equal(store.texts.get(SID)?.text, said("faster"));
});

Deno.test(
  "R1 L4: what leads nowhere, and was there before, takes no session from who has opened it",
  STRICT,
  async () => {
    const { store, link, moves, ended, said, moving } = scene();
    store.texts.set(SID, { text: said("before", { home: "http://dead" }), untilMs: Infinity });
    await moves.openOnce(moving, () => {
      Object.assign(link, { generation: link.generation + 1, move: undefined });
      return Promise.resolve();
    });
    assert.deepEqual([link.move, link.upstreamSessionId, ended, moves.unshared], ["01".repeat(12), "own", [], 0]);
  },
);

Deno.test("R1 R6: a turn whose answer is lost is given back as any other", STRICT, async () => {
  const { store, moves, moving } = scene();
  const { takeTurn } = store;
  store.takeTurn = async (...turn) => {
    await takeTurn.apply(store, turn);
    store.isUp = false;
    throw new StoreError("io", "The store does not answer", { remedy: "Start it." });
  };
  let opened = 0;
  await moves.openOnce(moving, () => {
    opened++;
    store.isUp = true;
    return Promise.resolve();
  });
  assert.deepEqual([opened, moves.unshared], [1, 1]);
  assert.ok(await takeTurn.call(store, SID, "another", 1000), "the turn is given back");
});

Deno.test(
  "R1 R6: who opens a session without the store's answer keeps nobody else from it afterwards",
  STRICT,
  async () => {
    const { store, moves, moving } = scene();
    const { get } = store;
    let asked = 0;
    store.get = async (sid) => {
      const found = await get.call(store, sid);
      // Once, behind the turn: what is there cannot be told.
      if (++asked === 2) throw new StoreError("io", "The store does not answer", { remedy: "Start it." });
      return found;
    };
    let opened = 0;
    await moves.openOnce(moving, () => {
      opened++;
      return Promise.resolve();
    });
    assert.deepEqual([opened, asked, moves.unshared], [1, 2, 1]);
    assert.ok(await store.takeTurn(SID, "another", 1000), "the turn is given back");
  },
);
