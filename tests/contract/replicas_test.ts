// Several replicas, each with an MCP server that it alone reaches (docs/behaviour.md R1–R3, R8, L4, O1; issue "Many replicas").
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KeyRing, type MasterKey } from "../../lib/envelope/key_ring.ts";
import { openSession } from "../../lib/envelope/session_id.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FalseHome } from "../support/false_home.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { Replicas } from "../support/replicas.ts";
import { call, freshRing, INITIALIZE, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

interface Scene {
  readonly replicas: Replicas;
  readonly issuer: TestIssuer;
}

function test(title: string, body: (scene: Scene) => Promise<void>, { lane }: { lane?: Lane } = {}): void {
  Deno.test(lane === undefined ? title : `${title} (${lane} lane)`, STRICT, async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 3, lane, flags: issuer.flags });
    await body({ replicas, issuer });
  });
}

async function count(
  replicas: Replicas,
  at: number,
  ask: { id: string; token: string },
): Promise<Record<string, number>> {
  const response = await replicas.at(at).signet.post(call(1, "count"), ask);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const found = /"structuredContent":(\{[^}]*\})/.exec(text)?.[1];
  assert.ok(found !== undefined, text);
  return JSON.parse(found);
}

for (const lane of LANES) {
  test("R1: a session meets its own state whichever replica is asked", async ({ replicas, issuer }) => {
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    for (let i = 1; i <= 9; i++) assert.equal((await count(replicas, i % 3, { id, token })).count, i);
    assert.equal(replicas.at(1).upstream.requests.length, 0, "nothing reached another's server");
    assert.equal(await replicas.at(1).signet.metric('signet_hops_total{outcome="passed"}'), 3);
    assert.equal(await replicas.at(0).signet.metric("signet_hops_received_total"), 6);
    const [seen] = replicas.at(0).upstream.received("POST", "tools/call").slice(-1);
    assert.equal(seen?.headers.get("signet-hop"), null, "no proof reaches a server");
  }, { lane });

  test("R1 M3: a request that is as large as may be is as large at every replica", async ({ replicas, issuer }) => {
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    const ask = async (at: number, more: Record<string, string>) => {
      const { url } = replicas.at(at).signet;
      const response = await fetch(url, {
        method: "POST",
        headers: { ...replicas.at(at).signet.headers({ id, token }), "content-type": "application/json", ...more },
        body: JSON.stringify(call(1, "count")),
      });
      await response.body?.cancel();
      return response.status;
    };
    const bytes = (n: number) => ({ "x-pad": "x".repeat(n) });
    const fields = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`x-${i}`, "1"]));
    const found = new Set<number>();
    const base = 14_000 - id.length - token.length;
    for (
      const more of [
        ...Array.from({ length: 14 }, (_, i) => bytes(base + i * 192)),
        ...Array.from({ length: 18 }, (_, i) => fields(84 + i)),
      ]
    ) {
      const [here, over] = [await ask(0, more), await ask(1, more)];
      assert.equal(over, here, JSON.stringify(more).slice(0, 40));
      found.add(here);
    }
    assert.deepEqual([...found].sort(), [200, 431], "on both sides of either bound");
    // Whoever says himself that he has been passed on gains nothing by it.
    assert.equal(await ask(0, { ...bytes(base), "signet-hop": "x" }), 403);
    assert.equal(await ask(0, { ...bytes(base + 14 * 192 + 2048), "signet-hop": "x" }), 431);
  }, { lane });

  test(
    "R1 N1: a listening stream at another replica hears what the session's server says",
    async ({ replicas, issuer }) => {
      const token = await issuer.token("alice");
      const id = await replicas.at(0).signet.open({ token });
      const stream = await replicas.at(2).signet.get({ id, token });
      assert.equal(stream.status, 200);
      const { upstream } = replicas.at(0);
      await until(() => upstream.streams.size === 1, "the stream at the home's server");
      for (const each of upstream.streams) {
        each.enqueue(new TextEncoder().encode('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n'));
      }
      const reader = stream.body!.getReader();
      const { value } = await reader.read();
      assert.match(new TextDecoder().decode(value), /notifications\/x/);
      await reader.cancel();
      await until(() => upstream.streams.size === 0, "the stream to end");
    },
    { lane },
  );

  test(
    "R1 L4: a session whose home is gone comes back where it is asked for, and nothing runs twice",
    async ({ replicas, issuer }) => {
      const token = await issuer.token("alice");
      const id = await replicas.at(0).signet.open({ token });
      await count(replicas, 1, { id, token });
      await replicas.stop(0);
      assert.equal((await count(replicas, 1, { id, token })).count, 1, "a session anew");
      assert.equal((await count(replicas, 1, { id, token })).count, 2);
      assert.equal(replicas.at(1).upstream.ran.get("count"), 2);
      const initialized = replicas.at(1).upstream.received("POST", "initialize");
      assert.equal(initialized.length, 1);
    },
    { lane },
  );

  test(
    "O1 O3: the home asks again whose session it is, and so does whoever passes it on",
    async ({ replicas, issuer }) => {
      const [token, thief] = [await issuer.token("alice"), await issuer.token("mallory")];
      const id = await replicas.at(0).signet.open({ token });
      for (const { signet } of replicas.all) {
        assert.equal(await status(signet.post(call(1, "count"), { id, token: thief })), 403);
        assert.equal(await status(signet.post(call(1, "count"), { id })), 401);
        assert.equal(await status(signet.delete({ id, token: thief })), 403);
      }
      assert.equal((await count(replicas, 2, { id, token })).count, 1);
      assert.equal(replicas.at(0).upstream.ran.get("count"), 1);
    },
    { lane },
  );

  test("L5 R1: DELETE anywhere ends the session at its home's server", async ({ replicas, issuer }) => {
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    assert.equal(await status(replicas.at(1).signet.delete({ id, token })), 204);
    assert.equal(replicas.at(0).upstream.sessions.size, 0);
    for (const at of [0, 1]) {
      assert.equal(await status(replicas.at(at).signet.post(call(1, "count"), { id, token })), 404);
    }
    // Without a store the third knows nothing of it; its home does.
    assert.equal(await status(replicas.at(2).signet.post(call(1, "count"), { id, token })), 404);
  }, { lane });

  test(
    "R1: what an id means at a server that another replica has is not what it means at one's own",
    async ({ replicas, issuer }) => {
      // Servers that count their sessions give out the same ids.
      const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
      const ids = [
        await replicas.at(0).signet.open({ token: alice }),
        await replicas.at(1).signet.open({ token: bob }),
      ];
      const sealed = ids.map((id) => {
        const opened = openSession(replicas.ring, id);
        assert.ok(opened.ok);
        return Object.values(opened.session.upstreams)[0]?.["mcp-session-id"];
      });
      assert.equal(sealed[0], sealed[1], "the servers give out the same ids");
      await count(replicas, 1, { id: ids[1]!, token: bob });
      await replicas.stop(0);
      assert.equal((await count(replicas, 1, { id: ids[0]!, token: alice })).count, 1);
      assert.equal((await count(replicas, 1, { id: ids[1]!, token: bob })).count, 2);
    },
    { lane },
  );
}

