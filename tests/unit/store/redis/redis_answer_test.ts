// A shared store that answers, and not what it was asked: somebody else's, a proxy's, or one that is meant to mislead.
import assert from "node:assert/strict";
import { openRedisStore } from "../../../../lib/store/redis/redis.ts";
import type { RedisClientOptions } from "../../../../lib/store/redis/redis_client.ts";
import { type Store, StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { tokenRecord } from "../store_contract.ts";

const NOW_MS = 1_700_000_000_000;

/** A store whose server answers `answer` to everything. */
function storeOf(answer: (args: readonly string[]) => unknown): Promise<Store> {
  const createClient = ({ onReady }: RedisClientOptions) => ({
    connect: () => Promise.resolve(onReady()),
    hears: () => true,
    lookAround: () => {},
    placeOf: () => "",
    send: (_key: string, args: readonly string[]) =>
      Promise.resolve(args[0] === "EVALSHA" ? [args.at(-1), answer(args)] : answer(args)),
    subscribe: () => Promise.resolve(),
    destroy: () => {},
  });
  return openRedisStore({
    target: {
      kind: "single",
      nodes: [{ host: "127.0.0.1", port: 1 }],
      tls: false,
      database: 0,
      master: undefined,
      username: undefined,
    },
    ...{ prefix: "test", timeoutMs: 1000, createClient, now: () => NOW_MS },
    seal: { seal: (text) => text, open: () => undefined },
  });
}

const BOUNDS = { limit: 3, yieldAfterMs: 1000, idleMs: 60_000 };
const RATE = { id: "r", amount: 1, windowMs: 1000, burst: 2 };
const ASKS: Readonly<Record<string, (store: Store) => unknown>> = {
  "whether a session is revoked": ({ revocations }) => revocations.find({ sid: "s", owner: "o", issuedAtMs: NOW_MS }),
  "what was revoked since": ({ revocations }) => revocations.changesSince(1, 10),
  "how much is revoked": ({ revocations }) => revocations.size(),
  "for a place": ({ shared }) => shared!.places.take({ principal: "p", session: "s" }, BOUNDS),
  "how many places there are": ({ shared }) => shared!.places.count("p", 60_000),
  "for a turn": ({ shared }) => shared!.aliases.takeTurn("s", "h", 1000),
  "whether a text is in use": ({ pools }) => pools!.touch("s", "t", 1000),
  "to take from a rate": ({ rates }) => rates!.take([{ rate: RATE, key: "k", cost: 1 }], NOW_MS),
  "to keep a token": ({ tokens }) => tokens.insertBelowLimit(tokenRecord("s"), { limit: 3, nowMs: NOW_MS }),
  "which tokens there are": ({ tokens }) => tokens.list({ nowMs: NOW_MS, limit: 3 }),
  "which tokens an agent has": ({ tokens }) => tokens.list({ agent: "a", nowMs: NOW_MS, limit: 3 }),
  "to revoke an agent's tokens": ({ tokens }) => tokens.removeAgent("a", NOW_MS),
  "to purge": (store) => store.purge(NOW_MS),
};
/** Answers that none of these has. */
const STRANGE: readonly unknown[] = [{}, "abc", [], [[]], ["x", "y", "z", "a"], [null, null, null], [["1"], 2, 3], NaN];

for (const [what, ask] of Object.entries(ASKS)) {
  Deno.test(`R6: a store that is asked ${what} and answers something else has not answered`, STRICT, async () => {
    for (const answer of STRANGE) {
      // No tokens is an answer.
      if (what === "which tokens there are" && Array.isArray(answer) && answer.length === 0) continue;
      const store = await storeOf(() => answer);
      const isRefused = (fault: unknown) => fault instanceof StoreError && fault.code === "io";
      await assert.rejects(async () => await ask(store), isRefused, JSON.stringify(answer));
      await store.close();
    }
  });
}

Deno.test(
  "R6: a list that goes round in circles, or leaps where no number follows, is followed nowhere",
  STRICT,
  async () => {
    for (const number of ["7", "5", "9007199254740993", "18446744073709551615"]) {
      const entry = [`${number}-0`, ["r", "sealed"]];
      const store = await storeOf(() => [[entry, entry], [], [], 2, "7", 1, 1]);
      await assert.rejects(async () => await store.revocations.changesSince(6, 2), StoreError, number);
      await store.close();
    }
    const circle = await storeOf((args) => args.includes("HMGET") ? [null, null] : ["a", "b"]);
    await assert.rejects(async () => await circle.tokens.list({ nowMs: NOW_MS, limit: 2 }), StoreError);
    await circle.close();
    let rounds = 0;
    const endless = await storeOf(() => (rounds++, 1000));
    rounds = 0;
    await endless.purge(NOW_MS);
    assert.ok(rounds <= 2000);
    await endless.close();
  },
);
