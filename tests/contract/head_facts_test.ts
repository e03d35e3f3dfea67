// What was found out about a head that a connection sends again and again holds no longer than what it was found by: the
// settings, the caller's proof, the session (P2, I1, I4, O1; docs/protocol.md 14).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

/** Bodies of one length and of another: the rest of the head is the same. */
const BODIES = [1, 2, 10, 3, 100].map((id) => JSON.stringify(call(id, "echo")));

/** The statuses that the same head gets, again and again. */
async function repeat(client: RawClient, fields: readonly string[]): Promise<string> {
  const found: number[] = [];
  for (const body of BODIES) {
    await client.send(rawPost(body, [...fields]));
    found.push((await client.answer()).status);
  }
  return [...new Set(found)].join();
}

for (const lane of LANES) {
  Deno.test(
    `P2: fields stripped by a reload cross no more, of a head known by heart (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      using client = await RawClient.connect(signet.url);
      const fields = [`mcp-session-id: ${id}`, "x-tenant: a"];
      assert.equal(await repeat(client, fields), "200");
      const before = upstream.received("POST", "tools/call");
      assert.deepEqual([...new Set(before.map(({ headers }) => headers.get("x-tenant")))], ["a"]);
      signet.flags = [...signet.flags, "--strip-header", "x-tenant"];
      await signet.app.reload();
      assert.equal(await repeat(client, fields), "200");
      const after = upstream.received("POST", "tools/call").slice(before.length);
      assert.equal(after.length, BODIES.length);
      assert.deepEqual([...new Set(after.map(({ headers }) => headers.get("x-tenant")))], [null]);
    },
  );

  Deno.test(`P2: a path that a reload has left is none, of a head known by heart (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    using client = await RawClient.connect(signet.url);
    const fields = [`mcp-session-id: ${id}`];
    assert.equal(await repeat(client, fields), "200");
    signet.flags = [...signet.flags, "--path", "/elsewhere"];
    await signet.app.reload();
    assert.equal(await repeat(client, fields), "404");
  });

  Deno.test(
    `PROTOCOL 14: an origin no longer allowed is refused, of a head known by heart (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const allowed = ["--allow-origin", "https://app.example"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: allowed });
      const id = await signet.open();
      using client = await RawClient.connect(signet.url);
      const fields = [`mcp-session-id: ${id}`, "origin: https://app.example"];
      assert.equal(await repeat(client, fields), "200");
      signet.flags = signet.flags.filter((flag) => !allowed.includes(flag));
      await signet.app.reload();
      assert.equal(await repeat(client, fields), "403");
    },
  );

  Deno.test(`I1: a withdrawn key counts no more, of a head known by heart (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using other = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await signet.open({ token });
    using client = await RawClient.connect(signet.url);
    const fields = [`mcp-session-id: ${id}`, `authorization: Bearer ${token}`];
    assert.equal(await repeat(client, fields), "200");
    await Deno.copyFile(other.jwksFile, issuer.jwksFile);
    await signet.app.reload();
    assert.equal(await repeat(client, fields), "401");
  });

  Deno.test(`I1: a token ends with its term, of a head known by heart (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    let lateMs = 0;
    const now = () => Date.now() + lateMs;
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags, now });
    const token = await issuer.token("alice");
    const id = await signet.open({ token });
    using client = await RawClient.connect(signet.url);
    const fields = [`mcp-session-id: ${id}`, `authorization: Bearer ${token}`];
    assert.equal(await repeat(client, fields), "200");
    lateMs = 13 * 3600_000;
    assert.equal(await repeat(client, fields), "401");
  });

  Deno.test(`O1: callers that take turns on one connection keep their own (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
    const id = await signet.open({ token: alice });
    using client = await RawClient.connect(signet.url);
    const ofAlice = [`mcp-session-id: ${id}`, `authorization: Bearer ${alice}`];
    const ofBob = [`mcp-session-id: ${id}`, `authorization: Bearer ${bob}`];
    for (let round = 0; round < 2; round++) {
      assert.equal(await repeat(client, ofAlice), "200");
      assert.equal(await repeat(client, ofBob), "403");
    }
  });

  Deno.test(`O1: sessions that take turns on one connection are each asked about (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
    const own = [await signet.open({ token: alice }), await signet.open({ token: alice })];
    const foreign = await signet.open({ token: bob });
    using client = await RawClient.connect(signet.url);
    const as = (token: string, id: string) =>
      repeat(client, [`mcp-session-id: ${id}`, `authorization: Bearer ${token}`]);
    for (let round = 0; round < 3; round++) {
      for (const id of own) assert.equal(await as(alice, id), "200");
      assert.equal(await as(alice, foreign), "403");
      const before = upstream.received("POST", "tools/call").length;
      assert.equal(await as(alice, `${own[0]!.slice(0, -1)}${own[0]!.endsWith("a") ? "b" : "a"}`), "404");
      assert.equal(await as(alice, foreign), "403");
      assert.equal(upstream.received("POST", "tools/call").length, before);
    }
    const ids = upstream.received("POST", "tools/call").map(({ headers }) => headers.get("mcp-session-id"));
    const each = (at: number) => new Array(BODIES.length).fill(ids[at]);
    const turn = [...each(0), ...each(BODIES.length)];
    assert.notEqual(ids[0], ids[BODIES.length]);
    assert.deepEqual(ids, [...turn, ...turn, ...turn]);
  });

  Deno.test(
    `E3 E9: sessions that take turns on one connection keep what is their own (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const flags = ["--seal-header", "x-tenant", "--transient-header", "x-note"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const given = [{}, { "x-tenant": "a" }, { "x-tenant": "b", "x-note": "1" }, { "x-note": "2" }, {}];
      const ids: string[] = [];
      for (const headers of given) ids.push(await signet.open({ headers }));
      using client = await RawClient.connect(signet.url);
      for (const at of [0, 1, 0, 4, 2, 3, 2, 1, 4, 0]) {
        assert.equal(await repeat(client, [`mcp-session-id: ${ids[at]}`]), "200");
        const sent = upstream.received("POST", "tools/call").slice(-BODIES.length).map(({ headers }) =>
          ["x-tenant", "x-note"].flatMap((name) => headers.get(name) === null ? [] : [[name, headers.get(name)]])
        );
        assert.deepEqual(sent, BODIES.map(() => Object.entries(given[at]!)));
      }
    },
  );
}