for (const lane of LANES) {
  test(
    "R1 O1: calls of many sessions under one id, all on their way over hops at once, get each its own answer",
    async ({ replicas, issuer }) => {
      const sessions = 24;
      const waiting: (() => void)[] = [];
      // Answers when all have come, the last one first.
      replicas.at(0).upstream.tool("echo", async ({ params, request }) => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === sessions) { for (const answer of waiting.splice(0).reverse()) answer(); }
        });
        return { content: [{ type: "text", text: `${params.arguments?.text} in ${request.sessionId}` }] };
      });
      const callers = await Promise.all(Array.from({ length: sessions }, async (_, i) => {
        const token = await issuer.token(`caller-${i}`);
        const id = await replicas.at(0).signet.open({ token });
        const opened = openSession(replicas.ring, id);
        assert.ok(opened.ok);
        return { token, id, own: Object.values(opened.session.upstreams)[0]?.["mcp-session-id"] };
      }));
      for (let round = 0; round < 3; round++) {
        const answers = await Promise.all(callers.map(async ({ token, id }, i) => {
          const { signet } = replicas.at(1 + (i + round) % 2);
          const response = await signet.post(call(7, "echo", { text: `words ${round} of ${i}` }), { id, token });
          return { status: response.status, text: /"text":"([^"]*)"/.exec(await response.text())?.[1] };
        }));
        for (const [i, { status, text }] of answers.entries()) {
          assert.deepEqual([status, text], [200, `words ${round} of ${i} in ${callers[i]!.own}`]);
        }
      }
      const passed = await Promise.all([1, 2].map((at) => {
        return replicas.at(at).signet.metric('signet_hops_total{outcome="passed"}');
      }));
      assert.equal(passed[0]! + passed[1]!, 3 * sessions);
    },
    { lane },
  );
}

