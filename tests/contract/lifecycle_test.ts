// The life of a session: forged and lost ids, expiry, deletion, idling, resurrection (docs/behaviour.md L2–L9, E5, E8).
import assert from "node:assert/strict";
import { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, freshRing, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const NOT_FOUND = { code: -32001, message: "Session not found" };

async function refusal(response: Promise<Response>): Promise<{ status: number; code: number; message: string }> {
  const answered = await response;
  const { error } = await answered.json();
  return { status: answered.status, code: error.code, message: error.message };
}

for (const lane of LANES) {
  Deno.test(`L2 E8: every id that does not open looks the same (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const flipped = (at: number) => id.slice(0, at) + (id[at] === "a" ? "b" : "a") + id.slice(at + 1);
    await using stranger = await TestSignet.start({ upstream: upstream.url });
    const others = {
      "another ring's": await stranger.open(),
      "cut short": id.slice(0, -1),
      "longer": id + "0",
      "flipped at the front": flipped(0),
      "flipped in the middle": flipped(id.length >> 1),
      "flipped at the end": flipped(id.length - 2),
      "not base62": "not-base62!",
      "one character": "0",
      "beyond the cap": "a".repeat(5000),
    };
    for (const [what, forged] of Object.entries(others)) {
      for (
        const answered of [
          signet.post(call(1, "echo"), { id: forged }),
          signet.get({ id: forged }),
          signet.delete({ id: forged }),
        ]
      ) {
        assert.deepEqual(await refusal(answered), { status: 404, ...NOT_FOUND }, what);
      }
    }
    assert.equal(upstream.received("POST", "tools/call").length, 0);
  });

  Deno.test(`L3: a session goes on after a restart with the same ring (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const ring = freshRing();
    let id: string;
    {
      await using first = await TestSignet.start({ upstream: upstream.url, lane, ring });
      id = await first.open();
    }
    await using second = await TestSignet.start({ upstream: upstream.url, lane, ring });
    const statuses = await Promise.all([1, 2, 3, 4, 5].map((n) => status(second.post(call(n, "echo"), { id }))));
    assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
    assert.equal(await second.metric('signet_opens_total{outcome="opened"}'), 1);
    assert.equal(upstream.received("POST", "initialize").length, 1);
  });

  Deno.test(
    `L4: an upstream that lost its session is initialized again and nothing runs twice (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open({}, {
        ...INITIALIZE,
        params: { ...INITIALIZE.params, capabilities: { roots: { listChanged: true } } },
      });
      upstream.forgetSessions();
      const answers = await Promise.all([1, 2, 3, 4].map((n) => signet.post(call(n, "echo", { n }), { id })));
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.status, 200);
        assert.deepEqual((await answer.json()).result, { echoed: { n: i + 1 } });
      }
      assert.equal(upstream.ran.get("echo"), 4);
      const again = upstream.received("POST", "initialize");
      assert.equal(again.length, 2, "resurrection is single-flight");
      assert.deepEqual(JSON.parse(again[1]!.body).params.capabilities, { roots: { listChanged: true } });
      assert.equal(upstream.received("POST", "notifications/initialized").length, 1);
      assert.equal(upstream.sessions.size, 1);
      assert.equal(await signet.metric('signet_resurrections_total{outcome="ok"}'), 1);
    },
  );

  Deno.test(
    `L4: a 400 that speaks of the session is a lost session too; any other 400 is the server's own (${lane} lane)`,
    STRICT,
    async () => {
      const lost = { status: 400, code: -32000, message: "Bad Request: No valid session ID provided" };
      await using upstream = new FakeMcp({ lost });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      upstream.tool(
        "picky",
        () => Response.json({ jsonrpc: "2.0", id: 2, error: { code: -32602, message: "no" } }, { status: 400 }),
      );
      const own = await signet.post(call(2, "picky"), { id });
      assert.deepEqual([own.status, (await own.json()).error.message], [400, "no"]);
      assert.equal(upstream.ran.get("picky"), 1);
      assert.equal(upstream.received("POST", "initialize").length, 2);
    },
  );

  Deno.test(
    `L4: a listening stream finds its session again after the upstream lost it (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      const abort = new AbortController();
      const response = await signet.get({ id, headers: { "last-event-id": "old" }, signal: abort.signal });
      assert.equal(response.status, 200);
      const [lost, found] = upstream.received("GET");
      assert.deepEqual([lost!.headers.get("last-event-id"), found!.headers.get("last-event-id")], ["old", null]);
      await response.body?.cancel();
      abort.abort();
    },
  );

  Deno.test(`L5 L6: DELETE ends the session upstream and here, for good (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const raw = [...upstream.sessions][0]!;
    const stream = await signet.get({ id });
    assert.equal(stream.status, 200);
    assert.equal(await status(signet.delete({ id })), 204);
    assert.equal(await stream.text(), "", "the open stream ends, and ends properly");
    assert.equal(upstream.received("DELETE")[0]!.sessionId, raw);
    assert.deepEqual(await refusal(signet.post(call(1, "echo"), { id })), { status: 404, ...NOT_FOUND });
    assert.deepEqual(await refusal(signet.delete({ id })), { status: 404, ...NOT_FOUND });
    assert.equal(await signet.metric("signet_sessions"), 0);
  });

  Deno.test(
    `L5: DELETE cuts calls in flight, which fail as any call of a dead session (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const release = Promise.withResolvers<void>();
      upstream.tool("slow", async () => {
        await release.promise;
        return {};
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const slow = signet.post(call(1, "slow"), { id });
      await until(() => upstream.ran.get("slow") === 1, "the call runs");
      assert.equal(await status(signet.delete({ id })), 204);
      assert.equal((await refusal(slow)).status, 404);
      release.resolve();
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `L4: a revision the upstream no longer speaks ends the session with 404 (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ lane, upstream: upstream.url });
      const id = await signet.open();
      upstream.forgetSessions();
      upstream.onRequest = (request) =>
        request.body.includes('"method":"initialize"')
          ? Response.json({
            jsonrpc: "2.0",
            id: JSON.parse(request.body).id,
            result: { protocolVersion: "2025-03-26", capabilities: {} },
          })
          : undefined;
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 404);
      assert.equal(upstream.ran.get("echo"), undefined);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `L4: a session that is lost again right after its resurrection is not replayed in a circle (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ lane, upstream: upstream.url });
      const id = await signet.open();
      upstream.onRequest = (request) => {
        if (request.body.includes("tools/call")) upstream.forgetSessions();
        return undefined;
      };
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 404);
      assert.equal(upstream.received("POST", "tools/call").length, 2);
    },
  );
}

for (const [answer, wanted] of [[404, 204], [405, 204], [401, 204], [403, 204], [500, 502]] as const) {
  Deno.test(
    `L5: an upstream that answers DELETE with ${answer} makes it ${wanted}, and the id is dead either way`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url });
      const id = await signet.open();
      upstream.onRequest = (request) =>
        request.method === "DELETE" ? new Response(null, { status: answer }) : undefined;
      assert.equal(await status(signet.delete({ id })), wanted);
      assert.equal(await status(signet.delete({ id })), 404);
    },
  );
}

for (const lane of LANES) {
  Deno.test(`L8: an id is dead at the very moment it expires (${lane} lane)`, STRICT, async () => {
    let nowMs = 1_800_000_000_000;
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({
      lane,
      upstream: upstream.url,
      flags: ["--session-ttl", "60s"],
      now: () => nowMs,
    });
    const id = await signet.open();
    nowMs += 59_999;
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    nowMs += 1;
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 404);
    await using restarted = await TestSignet.start({
      lane,
      upstream: upstream.url,
      ring: signet.ring,
      now: () => nowMs,
    });
    assert.equal(await status(restarted.post(call(3, "echo"), { id })), 404);
  });
}

for (const lane of LANES) {
  Deno.test(
    `L7: an idle session leaves memory and its id stays valid; an open stream keeps it (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = 1_800_000_000_000;
      await using upstream = new FakeMcp();
      const flags = ["--session-idle", "60s", "--sweep-interval", "100ms"];
      await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags, now: () => nowMs });
      const idle = await signet.open();
      const busy = await signet.open();
      const abort = new AbortController();
      const stream = await signet.get({ id: busy, signal: abort.signal });
      nowMs += 61_000;
      await until(async () => await signet.metric("signet_sessions") === 1, "the idle one has left");
      assert.equal(await status(signet.post(call(1, "echo"), { id: idle })), 200);
      assert.equal(await signet.metric('signet_sessions_ended_total{reason="idle"}'), 1);
      await stream.body?.cancel();
      abort.abort();
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `E5: a reload with a rotated ring keeps sessions of keys still there and ends the others (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ lane, upstream: upstream.url });
      const oldRing = signet.ring;
      const old = await signet.open();
      const newRing = freshRing();
      signet.ring = new KeyRing([newRing.active, oldRing.active]);
      await signet.app.reload();
      assert.equal(await status(signet.post(call(1, "echo"), { id: old })), 200);
      const young = await signet.open();
      signet.ring = newRing;
      await signet.app.reload();
      assert.equal(await status(signet.post(call(2, "echo"), { id: old })), 404);
      assert.equal(await status(signet.post(call(3, "echo"), { id: young })), 200);
    },
  );
}

for (const lane of LANES) {
  Deno.test(`P2: a reload with bad settings keeps the old ones and says so (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ lane, upstream: upstream.url });
    const id = await signet.open();
    signet.flags = [...signet.flags, "--session-ttl", "soon"];
    await assert.rejects(signet.app.reload(), /session-ttl/);
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
  });
}

