// Attacks on identities through the whole program: forged and misused tokens, proofs past their end, sources in any
// order, names that pollute objects, challenges and CORS answers that an upstream would like to write (I1–I5, O2;
// docs/protocol.md 14, 22).
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { AUDIENCE, ISSUER } from "../support/issuer.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { RESOURCE_FLAGS, TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

function base64url(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Tokens that look like the issuer's and are not, of a caller who knows everything that is public. */
async function forgeries(issuer: TestIssuer): Promise<[string, string][]> {
  const nowS = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "alice", iat: nowS, exp: nowS + 600 };
  const mine = await generateKeyPair("ES256", { extractable: true });
  const published = await Deno.readTextFile(issuer.jwksFile);
  const signed = (header: Record<string, unknown>, payload: Record<string, unknown> = claims) =>
    new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "k1", ...header }).sign(mine.privateKey);
  const symmetric = new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "k1" });
  const [head, payload, signature] = (await issuer.token("alice")).split(".");
  return [
    ["no algorithm", `${base64url({ alg: "none" })}.${base64url(claims)}.`],
    ["no algorithm, in odd case", `${base64url({ alg: "nOnE", kid: "k1" })}.${base64url(claims)}.AAAA`],
    ["the public key as a secret", await symmetric.sign(new TextEncoder().encode(published))],
    ["another key under the same name", await signed({})],
    ["a key of its own in the head", await signed({ kid: undefined, jwk: await exportJWK(mine.publicKey) })],
    ["a key set of its own in the head", await signed({ jku: "http://127.0.0.1:1/keys" })],
    ["a name that is a path", await signed({ kid: "../../k1" })],
    ["a name that pollutes", await signed({ kid: "__proto__" })],
    ["another payload", `${head}.${base64url({ ...claims, sub: "root" })}.${signature}`],
    ["no signature", `${head}.${payload}.`],
    ["a signature of zeros", `${head}.${payload}.${"A".repeat(86)}`],
    ["a fourth part", `${head}.${payload}.${signature}.x`],
    ["five parts", `${head}.${payload}.${signature}.x.y`],
    ["padding", `${head}.${payload}.${signature}==`],
  ];
}