Deno.test(
  "L5 R4: without a store, DELETE where the home is not reached says so, and holds where it was said",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 3, apart: true, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    assert.equal((await count(replicas, 1, { id, token })).count, 1);
    await replicas.at(0).way?.close();
    const refused = await replicas.at(1).signet.delete({ id, token });
    const text = await refused.text();
    assert.equal(refused.status, 502, text);
    assert.match(text, /ended here, but not every MCP server could be told.*the replica that holds it: not reached/);
    assert.equal(await status(replicas.at(1).signet.post(call(1, "count"), { id, token })), 404);
    assert.equal(await status(replicas.at(1).signet.delete({ id, token })), 404);
    // Nobody has told it, and it lives.
    assert.equal((await count(replicas, 0, { id, token })).count, 2);
    await replicas.at(0).way?.open();
    assert.equal(await status(replicas.at(1).signet.post(call(1, "count"), { id, token })), 404);
    assert.equal(
      await status(replicas.at(2).signet.delete({ id, token })),
      204,
      "said where it is reached, it holds there",
    );
    assert.equal(await status(replicas.at(0).signet.post(call(1, "count"), { id, token })), 404);
    assert.equal(replicas.at(0).upstream.sessions.size, 0);
  },
);

/** A session of the first replica's that the second one has brought back while its home was away. */
async function broughtElsewhere(replicas: Replicas, token: string): Promise<string> {
  const { signet, way } = replicas.at(0);
  const id = await signet.open({ token });
  await way?.close();
  assert.equal((await count(replicas, 1, { id, token })).count, 1, "brought back");
  await way?.open();
  return id;
}

Deno.test(
  "L5 R4: without a store, DELETE of a session that was brought elsewhere reaches its home, too, once that is there again",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 3, apart: true, flags: issuer.flags });
    const token = await issuer.token("alice");
    // Brought to the very replica that is asked, or to the other one, as its id has it.
    for (let i = 0; i < 6; i++) {
      const id = await broughtElsewhere(replicas, token);
      assert.equal(await status(replicas.at(1).signet.delete({ id, token })), 204);
      // Nobody waits long for it; on a machine that is busy it is told behind the answer.
      await until(() => replicas.all.every(({ upstream }) => upstream.sessions.size === 0), "every server to be told");
      for (const at of [0, 1]) {
        assert.equal(await status(replicas.at(at).signet.post(call(1, "count"), { id, token })), 404, `at ${at}`);
      }
    }
  },
);

Deno.test(
  "L5 R4: DELETE of a session that was brought elsewhere waits for no home that is silent: that one hears of it as soon as it is there, or the log says that it does not",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, apart: true, flags: issuer.flags });
    const token = await issuer.token("alice");
    const [{ way, upstream }, { signet }] = [replicas.at(0), replicas.at(1)];
    const bring = async () => {
      const id = await broughtElsewhere(replicas, token);
      way?.hush();
      return id;
    };
    const told = await bring();
    assert.equal(await status(signet.delete({ id: told, token })), 204);
    way?.speak();
    await until(() => upstream.sessions.size === 0, "the home to hear of it");
    const untold = await bring();
    assert.equal(await status(signet.delete({ id: untold, token })), 204);
    const lines = () => signet.logs.filter(({ event }) => event === "session not ended at the replica that opened it");
    await until(() => lines().length > 0, "the log to say that the home was not told");
    const [{ replica, found } = {}] = lines();
    assert.deepEqual([replica, found], [replicas.at(0).address, "no answer within 1000 ms"]);
  },
);

