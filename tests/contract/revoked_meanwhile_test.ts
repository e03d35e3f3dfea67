// Whoever is let in while word of his revocation comes from another replica is let out again (docs/behaviour.md L6, R4): the
// store was asked before, and what it said then is not the last word.
import assert from "node:assert/strict";
import { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { HeldAnswers } from "../support/held_answers.ts";
import { ISSUER } from "../support/issuer.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { call, freshRing, INITIALIZE, LANES, revoke, status, TestSignet } from "../support/signet.ts";
import { ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until, within } from "../support/until.ts";

const STORE = await needing(["redis-server"], "that replicas tell each other what is revoked");
/** The list of revocations, asked about one session. */
const ASKED = /EVALSHA[^]*:revoked}:until[^]*:revoked}:before\r\n[^]*\r\no/;

interface Scene {
  readonly here: TestSignet;
  readonly there: TestSignet;
  readonly upstream: FakeMcp;
  readonly token: string;
}

const KNOWN_THERE = "comes with an id that is not known here";
/** Asks to be let in; what is revoked meanwhile was opened before it. */
const WAYS: readonly [string, (scene: Scene) => Promise<() => Promise<Response>>][] = [
  ["opens a session", ({ here, token }) => Promise.resolve(() => here.post(INITIALIZE, { token }))],
  [KNOWN_THERE, async ({ here, there, token }) => {
    const id = await there.open({ token });
    return () => here.post(call(1, "echo"), { id, token });
  }],
  ["comes with an id of the server's own", ({ here, upstream, token }) => {
    const id = crypto.randomUUID();
    upstream.sessions.add(id);
    return Promise.resolve(() => here.post(call(1, "echo"), { id, token }));
  }],
];

/** What the other replica says of it: what is read here, or what nobody can read here, as it is sealed with a newer key. */
const [READ, UNREAD] = ["another replica", "one with a newer key"] as const;
const CASES = WAYS.flatMap(([what, prepare]) =>
  // Its ids do not open here either.
  (what === KNOWN_THERE ? [READ] : [READ, UNREAD]).map((where) => ({ what, prepare, where }))
);

for (const lane of LANES) {
  for (const { what, prepare, where } of CASES) {
    Deno.test(
      `L6 R4: whoever ${what} and is revoked at ${where} meanwhile is not let in (${lane} lane)`,
      { ...STRICT, ...STORE },
      async () => {
        await using issuer = await TestIssuer.create();
        await using upstream = new FakeMcp();
        await using redis = await RedisServer.start();
        await using wire = await HeldAnswers.to(redis.port);
        const ring = freshRing();
        const newer = new KeyRing([...freshRing().keys, ...ring.keys]);
        const flags = [...issuer.flags, "--adopt", "--store-timeout", "20s"];
        const start = (port: number, ring: KeyRing) =>
          TestSignet.start({
            upstream: upstream.url,
            ring,
            lane,
            flags: [...flags, "--store", `redis://127.0.0.1:${port}`],
          });
        await using there = await start(redis.port, where === READ ? ring : newer);
        await using here = await start(wire.port, ring);
        const isWhole = () => there.app.storeIsWhole && here.app.storeIsWhole;
        await until(isWhole, "both connections to the store");
        // From now on the store knows the question.
        await there.open({ token: await issuer.token("bob") });
        for (let attempt = 0, isFound = false; !isFound; attempt++) {
          assert.ok(attempt < 20, "each time the list was being read when the word of it came");
          const subject = `alice ${attempt}`;
          const token = await issuer.token(subject);
          const ask = await prepare({ here, there, upstream, token });
          wire.hold(ASKED);
          const asked = status(ask());
          await wire.answered(/\*4\r\n/);
          const body = JSON.stringify({ kind: "principal", issuer: ISSUER, subject });
          const url = `http://${there.app.admin}/sessions/revoke`;
          const init = { method: "POST", headers: { "content-type": "application/json" }, body };
          assert.equal(await status(fetch(url, init)), 200);
          // What has changed since, unless it was read a moment before, how far that goes, what is still kept, the newest entry,
          // and last of all that a master says so.
          const whole = /\*4\r\n[^]*(\$16\r\n\d{16}|\$-1)\r\n:[01]\r\n:[01]\r\n\*(0|1\r\n[^]+)\r\n:1\r\n$/;
          isFound = /\r\n\*9\r\n\*[1-9]/.test(await wire.answered(whole));
          wire.letGo();
          const found = await asked;
          if (isFound) assert.equal(found, 404);
        }
        await until(async () => await here.metric("signet_sessions") === 0, "nobody to have a session here");
        await until(isWhole, "both connections to the store");
      },
    );
  }
}

Deno.test(
  "L6 R4: a call without a session is cut although word of its caller's revocation cannot be read here",
  { ...STRICT, ...STORE },
  async () => {
    await using issuer = await TestIssuer.create();
    await using upstream = new FakeMcp();
    const done = Promise.withResolvers<void>();
    const called: string[] = [];
    upstream.onRequest = ({ body }) => {
      if (!body.includes('"tools/call"')) return undefined;
      called.push(body);
      return done.promise.then(() => new Response(null, { status: 503 }));
    };
    await using redis = await RedisServer.start();
    const ring = freshRing();
    const newer = new KeyRing([...freshRing().keys, ...ring.keys]);
    const flags = [...issuer.flags, "--store-timeout", "20s", "--store", redis.url];
    await using there = await TestSignet.start({ upstream: upstream.url, ring: newer, flags });
    await using here = await TestSignet.start({ upstream: upstream.url, ring, flags });
    await until(() => there.app.storeIsWhole && here.app.storeIsWhole, "both connections to the store");
    const [hers, his] = [await issuer.token("alice"), await issuer.token("bob")];
    const hangs = (token: string) => status(ask(here, "tools/call", { name: "hangs", arguments: {} }, { token }));
    const [alice, bob] = [hangs(hers), hangs(his)];
    await until(() => called.length === 2, "the server to be asked");
    await revoke(there, { kind: "principal", issuer: ISSUER, subject: "alice" });
    assert.notEqual(await within("her call to end", alice), 200);
    assert.equal(await Promise.race([bob, Promise.resolve("goes on")]), "goes on");
    done.resolve();
    assert.equal(await within("his call to end", bob), 503);
  },
);