for (const lane of LANES) {
  Deno.test(`I1 I3: no forgery is believed, on a proven connection either (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await signet.open({ token });
    using client = await RawClient.connect(signet.url);
    const ask = async (credential: string) => {
      const fields = [`mcp-session-id: ${id}`, `authorization: Bearer ${credential}`];
      await client.send(rawPost(JSON.stringify(call(1, "echo")), fields));
      return (await client.answer()).status;
    };
    for (const [what, forged] of await forgeries(issuer)) {
      assert.equal(await ask(token), 200);
      assert.equal(await ask(forged), 401, what);
      assert.equal(await ask(forged), 401, `${what}, again`);
    }
    const { ran } = upstream;
    assert.equal(ran.get("echo"), (await forgeries(issuer)).length);
  });

  Deno.test(
    `I1: a proof ends with its token to the millisecond, whoever has remembered it (${lane} lane)`,
    STRICT,
    async () => {
      const startS = Math.floor(Date.now() / 1000);
      let nowMs = startS * 1000;
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--jwt-clock-skew", "0s", "--session-only", "--identity-ttl", "1h"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      const token = await issuer.token("alice", { expiresInS: 60 });
      const expiresAtMs =
        JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(token.split(".")[1]!, { alphabet: "base64url" })))
          .exp *
        1000;
      const id = await signet.open({ token });
      using client = await RawClient.connect(signet.url);
      const bearing = rawPost(JSON.stringify(call(1, "echo")), [
        `mcp-session-id: ${id}`,
        `authorization: Bearer ${token}`,
      ]);
      const ask = async () => {
        await client.send(bearing);
        const memo = (await client.answer()).status;
        const cache = await status(signet.post(call(2, "echo"), { id, token }));
        const identity = await status(signet.post(call(3, "echo"), { id }));
        return [memo, cache, identity];
      };
      nowMs = expiresAtMs - 1;
      assert.deepEqual(await ask(), [200, 200, 200]);
      nowMs = expiresAtMs;
      assert.deepEqual(await ask(), [401, 401, 401]);
      // A clock set back believes it again only because it is valid again.
      nowMs = expiresAtMs - 1;
      assert.equal((await ask())[1], 200);
    },
  );

  Deno.test(
    `I1 I4 O2: a name that a trusted proxy sends is the same to the server, rules and operators (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const flags = [
        ...["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"],
        ...["--forward-identity"],
      ];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const inBytes = (name: string) => String.fromCharCode(...new TextEncoder().encode(name));
      const headers = { "x-user": inBytes("müller") };
      const id = await signet.open({ headers });
      assert.equal(await status(signet.post(call(1, "echo"), { id, headers })), 200);
      assert.equal(upstream.requests.at(-1)!.headers.get("x-signet-user"), "m%C3%BCller");
      // Latin-1 for the same: nobody's name.
      assert.equal(await status(signet.post(call(2, "echo"), { id, headers: { "x-user": "m\xfcller" } })), 401);
      const { control } = signet.app.operations;
      const { ended } = await control.revoke({ kind: "principal", issuer: "signet:header", subject: "müller" });
      assert.equal(ended, 1);
      assert.equal(await status(signet.post(call(3, "echo"), { id, headers })), 404);
    },
  );

  Deno.test(
    `I1 I3: of several sources the first that finds its kind decides, in every order (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const header = ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"];
      const bases = { jwt: issuer.flags, bearer: ["--principal", "bearer"], header };
      const good = await issuer.token("alice");
      const expired = await issuer.token("alice", { expiresInS: -60 });
      // Who a request is, by what it carries, for each order: the first letter of the source, or 401.
      const orders: [(keyof typeof bases)[], Record<string, string>][] = [
        [["jwt", "header", "bearer"], { good: "j", expired: "401", opaque: "b", header: "h", both: "j", none: "401" }],
        [["header", "jwt", "bearer"], { good: "j", expired: "401", opaque: "b", header: "h", both: "h", none: "401" }],
        [["header", "bearer"], { good: "b", expired: "b", opaque: "b", header: "h", both: "h", none: "401" }],
        [["jwt", "header"], { good: "j", expired: "401", opaque: "401", header: "h", both: "j", none: "401" }],
      ];
      const asks: Record<string, Record<string, string>> = {
        good: { authorization: `Bearer ${good}` },
        expired: { authorization: `Bearer ${expired}` },
        opaque: { authorization: "Bearer opaque" },
        header: { "x-user": "alice" },
        both: { authorization: `Bearer ${good}`, "x-user": "alice" },
        none: {},
      };
      for (const [order, wanted] of orders) {
        const flags = order.flatMap((name) => bases[name]);
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
        for (const [what, headers] of Object.entries(asks)) {
          const before = signet.logs.length;
          const found = await status(signet.post(INITIALIZE, { headers }));
          const opened = signet.logs.slice(before).find((line) => line.event === "session opened");
          const who = opened === undefined ? String(found) : String(opened.principal).charAt(0);
          assert.equal(who, wanted[what], `${what} under ${order.join(", ")}`);
        }
      }
    },
  );

  Deno.test(`O2: the same name by two sources is two owners (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const flags = [
      ...issuer.flags,
      ...["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"],
    ];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const id = await signet.open({ token: await issuer.token("alice") });
    assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { "x-user": "alice" } })), 403);
    assert.equal(await status(signet.delete({ id, headers: { "x-user": "alice" } })), 403);
  });

  Deno.test(
    `E3 L4: members named after prototypes are members like others, sealed and told again (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const hostile = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"hasOwnProperty":3}';
      const opening = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",' +
        `"capabilities":${hostile},"clientInfo":{"name":"x","version":"1","__proto__":{"polluted":4}}}}`;
      const response = await signet.post(opening);
      assert.equal(response.status, 200);
      await response.body?.cancel();
      const id = response.headers.get("mcp-session-id")!;
      upstream.forgetSessions();
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      const again = upstream.received("POST", "initialize")[1]!.body;
      assert.match(again, /"__proto__":\{"polluted":1\}/);
      assert.match(again, /"__proto__":\{"polluted":4\}/);
      assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    },
  );

  Deno.test(
    `PROTOCOL 14: CORS answers are Signet's own, whatever the upstream says (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const origin = "https://app.example";
      const wild = {
        "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "set-cookie",
        vary: "accept",
      };
      upstream.tool("wild", ({ id }) => Response.json({ jsonrpc: "2.0", id, result: {} }, { headers: wild }));
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--allow-origin", origin] });
      const id = await signet.open();
      const response = await signet.post(call(1, "wild"), { id, headers: { origin } });
      await response.body?.cancel();
      assert.equal(response.headers.get("access-control-allow-origin"), origin);
      assert.equal(response.headers.get("access-control-allow-credentials"), null);
      assert.equal(response.headers.get("access-control-expose-headers")?.includes("set-cookie"), false);
      assert.match(response.headers.get("vary") ?? "", /\borigin\b/);
      for (
        const elsewhere of ["https://app.example.evil", "https://app.example:444", "http://app.example", "null", ""]
      ) {
        using client = await RawClient.connect(signet.url);
        await client.send(rawPost(JSON.stringify(call(2, "wild")), [`mcp-session-id: ${id}`, `origin: ${elsewhere}`]));
        const answer = await client.answer();
        assert.equal(answer.status, 403, elsewhere);
        assert.equal(/access-control/i.test(answer.head), false);
      }
    },
  );

  Deno.test(
    `I5 PROTOCOL 22: no upstream writes a challenge, nor into one (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [...issuer.flags, ...RESOURCE_FLAGS],
      });
      const token = await issuer.token("alice");
      const id = await signet.open({ token });
      for (
        const challenge of [
          'Bearer error=insufficient_scope, scope="a\\", resource_metadata="https://evil.example"',
          'Bearer error="insufficient_scope", scope="x, resource_metadata=https://evil.example"',
          'Basic realm="evil.example", Bearer error="insufficient_scope"',
          'Bearer error="insufficient_scope", scope="\xff\xfe"',
        ]
      ) {
        upstream.onRequest = () => new Response("", { status: 403, headers: { "www-authenticate": challenge } });
        const response = await signet.post(call(1, "echo"), { id, token });
        await response.body?.cancel();
        const seen = response.headers.get("www-authenticate") ?? "";
        const parameters = [...seen.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name]) => name);
        assert.deepEqual(
          parameters.filter((name) => name === "resource_metadata").length,
          1,
          `${challenge} became ${seen}`,
        );
        assert.match(seen, /resource_metadata="https:\/\/signet\.example\//);
        assert.equal(/Basic|[^\x20-\x7e]/.test(seen), false);
      }
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `I1 PROTOCOL 8: a listening stream ends with the credential it was opened with, and the session goes on (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = Math.floor(Date.now() / 1000) * 1000;
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--jwt-clock-skew", "0s", "--sse-keep-alive", "0s"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      const short = await issuer.token("alice", { expiresInS: 60 });
      const long = await issuer.token("alice", { expiresInS: 3600 });
      const id = await signet.open({ token: short });
      const [ends, stays] = [await signet.get({ id, token: short }), await signet.get({ id, token: long })];
      nowMs += 120_000;
      assert.equal(await ends.text(), "", "it ends properly");
      await until(() => upstream.streams.size === 1, "the upstream's side is closed");
      assert.equal(await status(signet.get({ id, token: short })), 401);
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: long })), 200);
      assert.equal(await signet.metric("signet_listening_streams"), 1);
      await stays.body?.cancel();
    },
  );

  Deno.test(
    `I1: a stream whose credential ends before the upstream has answered is 401 and no lost session (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = Math.floor(Date.now() / 1000) * 1000;
      await using upstream = new FakeMcp();
      const release = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (request.method === "GET") await release.promise;
        return undefined;
      };
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--jwt-clock-skew", "0s"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      const token = await issuer.token("alice", { expiresInS: 60 });
      const id = await signet.open({ token });
      const asked = signet.get({ id, token });
      await until(() => upstream.received("GET").length === 1, "the upstream is asked");
      nowMs += 120_000;
      const answer = await asked;
      await answer.body?.cancel();
      assert.equal(answer.status, 401);
      assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"/);
      release.resolve();
    },
  );
}