Deno.test(
  "L5 R4: DELETE of a session that was brought elsewhere reaches its home, too, where the client leaves meanwhile",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, apart: true, flags: issuer.flags });
    const token = await issuer.token("alice");
    const [{ way, upstream }, { signet }] = [replicas.at(0), replicas.at(1)];
    const id = await broughtElsewhere(replicas, token);
    way?.hush();
    const left = new AbortController();
    const deleted = signet.delete({ id, token, signal: left.signal }).then((answer) => answer.body?.cancel(), () => {});
    const inUse = () => signet.metric('signet_in_use{limit="requests"}');
    await until(async () => await inUse() === 1, "the DELETE to be under way");
    left.abort();
    await deleted;
    await until(async () => await status(signet.post(call(1, "count"), { id, token })) === 404, "the id to be dead");
    way?.speak();
    await until(() => upstream.sessions.size === 0, "the home to hear of it");
    await until(async () => await inUse() === 0, "its place to be free");
  },
);

Deno.test(
  "L5: DELETE that is passed on to its home is done there, and holds here, where the client leaves meanwhile",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    await replicas.stop(0);
    const { signet } = replicas.at(1);
    {
      const held: ServerResponse[] = [];
      const hold = (_home: FalseHome, _request: IncomingMessage, response: ServerResponse) => void held.push(response);
      await using home = await FalseHome.at(replicas.at(0).address, replicas.ring, hold);
      const left = new AbortController();
      const deleted = signet.delete({ id, token, signal: left.signal }).then(
        (answer) => answer.body?.cancel(),
        () => {},
      );
      await until(() => held.length === 1, "the home to be told");
      const connections = () => signet.metric("signet_connections");
      const before = await connections() ?? 0;
      left.abort();
      await deleted;
      await until(async () => (await connections() ?? before) < before, "the client to be missed");
      assert.equal(held[0]!.destroyed, false, "the home is still listened to");
      held[0]!.writeHead(204).end();
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "the DELETE to be over");
      assert.equal(home.taken.length, 1);
    }
    assert.equal(await status(signet.post(call(1, "count"), { id, token })), 404);
  },
);

test("R2: a request that says it was passed on, and is no replica's, is refused and reaches nobody", async ({ replicas, issuer }) => {
  const token = await issuer.token("alice");
  const { signet, upstream } = replicas.at(0);
  const id = await signet.open({ token });
  const before = upstream.requests.length;
  for (const hop of ["1", "2", "2 00000000 who aaaaaaaaaaaaaaaaaaaaaa x", "x".repeat(300)]) {
    assert.equal(await status(signet.post(call(1, "count"), { id, token, headers: { "signet-hop": hop } })), 403, hop);
  }
  assert.equal(upstream.requests.length, before);
});

test("R1: another process at the home's address brings its sessions back", async ({ replicas, issuer }) => {
  const token = await issuer.token("alice");
  const id = await replicas.at(0).signet.open({ token });
  await count(replicas, 1, { id, token });
  await replicas.stop(0);
  await replicas.replace(0);
  assert.equal((await count(replicas, 1, { id, token })).count, 1);
  assert.equal((await count(replicas, 2, { id, token })).count, 2);
  assert.equal(replicas.at(0).upstream.ran.get("count"), 2);
});

test("M1: opening sessions while homes die leaves no reservation behind", async ({ replicas, issuer }) => {
  const token = await issuer.token("alice");
  const id = await replicas.at(0).signet.open({ token });
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => status(replicas.at(1).signet.post(call(i, "count"), { id, token }))),
  );
  const { signet } = replicas.at(1);
  await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "all requests to have ended");
  assert.equal(await status(signet.post(INITIALIZE, { token })), 200);
});