Deno.test("P2: a reload puts live settings in force and names those that need a restart", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  signet.flags = [...signet.flags, "--max-sessions", "1", "--idle-timeout", "5s"];
  await signet.app.reload();
  await signet.open();
  assert.equal(await status(signet.post(INITIALIZE)), 503);
  assert.equal(JSON.stringify(signet.logs).includes("--idle-timeout"), true);
});

for (const lane of LANES) {
  Deno.test(
    `L2: --compat-status changes the status of a lost session and nothing else (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags: ["--compat-status", "410"] });
      assert.deepEqual(await refusal(signet.post(call(1, "echo"), { id: "x" })), { status: 410, ...NOT_FOUND });
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `P2: draining refuses new sessions, ends listening streams properly and lets calls finish (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const release = Promise.withResolvers<void>();
      upstream.tool("slow", async () => {
        await release.promise;
        return { slow: true };
      });
      const signet = await TestSignet.start({ lane, upstream: upstream.url });
      const id = await signet.open();
      const stream = await signet.get({ id });
      const slow = signet.post(call(1, "slow"), { id });
      await until(() => upstream.ran.get("slow") === 1, "the call runs");
      const drained = signet.app.drain();
      assert.equal(await stream.text(), "");
      release.resolve();
      assert.deepEqual((await (await slow).json()).result, { slow: true });
      assert.deepEqual(await drained, { cutStreams: 0 });
      await signet.app.stopped;
    },
  );
}
