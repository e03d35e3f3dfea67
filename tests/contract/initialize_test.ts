// Opening a session: what is issued, when, and what is not. Both lanes, since later requests must keep these promises too.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

for (const lane of LANES) {
  Deno.test(
    `L1 PROTOCOL 1, 2: initialize issues a sealed id and no later response carries any (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const response = await signet.post(INITIALIZE);
      const id = response.headers.get("mcp-session-id");
      assert.equal(response.status, 200);
      assert.equal((await response.json()).result.protocolVersion, "2025-11-25");
      assert.match(id ?? "", /^[0-9a-zA-Z]{100,600}$/);
      const raw = [...upstream.sessions][0]!;
      const later = await signet.post(call(1, "echo", { a: 1 }), { id: id! });
      assert.deepEqual((await later.json()).result, { echoed: { a: 1 } });
      assert.equal(later.headers.get("mcp-session-id"), null);
      assert.equal(upstream.received("POST", "tools/call")[0]!.sessionId, raw);
      assert.equal(JSON.stringify(signet.logs).includes(raw), false);
      assert.equal(JSON.stringify(signet.logs).includes(id!), false);
    },
  );

  Deno.test(
    `L1: initialize answered as an event stream issues the id too, and the events pass unchanged (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp({ events: true });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const response = await signet.post(INITIALIZE);
      const text = await response.text();
      assert.match(response.headers.get("mcp-session-id") ?? "", /^[0-9a-zA-Z]+$/);
      assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
      assert.match(text, /^event: message\ndata: \{.*"protocolVersion":"2025-11-25".*\}\n\n$/);
      const later = await signet.post(call("a", "echo"), { id: response.headers.get("mcp-session-id")! });
      assert.match(await later.text(), /"id":"a"/);
    },
  );
}

Deno.test("E2: two initializes by one caller get different ids", STRICT, async () => {
  await using upstream = new FakeMcp({ stateless: true });
  await using signet = await TestSignet.start({ upstream: upstream.url });
  assert.notEqual(await signet.open(), await signet.open());
});

Deno.test("PROTOCOL 1: an initialize the upstream refuses issues no id and takes no place", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  upstream.onRequest = () => Response.json({ jsonrpc: "2.0", id: 0, error: { code: -32602, message: "no" } });
  const response = await signet.post(INITIALIZE);
  assert.equal(response.headers.get("mcp-session-id"), null);
  assert.equal((await response.json()).error.message, "no");
  upstream.onRequest = () => new Response("busy", { status: 503, headers: { "mcp-session-id": "raw" } });
  const busy = await signet.post(INITIALIZE);
  assert.deepEqual([busy.status, await busy.text(), busy.headers.get("mcp-session-id")], [503, "busy", null]);
  assert.equal(await signet.metric('signet_in_use{limit="sessions"}'), 0);
});

Deno.test(
  "PROTOCOL 1: an initialize answered with garbage is 502, issues no id and ends what was opened upstream",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    upstream.onRequest = (request) =>
      request.method === "POST"
        ? new Response("<html>", { headers: { "content-type": "text/html", "mcp-session-id": "left-behind" } })
        : undefined;
    const response = await signet.post(INITIALIZE);
    assert.equal(response.status, 502);
    assert.equal(response.headers.get("mcp-session-id"), null);
    await response.body?.cancel();
    await until(() => upstream.received("DELETE").length === 1, "the upstream session is ended");
    assert.equal(upstream.received("DELETE")[0]!.sessionId, "left-behind");
  },
);

Deno.test(
  "L1 PROTOCOL 5: another method without an id is 400, and the upstream hears nothing of it",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    assert.equal(await status(signet.post(call(1, "echo"))), 400);
    assert.equal(await status(signet.post({ jsonrpc: "2.0", method: "notifications/initialized" })), 400);
    assert.equal(await status(signet.get()), 400);
    assert.equal(await status(signet.delete()), 400);
    assert.equal(upstream.requests.length, 0);
  },
);

Deno.test("L1: a client-supplied id is never adopted: initialize under an unknown id is 404", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const response = await signet.post(INITIALIZE, { id: "my-own-idea" });
  assert.equal(response.status, 404);
  assert.equal((await response.json()).error.code, -32001);
  assert.equal(upstream.requests.length, 0);
});

for (const lane of LANES) {
  Deno.test(
    `O4: initialize again under one's own id refreshes the session and issues nothing (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ lane, upstream: upstream.url });
      const id = await signet.open();
      const again = await signet.post(INITIALIZE, { id });
      assert.equal(again.status, 200);
      assert.equal(again.headers.get("mcp-session-id"), null);
      await again.body?.cancel();
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `E9: transient headers go upstream from the first connect on, are replaced as a whole, and are not sealed (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({
        lane,
        upstream: upstream.url,
        flags: ["--transient-header", "X-Trace", "--transient-header", "X-Extra", "--seal-header", "X-Tenant"],
      });
      const id = await signet.open({ headers: { "x-trace": "t1", "x-extra": "e1", "x-tenant": "acme" } });
      assert.equal(upstream.received("POST", "initialize")[0]!.headers.get("x-trace"), "t1");
      await status(signet.post(call(1, "echo"), { id }));
      const seen = () => upstream.received("POST", "tools/call").at(-1)!.headers;
      assert.deepEqual([seen().get("x-trace"), seen().get("x-extra"), seen().get("x-tenant")], ["t1", "e1", "acme"]);
      await status(signet.post(INITIALIZE, { id, headers: { "x-trace": "t2" } }));
      await status(signet.post(call(2, "echo"), { id }));
      assert.deepEqual([seen().get("x-trace"), seen().get("x-extra"), seen().get("x-tenant")], ["t2", null, "acme"]);
      await using restarted = await TestSignet.start({ lane, upstream: upstream.url, ring: signet.ring });
      await status(restarted.post(call(3, "echo"), { id, headers: { "x-tenant": "other" } }));
      assert.deepEqual([seen().get("x-trace"), seen().get("x-tenant")], [null, "acme"]);
    },
  );
}