const STORE = await needing(["redis-server"], "that replicas tell each other where sessions went");

Deno.test("L4 R1: with a store a session whose home is gone is opened once among all, and all go there", {
  ...STRICT,
  ...STORE,
}, async () => {
  await using issuer = await TestIssuer.create();
  await using redis = await RedisServer.start();
  await using replicas = await Replicas.start({ count: 4, flags: [...issuer.flags, "--store", redis.url] });
  const token = await issuer.token("alice");
  const id = await replicas.at(0).signet.open({ token });
  for (const at of [1, 2, 3]) await count(replicas, at, { id, token });
  await replicas.stop(0);
  const counts = await Promise.all(Array.from({ length: 30 }, (_, i) => count(replicas, 1 + i % 3, { id, token })));
  assert.deepEqual(
    counts.map(({ count }) => count).sort((a, b) => a! - b!),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  assert.equal(new Set(counts.map(({ at }) => at)).size, 1, "all at one replica");
  // Back at its address, it has heard nothing, and is told.
  await replicas.replace(0);
  const { at } = counts[0]!;
  for (let i = 0; i < 4; i++) {
    const found = await count(replicas, i, { id, token });
    assert.deepEqual([found.count, found.at], [31 + i, at]);
  }
  // And again, when the new home is gone.
  const home = replicas.all.findIndex(({ address }) => address.endsWith(`:${at}`));
  await replicas.stop(home);
  const others = [0, 1, 2, 3].filter((each) => each !== home);
  for (const [i, each] of others.entries()) assert.equal((await count(replicas, each, { id, token })).count, i + 1);
  assert.equal(await status(replicas.at(others[0]!).signet.delete({ id, token })), 204);
  for (const each of others) {
    await until(
      async () => await status(replicas.at(each).signet.post(call(1, "count"), { id, token })) === 404,
      "the session to be dead everywhere",
    );
    assert.equal(replicas.at(each).upstream.sessions.size, 0);
  }
});

Deno.test("L6 R4 L4: with a store a deleted session comes back nowhere, whoever dies and whoever comes", {
  ...STRICT,
  ...STORE,
}, async () => {
  await using issuer = await TestIssuer.create();
  await using redis = await RedisServer.start();
  await using replicas = await Replicas.start({ count: 3, flags: [...issuer.flags, "--store", redis.url] });
  const token = await issuer.token("alice");
  const id = await replicas.at(0).signet.open({ token });
  await count(replicas, 0, { id, token });
  // By one that has never seen it.
  assert.equal(await status(replicas.at(1).signet.delete({ id, token })), 204);
  await replicas.stop(0);
  await replicas.replace(0);
  for (const { signet, upstream } of replicas.all) {
    assert.equal(await status(signet.post(call(1, "count"), { id, token })), 404);
    assert.equal(await status(signet.delete({ id, token })), 404);
    assert.equal(upstream.received("POST", "initialize").length, 0);
  }
});

Deno.test("L4 R1: with a store a server that all replicas share is asked once for a session it has lost", {
  ...STRICT,
  ...STORE,
}, async () => {
  await using issuer = await TestIssuer.create();
  await using redis = await RedisServer.start();
  await using upstream = new FakeMcp();
  const flags = [...issuer.flags, "--store", redis.url];
  const ring = freshRing();
  await using here = await TestSignet.start({ upstream: upstream.url, ring, flags });
  await using there = await TestSignet.start({ upstream: upstream.url, ring, flags });
  const token = await issuer.token("alice");
  const id = await here.open({ token });
  await status(there.post(call(1, "echo"), { id, token }));
  upstream.forgetSessions();
  const asked = Array.from(
    { length: 20 },
    (_, i) => status((i % 2 === 0 ? here : there).post(call(i, "echo"), { id, token })),
  );
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([200]));
  assert.ok(upstream.sessions.size <= 2, `${upstream.sessions.size} sessions were opened again`);
});

