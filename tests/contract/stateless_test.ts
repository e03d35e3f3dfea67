// The modern era beside the legacy one: a stateless request is authenticated, checked and passed through
// (docs/protocol.md 12, 13, 23–27, 35, 38).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

const VERSION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
};

function modern(method = "tools/call", params: Record<string, unknown> = { name: "echo", arguments: {} }) {
  return { jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: META } };
}

const HEADERS = { "mcp-protocol-version": VERSION, "mcp-method": "tools/call", "mcp-name": "echo" };

for (const lane of LANES) {
  Deno.test(
    `PROTOCOL 23, 24, 25: a stateless request passes with its headers, without a session (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const response = await signet.post(modern(), { headers: { ...HEADERS, "mcp-param-region": "eu" } });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("mcp-session-id"), null);
      await response.body?.cancel();
      const [seen] = upstream.received("POST", "tools/call");
      assert.equal(seen!.sessionId, null);
      assert.deepEqual(["mcp-method", "mcp-name", "mcp-param-region"].map((n) => seen!.headers.get(n)), [
        "tools/call",
        "echo",
        "eu",
      ]);
    },
  );

  Deno.test(
    `PROTOCOL 26: a session id that is none of ours is ignored on a stateless request (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      assert.equal(await status(signet.post(modern(), { id: "whatever", headers: HEADERS })), 200);
      assert.equal(upstream.requests.at(-1)!.sessionId, null);
      assert.equal(await status(signet.get({ id: "whatever", headers: { "mcp-protocol-version": VERSION } })), 405);
    },
  );
}

const REFUSED: [string, unknown, Record<string, string>, number, number][] = [
  [
    "header and _meta name different versions",
    modern(),
    { ...HEADERS, "mcp-protocol-version": "2025-11-25" },
    400,
    -32020,
  ],
  ["Mcp-Method is another method", modern(), { ...HEADERS, "mcp-method": "tools/list" }, 400, -32020],
  ["Mcp-Name is another name", modern(), { ...HEADERS, "mcp-name": "other" }, 400, -32020],
  ["Mcp-Method is missing", modern(), { "mcp-protocol-version": VERSION, "mcp-name": "echo" }, 400, -32020],
  [
    "_meta lacks what is required",
    { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} },
    { ...HEADERS, "mcp-method": "tools/list" },
    400,
    -32602,
  ],
  [
    "the version is unknown",
    {
      ...modern(),
      params: { name: "echo", _meta: { ...META, "io.modelcontextprotocol/protocolVersion": "2027-01-01" } },
    },
    { ...HEADERS, "mcp-protocol-version": "2027-01-01" },
    400,
    -32022,
  ],
];

for (const [what, message, headers, wantedStatus, code] of REFUSED) {
  Deno.test(`PROTOCOL 23, 25: ${what} is ${wantedStatus} with ${code}, and goes no further`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const response = await signet.post(message, { headers });
    const body = await response.json();
    assert.deepEqual([response.status, body.error.code, body.id], [wantedStatus, code, 1]);
    const { errorId, ...data } = body.error.data;
    if (code === -32022) assert.deepEqual(data, { supported: [VERSION], requested: "2027-01-01" });
    assert.equal(signet.logs.filter((line) => line.errorId === errorId).length, 1, "the answer names its line (V1)");
    assert.equal(upstream.requests.length, 0);
  });
}

Deno.test(
  "PROTOCOL 23: Mcp-Name in its base64 form is decoded before it is compared, and passed on as it came",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const encoded = "=?base64?" + btoa(String.fromCharCode(...new TextEncoder().encode("écho"))) + "?=";
    const headers = { ...HEADERS, "mcp-name": encoded };
    assert.equal(await status(signet.post(modern("tools/call", { name: "écho" }), { headers })), 200);
    assert.equal(upstream.requests.at(-1)!.headers.get("mcp-name"), encoded);
    assert.equal(await status(signet.post(modern("tools/call", { name: "other" }), { headers })), 400);
  },
);

Deno.test("PROTOCOL 26: GET and DELETE without an id are 405 under the modern version, else 400", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const headers = { "mcp-protocol-version": VERSION };
  assert.deepEqual([await status(signet.get({ headers })), await status(signet.delete({ headers }))], [405, 405]);
  assert.deepEqual([await status(signet.get()), await status(signet.delete())], [400, 400]);
});

Deno.test("PROTOCOL 27: Mcp-Method on legacy traffic changes nothing", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open({ headers: { "mcp-method": "initialize" } });
  assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { "mcp-method": "tools/call" } })), 200);
});

Deno.test("PROTOCOL 8: a stateless request needs a caller like any other", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using issuer = await TestIssuer.create();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: issuer.flags });
  assert.equal(await status(signet.post(modern(), { headers: HEADERS })), 401);
  assert.equal(await status(signet.post(modern(), { headers: HEADERS, token: await issuer.token("alice") })), 200);
});

for (const lane of LANES) {
  Deno.test(
    `PROTOCOL 13: a version header nobody published is 400, a published one passes (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      for (const version of ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]) {
        const headers = { "mcp-protocol-version": version };
        assert.equal(await status(signet.post(call(1, "echo"), { id, headers })), 200, version);
      }
      for (const version of ["2025-01-01", "nonsense", "1"]) {
        const headers = { "mcp-protocol-version": version };
        assert.equal(await status(signet.post(call(1, "echo"), { id, headers })), 400, version);
        assert.equal(await status(signet.get({ id, headers })), 400, version);
      }
    },
  );

  Deno.test(
    `PROTOCOL 12: a batch passes where the revision has them, else it is 400 (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = (request) => request.body.startsWith("[") ? new Response(null, { status: 202 }) : undefined;
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const initialize = (protocolVersion: string) => ({
        jsonrpc: "2.0",
        id: 0,
        method: "initialize",
        params: { protocolVersion, capabilities: {}, clientInfo: { name: "t", version: "1" } },
      });
      const batch = [{ jsonrpc: "2.0", method: "notifications/initialized" }];
      const old = await signet.open({}, initialize("2025-03-26"));
      assert.equal(await status(signet.post(batch, { id: old })), 202);
      assert.equal(await status(signet.post([...batch, initialize("2025-03-26")], { id: old })), 400);
      const young = await signet.open({}, initialize("2025-11-25"));
      assert.equal(await status(signet.post(batch, { id: young })), 400);
    },
  );
}

Deno.test(
  "legacy refusals: what is no JSON-RPC is 400 with a JSON-RPC error, other media types are 415",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const id = await signet.open();
    for (const body of ["", "{", "null", '"x"', '{"jsonrpc":"1.0","id":1,"method":"x"}', "\u0000"]) {
      const response = await signet.post(body);
      assert.equal(response.status, 400, JSON.stringify(body));
      assert.equal(typeof (await response.json()).error.code, "number");
    }
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]) {
      assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { "content-type": type } })), 415, type);
    }
    assert.equal(upstream.received("POST", "tools/call").length, 0);
  },
);
