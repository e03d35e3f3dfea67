// Attacks that look for a rule one lane keeps and the other does not: every request gets the same answer in both, and
// what reaches the upstream is the same (ARCHITECTURE.md, "Two lanes").
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

const CALL = JSON.stringify(call(1, "echo"));

interface World {
  readonly id: string;
  readonly other: string;
  readonly alice: string;
  readonly bob: string;
}

/** Requests as bytes, and the status both lanes owe them. */
const REQUESTS: [string, (world: World) => string, number][] = [
  ["the owner", (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]), 200],
  ["the owner in odd case", (w) => rawPost(CALL, [`MCP-SESSION-ID:${w.id}`, `AUTHORIZATION: bEaReR ${w.alice}`]), 200],
  [
    "blanks around values",
    (w) => rawPost(CALL, [`mcp-session-id: \t ${w.id} `, `authorization:  Bearer ${w.alice}`]),
    200,
  ],
  ["another caller", (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.bob}`]), 403],
  ["no credential", (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`]), 401],
  ["a blank credential", (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, "authorization:"]), 401],
  ["a scheme alone", (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, "authorization: Bearer"]), 401],
  ["another scheme", (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Basic ${w.alice}`]), 401],
  [
    "two credentials in one",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.bob}, Bearer ${w.alice}`]),
    401,
  ],
  [
    "two credentials",
    (w) =>
      rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`, `authorization: Bearer ${w.bob}`]),
    400,
  ],
  [
    "two ids",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `mcp-session-id: ${w.other}`, `authorization: Bearer ${w.alice}`]),
    400,
  ],
  [
    "two equal ids",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]),
    400,
  ],
  [
    "ids in a list",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}, ${w.other}`, `authorization: Bearer ${w.alice}`]),
    404,
  ],
  ["a blank id", (w) => rawPost(CALL, ["mcp-session-id:", `authorization: Bearer ${w.alice}`]), 400],
  [
    "Connection naming the id",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`, "connection: mcp-session-id"]),
    400,
  ],
  [
    "Connection naming the credential",
    (w) =>
      rawPost(CALL, [
        `mcp-session-id: ${w.id}`,
        `authorization: Bearer ${w.alice}`,
        "connection: close, Authorization",
      ]),
    400,
  ],
  [
    "the endpoint with a slash behind it",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]).replace("/mcp ", "/mcp/ "),
    200,
  ],
  [
    "an id with a path",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]).replace("/mcp ", "/mcp/x "),
    404,
  ],
  [
    "an encoded path",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]).replace("/mcp ", "/%6dcp "),
    404,
  ],
  [
    "a dotted path",
    (w) =>
      rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]).replace("/mcp ", "/x/../mcp "),
    404,
  ],
  [
    "a host elsewhere",
    (w) =>
      rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]).replace(
        "localhost",
        "localhost.evil",
      ),
    403,
  ],
  [
    "an origin elsewhere",
    (w) =>
      rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`, "origin: http://localhost.evil"]),
    403,
  ],
  [
    "an opaque origin",
    (w) => rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`, "origin: null"]),
    403,
  ],
  [
    "an origin with user info",
    (w) =>
      rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`, "origin: http://localhost@evil"]),
    403,
  ],
  [
    "another media type",
    (w) =>
      rawPost(CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]).replace(
        "application/json",
        "text/json",
      ),
    415,
  ],
  [
    "an unpublished revision",
    (w) =>
      rawPost(CALL, [
        `mcp-session-id: ${w.id}`,
        `authorization: Bearer ${w.alice}`,
        "mcp-protocol-version: 2025-01-01",
      ]),
    400,
  ],
  ["a batch", (w) => rawPost(`[${CALL}]`, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]), 400],
  ["two messages", (w) => rawPost(CALL + CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]), 400],
  [
    "a byte order mark",
    (w) => rawPost("\ufeff" + CALL, [`mcp-session-id: ${w.id}`, `authorization: Bearer ${w.alice}`]),
    400,
  ],
  [
    "another's stream",
    (w) => `GET /mcp HTTP/1.1\r\nhost: localhost\r\nmcp-session-id: ${w.id}\r\nauthorization: Bearer ${w.bob}\r\n\r\n`,
    403,
  ],
  [
    "another's end",
    (w) =>
      `DELETE /mcp HTTP/1.1\r\nhost: localhost\r\nmcp-session-id: ${w.id}\r\nauthorization: Bearer ${w.bob}\r\n\r\n`,
    403,
  ],
];

for (const lane of LANES) {
  Deno.test(`O1 I3: every spelling of a request is answered by the rules (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
    const world = { alice, bob, id: await signet.open({ token: alice }), other: await signet.open({ token: bob }) };
    const raw = [...upstream.sessions][0];
    for (const warm of [false, true]) {
      for (const [what, request, wanted] of REQUESTS) {
        using client = await RawClient.connect(signet.url);
        if (warm) {
          // On a connection that has just proven to be the owner's.
          await client.send(REQUESTS[0]![1](world));
          assert.equal((await client.answer()).status, 200);
        }
        const before = upstream.requests.length;
        await client.send(request(world));
        const answer = await client.answer();
        assert.equal(answer.status, wanted, `${what}${warm ? ", after the owner" : ""}: ${answer.body}`);
        assert.equal(upstream.requests.length - before, wanted === 200 ? 1 : 0, what);
        if (wanted === 200) assert.equal(upstream.requests.at(-1)!.sessionId, raw, what);
        for (const secret of [raw!, world.id, alice, bob]) {
          assert.equal((answer.head + answer.body).includes(secret), false, `${what} shows a secret`);
        }
      }
    }
    const logged = JSON.stringify(signet.logs) + await signet.metrics();
    for (const secret of [...upstream.sessions, ...Object.values(world)]) assert.equal(logged.includes(secret), false);
  });

  Deno.test(`E9: an initialize spelt with escapes is one all the same (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const flags = ["--transient-header", "X-Trace"];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const id = await signet.open({ headers: { "x-trace": "old" } });
    const hidden = JSON.stringify(INITIALIZE).replace('"initialize"', '"\\u0069nitialize"');
    await status(signet.post(hidden, { id, headers: { "x-trace": "new" } }));
    await status(signet.post(call(1, "echo"), { id }));
    assert.equal(upstream.received("POST", "tools/call")[0]!.headers.get("x-trace"), "new");
  });
}