Deno.test(
  "R7: a replica that leaves is not ready, serves on, and then its sessions and streams go on elsewhere",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, flags: [...issuer.flags, "--drain-delay", "500ms"] });
    const token = await issuer.token("alice");
    const [{ signet: leaving }, { signet: other, upstream }] = [replicas.at(0), replicas.at(1)];
    const id = await leaving.open({ token });
    const stream = await other.get({ id, token });
    const drained = leaving.app.drain();
    assert.equal(await status(fetch(`http://${leaving.app.admin}/readyz`)), 503);
    const answer = await leaving.post(call(1, "count"), { id, token });
    await answer.text();
    assert.equal(answer.status, 200);
    assert.equal((await count(replicas, 1, { id, token })).count, 2, "and what is passed on to it");
    assert.equal(await status(leaving.post(INITIALIZE, { token })), 200);
    assert.equal(await stream.text(), "", "its streams end properly, elsewhere too");
    // As a client does whose stream has ended.
    const again = await other.get({ id, token });
    assert.equal(again.status, 200);
    upstream.push({ jsonrpc: "2.0", method: "notifications/x" });
    const reader = again.body!.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /notifications/);
    await reader.cancel();
    await drained;
    await replicas.at(0).upstream[Symbol.asyncDispose]();
    replicas.forget(0);
    assert.equal((await count(replicas, 1, { id, token })).count, 1);
  },
);

Deno.test(
  "R8: a call that its home took and left unanswered is not repeated anywhere, and the session goes on",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    await replicas.stop(0);
    {
      const cut = (_home: FalseHome, request: IncomingMessage) => void request.socket.destroy();
      await using home = await FalseHome.at(replicas.at(0).address, replicas.ring, cut);
      const { signet, upstream } = replicas.at(1);
      const response = await signet.post(call(1, "count"), { id, token });
      const text = await response.text();
      assert.equal(response.status, 502, text);
      assert.match(text, /may have been run/);
      // Under one number, which a home takes once.
      assert.equal(new Set(home.taken).size, 1);
      assert.equal(upstream.requests.length, 0);
      assert.equal(await signet.metric('signet_replays_total{outcome="not_repeated"}'), 1);
    }
    assert.equal((await count(replicas, 1, { id, token })).count, 1);
  },
);

Deno.test(
  "R8: what a server refuses behind a home that leaves is its answer, and no word of the home's that it was not run",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    await replicas.stop(0);
    for (const code of [503, 421]) {
      const leave = (_home: FalseHome, request: IncomingMessage, response: ServerResponse) => {
        request.resume().on("end", () => response.writeHead(code, { "signet-hop": "leaving 60000" }).end("busy"));
      };
      await using home = await FalseHome.at(replicas.at(0).address, replicas.ring, leave);
      const response = await replicas.at(1).signet.post(call(1, "count"), { id, token });
      assert.deepEqual([response.status, await response.text()], [code, "busy"]);
      assert.equal(home.taken.length, 1, "sent once");
    }
  },
);

Deno.test(
  "R3: a home that falls silent is noticed beside the call that waits, and the session comes back",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    await replicas.stop(0);
    {
      const fallSilent = (home: FalseHome) => void (home.answersQuestions = false);
      await using _home = await FalseHome.at(replicas.at(0).address, replicas.ring, fallSilent);
      const response = await replicas.at(1).signet.post(call(1, "count"), { id, token });
      const text = await response.text();
      assert.equal(response.status, 502, text);
      assert.match(text, /may have been run/);
      assert.equal((await count(replicas, 1, { id, token })).count, 1, "the next call does not wait for it");
    }
  },
);

