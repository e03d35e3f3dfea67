// Attacks across a reload and across the end: what was proven, begun or open before counts for nothing it should not.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ISSUER } from "../support/issuer.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, freshRing, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** Holds every initialize until it is opened. */
function gate(upstream: FakeMcp): { open(): void; readonly reached: () => boolean } {
  const opened = Promise.withResolvers<void>();
  let reached = false;
  upstream.onRequest = async (request) => {
    if (request.body.includes('"method":"initialize"')) {
      reached = true;
      await opened.promise;
    }
    return undefined;
  };
  return { open: opened.resolve, reached: () => reached };
}

for (const lane of LANES) {
  Deno.test(
    `E5: a session opened while its key is being removed lives under the new key (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const initialize = gate(upstream);
      const opening = signet.open();
      await until(initialize.reached, "the upstream is asked");
      signet.ring = freshRing();
      await signet.app.reload();
      initialize.open();
      const id = await opening;
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      await using restarted = await TestSignet.start({ upstream: upstream.url, lane, ring: signet.ring });
      assert.equal(await status(restarted.post(call(2, "echo"), { id })), 200, "the id opens with the ring in force");
    },
  );

  Deno.test(
    `I2 P2: an identity cached before a reload is proven anew after it (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--session-only"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = await signet.open({ token: await issuer.token("alice") });
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      signet.flags = signet.flags.map((flag) => flag === ISSUER ? "https://other.example" : flag);
      await signet.app.reload();
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 401);
      assert.equal(await status(signet.get({ id })), 401);
      assert.equal(await status(signet.delete({ id })), 401);
      assert.equal(upstream.ran.get("echo"), 1);
    },
  );

  Deno.test(
    `I2 P2: a session that was being opened during a reload leaves no identity of the old issuer (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--session-only"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const initialize = gate(upstream);
      const opening = signet.open({ token: await issuer.token("alice") });
      await until(initialize.reached, "the upstream is asked");
      signet.flags = signet.flags.map((flag) => flag === ISSUER ? "https://other.example" : flag);
      await signet.app.reload();
      initialize.open();
      const id = await opening;
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 401);
    },
  );

  Deno.test(
    `I1 P2: a source removed by a reload proves nobody on an open connection (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const header = ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"];
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [...issuer.flags, ...header],
      });
      const id = await signet.open({ headers: { "x-user": "alice" } });
      using client = await RawClient.connect(signet.url);
      const request = rawPost(JSON.stringify(call(1, "echo")), [`mcp-session-id: ${id}`, "x-user: alice"]);
      await client.send(request);
      assert.equal((await client.answer()).status, 200);
      signet.flags = signet.flags.filter((flag, i, all) => !header.includes(flag) || all[i + 1] === "jwt");
      await signet.app.reload();
      await client.send(request);
      assert.equal((await client.answer()).status, 401);
    },
  );

  Deno.test(
    `P2: a listening stream that was on its way when draining began is refused, and holds up nothing (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const [asked, mayAnswer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let slow = false;
      await using resolver = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
        if (slow) {
          asked.resolve();
          await mayAnswer.promise;
        }
        return Response.json({ subject: "alice" });
      });
      const flags = [
        ...["--principal", "resolver", "--resolver-header", "x-key"],
        ...["--resolver-url", `http://127.0.0.1:${resolver.addr.port}/`],
      ];
      const signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = await signet.open({ headers: { "x-key": "1" } });
      slow = true;
      const stream = signet.get({ id, headers: { "x-key": "2" } });
      await asked.promise;
      const drained = signet.app.drain();
      mayAnswer.resolve();
      assert.equal(await status(stream), 503);
      assert.deepEqual(await drained, { cutStreams: 0 });
      assert.equal(upstream.received("GET").length, 0);
    },
  );
}