Deno.test(
  "R1: a session whose server is gone and whose home is not comes back where it is asked for",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    await using replicas = await Replicas.start({ count: 2, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await replicas.at(0).signet.open({ token });
    await count(replicas, 1, { id, token });
    await replicas.at(0).upstream[Symbol.asyncDispose]();
    replicas.forget(0);
    assert.equal((await count(replicas, 1, { id, token })).count, 1);
    assert.equal((await count(replicas, 1, { id, token })).count, 2);
    await replicas.at(0).signet[Symbol.asyncDispose]();
    replicas.forget(0);
  },
);

for (const lane of LANES) {
  for (const isHereLater of [false, true]) {
    Deno.test(
      `E5 R1: a key that is rotated out at the home, ${
        isHereLater ? "and not here yet," : "and here,"
      } keeps no session of another from it (${lane} lane)`,
      STRICT,
      async () => {
        const [old, next] = [freshRing().active, freshRing().active];
        await using replicas = await Replicas.start({ count: 2, lane, ring: new KeyRing([old]) });
        const [home, other] = [replicas.at(0).signet, replicas.at(1).signet];
        const use = async (signet: TestSignet, ...keys: MasterKey[]) => {
          signet.ring = new KeyRing(keys);
          await signet.app.reload();
        };
        const count = async (id: string) => {
          const response = await other.post(call(1, "count"), { id });
          return [response.status, (await response.json()).result?.structuredContent.count];
        };
        const first = await home.open();
        assert.deepEqual(await count(first), [200, 1]);
        for (const signet of [home, other]) await use(signet, old, next);
        assert.deepEqual(await count(first), [200, 2]);
        await use(home, next, old);
        if (!isHereLater) await use(other, next, old);
        const second = await home.open();
        assert.deepEqual(await count(second), [200, 1]);
        await use(home, next);
        assert.deepEqual([await count(second), await count(second)], [[200, 2], [200, 3]]);
        assert.equal((await count(first))[0], 404);
      },
    );
  }
}

Deno.test("R1 R2 R4: clocks that differ by a minute keep nobody from passing on, coming back and revoking", {
  ...STRICT,
  ...STORE,
}, async () => {
  await using redis = await RedisServer.start();
  // One that has just begun clears nobody whose id says that it is older.
  await redis.ask("SET", "{signet:revoked}:since", "0");
  const flags = ["--principal", "bearer", "--store", redis.url, "--max-sessions-per-principal", "2"];
  await using replicas = await Replicas.start({ count: 3, flags, skewMs: [0, 60_000, -60_000] });
  const token = "alice";
  const id = await replicas.at(0).signet.open({ token });
  for (let i = 1; i <= 6; i++) assert.equal((await count(replicas, i % 3, { id, token })).count, i);
  const other = await replicas.at(2).signet.open({ token });
  for (let i = 1; i <= 3; i++) assert.equal((await count(replicas, i % 3, { id: other, token })).count, i);
  assert.equal(await status(replicas.at(1).signet.post(INITIALIZE, { token })), 429, "a cap over all three");
  await replicas.stop(0);
  for (let i = 1; i <= 2; i++) assert.equal((await count(replicas, i, { id, token })).count, i);
  assert.equal(await status(replicas.at(1).signet.delete({ id, token })), 204);
  await until(
    async () => await status(replicas.at(2).signet.post(call(1, "count"), { id, token })) === 404,
    "the deleted session to be dead everywhere",
  );
});

Deno.test("R1 L4: replicas that cannot reach each other serve all the same, and agree again when they can", {
  ...STRICT,
  ...STORE,
}, async () => {
  await using issuer = await TestIssuer.create();
  await using redis = await RedisServer.start();
  await using replicas = await Replicas.start({
    count: 2,
    apart: true,
    flags: [...issuer.flags, "--store", redis.url],
  });
  const token = await issuer.token("alice");
  const id = await replicas.at(0).signet.open({ token });
  for (let i = 1; i <= 4; i++) assert.equal((await count(replicas, i % 2, { id, token })).count, i);
  for (const { way } of replicas.all) await way?.close();
  for (let i = 0; i < 30; i++) await count(replicas, i % 2, { id, token });
  for (const { way } of replicas.all) await way?.open();
  // Whoever was found dead is asked again after a while.
  await until(async () => {
    const [one, other] = [await count(replicas, 0, { id, token }), await count(replicas, 1, { id, token })];
    return other.at === one.at && other.count === one.count! + 1;
  }, "both to serve one session again");
  const ran = replicas.all.map(({ upstream }) => upstream.ran.get("count") ?? 0);
  assert.ok(ran[0]! + ran[1]! >= 36);
});
