import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { ConfigError, SignetError } from "../../../../lib/errors.ts";
import { Authenticator } from "../../../../lib/identity/authenticator.ts";
import { createJwtSource, type JwtSource } from "../../../../lib/identity/jwt/jwt.ts";
import type { JwtOptions } from "../../../../lib/identity/jwt/jwt_options.ts";
import { AUDIENCE, type Claims, ISSUER, Issuer, keySetOf, NOW_MS, NOW_S } from "../../../support/issuer.ts";
import { STRICT } from "../../../support/strict.ts";
import { KeyServer, principalOf, request, withToken } from "../fakes.ts";

const [ALICE, NEXT, STRANGER] = await Promise.all([
  Issuer.create("key-1"),
  Issuer.create("key-2"),
  Issuer.create("key-1"),
]);

/** A source over a key server that publishes ALICE's key. */
async function setUp(options: Partial<JwtOptions> = {}): Promise<{ source: JwtSource; server: KeyServer }> {
  const server = new KeyServer(() => new Response(keySetOf(ALICE)));
  const source = await createJwtSource({
    issuer: ISSUER,
    audiences: [AUDIENCE],
    jwks: { kind: "url", url: "https://issuer.example/keys" },
    fetch: server.fetch as typeof fetch,
    readTextFile: () => Promise.reject(new Error("no files here")),
    clockSkewMs: 0,
    ...options,
  });
  return { source, server };
}

const ask = async (source: JwtSource, token: string, nowMs = NOW_MS) => await source.identify(withToken(token), nowMs);

async function refusedWith(reason: RegExp, source: JwtSource, token: string, nowMs = NOW_MS): Promise<void> {
  const answer = await ask(source, token, nowMs);
  assert.ok(answer.kind === "invalid", JSON.stringify(answer));
  assert.equal(answer.error, "invalid_token");
  assert.match(answer.reason, reason);
}

Deno.test("I1: a valid token is its issuer's subject, with client, scopes and expiry", STRICT, async () => {
  const { source } = await setUp({ clockSkewMs: 5_000 });
  const token = await ALICE.sign({ client_id: "app", azp: "app", scope: "read  write", nbf: NOW_S });
  assert.deepEqual(principalOf(await ask(source, token)), {
    source: "jwt",
    provenAtMs: NOW_MS,
    issuer: ISSUER,
    subject: "alice",
    clientId: "app",
    scopes: ["read", "write"],
    expiresAtMs: (NOW_S + 3_605) * 1_000,
  });
});

Deno.test("I6: a claim whose name has escapes is read by it, whatever somebody else has sent", STRICT, async () => {
  const { source } = await setUp({ scopeClaims: ["https://a.example/roles"], keepClaims: "all" });
  const token = await ALICE.signText(
    `{"exp":${NOW_S + 60},"sub":"alice","aud":"${AUDIENCE}","iss":"${ISSUER}","https:\\/\\/a.example\\/roles":["ops"]}`,
  );
  // After this V8 takes the name for another (`platform/json.ts`).
  JSON.parse(JSON.stringify({ exp: 1, sub: 1, aud: 1, iss: 1, "https:\\/\\/a.example\\/ro": 1 }));
  const { scopes, claims } = principalOf(await ask(source, token));
  assert.deepEqual(scopes, ["ops"]);
  assert.deepEqual(claims?.["https://a.example/roles"], ["ops"]);
});

Deno.test(
  "O2: a name that is no UTF-8 is nobody's: as what a decoder makes of it, two would be one",
  STRICT,
  async () => {
    const { source } = await setUp();
    for (const byte of [0xff, 0xfe]) {
      const payload = new TextEncoder().encode(
        `{"iss":"${ISSUER}","aud":"${AUDIENCE}","exp":${NOW_S + 60},"sub":"alice?"}`,
      );
      payload[payload.indexOf(0x3f)] = byte;
      await refusedWith(/not a valid JWT/, source, await ALICE.signText(payload));
    }
  },
);

const CLAIMS: readonly [string, Claims, Partial<{ clientId: string; scopes: string[] }>][] = [
  ["azp names the client", { azp: "app" }, { clientId: "app" }],
  ["a blank client_id names nobody", { client_id: " " }, {}],
  ["cid names the client", { cid: "app" }, { clientId: "app" }],
  ["appid names the client", { appid: "app" }, { clientId: "app" }],
  ["an empty scope does not hide scp", { scope: "", scp: ["read"] }, { scopes: ["read"] }],
  ["an audience may end with a slash", { aud: `${AUDIENCE}/` }, {}],
  ["scp may be text", { scp: "read write" }, { scopes: ["read", "write"] }],
  ["scp may be a list", { scp: ["read", "write", 1, ""] }, { scopes: ["read", "write"] }],
  ["scope goes before scp", { scope: "read", scp: ["write"] }, { scopes: ["read"] }],
  ["a scope of another type is none", { scope: { a: 1 } }, {}],
  ["one audience of several is enough", { aud: ["https://other.example", AUDIENCE] }, {}],
];

for (const cnf of [{ jkt: "x" }, { "x5t#S256": "x" }, {}, "x"]) {
  Deno.test(
    `I1: a token bound to a key is no bearer token, whoever holds it: cnf ${JSON.stringify(cnf)}`,
    STRICT,
    async () => {
      const { source } = await setUp();
      await refusedWith(/bound to a key/, source, await ALICE.sign({ cnf }));
      assert.equal((await ask(source, await ALICE.sign({ cnf: null }))).kind, "principal");
    },
  );
}

for (const [what, claims, wanted] of CLAIMS) {
  Deno.test(`I1: ${what}`, STRICT, async () => {
    const { source } = await setUp();
    const { clientId, scopes } = principalOf(await ask(source, await ALICE.sign(claims)));
    assert.deepEqual({ clientId, scopes }, { clientId: undefined, scopes: [], ...wanted });
  });
}

const BAD_CLAIMS: readonly [string, Claims, RegExp][] = [
  ["without exp", { exp: undefined }, /no expiry/],
  ["with an exp that is text", { exp: String(NOW_S + 60) }, /no expiry/],
  ["expired a second ago", { exp: NOW_S - 1 }, /expired/],
  ["that expires now", { exp: NOW_S }, /expired/],
  ["not valid yet", { nbf: NOW_S + 1 }, /not valid yet/],
  ["of another issuer", { iss: "https://evil.example" }, /another issuer/],
  ["of an issuer that only begins the same", { iss: `${ISSUER}.evil.example` }, /another issuer/],
  ["without an issuer", { iss: undefined }, /another issuer/],
  ["for another audience", { aud: "https://other.example" }, /another audience/],
  ["without an audience", { aud: undefined }, /another audience/],
  ["of two clients", { client_id: "a", azp: "b" }, /more than one client/],
  ["whose client is a list", { cid: ["a"] }, /client/],
  ["without a subject", { sub: undefined }, /subject/],
  ["with a blank subject", { sub: " " }, /subject/],
  ["with a number as its subject", { sub: 7 }, /subject/],
  ["with half a character as its subject", { sub: "alice\ud800" }, /subject/],
];

for (const [what, claims, reason] of BAD_CLAIMS) {
  Deno.test(`I3: a token ${what} is refused`, STRICT, async () => {
    const { source } = await setUp();
    await refusedWith(reason, source, await ALICE.sign(claims));
  });
}

Deno.test(
  "I6: a token without aud is taken where it may be, of the clients named, and for nobody else",
  STRICT,
  async () => {
    const { source } = await setUp({ allowNoAudience: true, clients: ["app"], audiences: [] });
    principalOf(await ask(source, await ALICE.sign({ aud: undefined, cid: "app" })));
    await refusedWith(/client/, source, await ALICE.sign({ aud: undefined, cid: "other" }));
    await refusedWith(/client/, source, await ALICE.sign({ aud: undefined }));
    for (const aud of ["https://other.example", null, [], AUDIENCE]) {
      await refusedWith(/audience/, source, await ALICE.sign({ aud, cid: "app" }));
    }
    const { source: both } = await setUp({ allowNoAudience: true, clients: ["app"] });
    principalOf(await ask(both, await ALICE.sign({ cid: "app" })));
    await assert.rejects(() => setUp({ allowNoAudience: true }), ConfigError);
  },
);

Deno.test("I6: a subject by another claim, and roles as scopes, where they are configured", STRICT, async () => {
  const { source } = await setUp({ subjectClaim: "oid", scopeClaims: ["realm_access.roles", "permissions"] });
  const claims = {
    sub: undefined,
    oid: "alice",
    realm_access: { roles: ["admin"] },
    permissions: ["tools"],
    scope: "read",
  };
  const { subject, scopes } = principalOf(await ask(source, await ALICE.sign(claims)));
  assert.deepEqual([subject, scopes], ["alice", ["read", "admin", "tools"]]);
  await refusedWith(/subject/, source, await ALICE.sign());
});

Deno.test("I1: clock skew stretches nbf and exp by exactly that much", STRICT, async () => {
  const { source } = await setUp({ clockSkewMs: 30_000 });
  const token = await ALICE.sign({ nbf: NOW_S, exp: NOW_S + 60 });
  await refusedWith(/not valid yet/, source, token, NOW_MS - 30_001);
  assert.equal(principalOf(await ask(source, token, NOW_MS - 30_000)).expiresAtMs, NOW_MS + 90_000);
  principalOf(await ask(source, token, NOW_MS + 89_999));
  await refusedWith(/expired/, source, token, NOW_MS + 90_000);
});

Deno.test("I3: what was found and what is wanted is told of times, subjects and keys", STRICT, async () => {
  const { source } = await setUp({ clockSkewMs: 30_000, subjectClaim: "oid" });
  const at = (s: number) => new Date(s * 1000).toISOString().replace(".000Z", "Z");
  const facts = async (token: string) => {
    const answer = await ask(source, token);
    assert.ok(answer.kind === "invalid", JSON.stringify(answer));
    return answer.facts;
  };
  assert.deepEqual(await facts(await ALICE.sign({ exp: NOW_S - 60 })), {
    found: at(NOW_S - 60),
    wanted: `exp later than ${at(NOW_S - 30)}`,
  });
  assert.deepEqual(await facts(await ALICE.sign({ nbf: NOW_S + 60 })), {
    found: at(NOW_S + 60),
    wanted: `nbf no later than ${at(NOW_S + 30)}`,
  });
  assert.deepEqual(await facts(await ALICE.sign({ exp: -1e300 })), {
    found: "-1e+300",
    wanted: `exp later than ${at(NOW_S - 30)}`,
  });
  assert.deepEqual(await facts(await ALICE.sign()), { found: "(none)", wanted: "a name in oid" });
  assert.deepEqual(await facts(await ALICE.sign({ oid: 7 })), { found: "no text", wanted: "a name in oid" });
  const { found, wanted } = await facts(await STRANGER.sign()) ?? {};
  assert.match(String(found), /^key "key-1", [A-Za-z0-9]+$/);
  assert.equal(wanted, `a key of ${ISSUER}`);
  const foreign = await STRANGER.sign({ iss: "https://other.example" });
  assert.deepEqual(await facts(foreign), { found: "https://other.example", wanted: ISSUER });
});

Deno.test("I1: any one of several audiences configured is taken", STRICT, async () => {
  const { source } = await setUp({ audiences: ["https://a.example", "https://b.example"] });
  principalOf(await ask(source, await ALICE.sign({ aud: "https://b.example" })));
  await refusedWith(/audience/, source, await ALICE.sign());
});

for (const typ of ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"]) {
  Deno.test(`I1: a token of type ${typ} is taken`, STRICT, async () => {
    const { source } = await setUp();
    principalOf(await ask(source, await ALICE.sign({}, { typ })));
  });
}

for (const typ of ["logout+jwt", "dpop+jwt", "secevent+jwt", "", 7]) {
  Deno.test(`I3: a token of type ${JSON.stringify(typ)} is refused`, STRICT, async () => {
    const { source } = await setUp();
    const answer = await ask(source, await ALICE.sign({}, { typ }));
    assert.equal(answer.kind, "invalid", JSON.stringify(answer));
  });
}

Deno.test("I3: a token signed with another key of the same name is refused", STRICT, async () => {
  const { source } = await setUp();
  await refusedWith(/signature/, source, await STRANGER.sign());
});

Deno.test("I3: a token with any of its parts changed is refused", STRICT, async () => {
  const { source } = await setUp();
  const parts = (await ALICE.sign()).split(".");
  const forgedClaims = Buffer.from(JSON.stringify({ iss: ISSUER, aud: AUDIENCE, sub: "root", exp: NOW_S + 60 }));
  await refusedWith(/signature/, source, [parts[0], forgedClaims.toString("base64url"), parts[2]].join("."));
  await refusedWith(/signature|valid JWT/, source, [parts[0], parts[1], ""].join("."));
});

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const CLAIMS_SEGMENT = segment({ iss: ISSUER, aud: AUDIENCE, sub: "alice", exp: NOW_S + 3_600 });

for (const alg of ["none", "None", "NONE", "nOnE"]) {
  Deno.test(`I3: an unsigned token (alg ${alg}) is refused`, STRICT, async () => {
    const { source } = await setUp();
    await refusedWith(/algorithm|valid JWT/, source, `${segment({ alg })}.${CLAIMS_SEGMENT}.`);
  });
}

Deno.test("I3: a token signed with the public key as a shared secret is refused", STRICT, async () => {
  const { source } = await setUp();
  const input = `${segment({ alg: "HS256", kid: "key-1" })}.${CLAIMS_SEGMENT}`;
  const mac = createHmac("sha256", JSON.stringify(ALICE.publicJwk)).update(input).digest("base64url");
  await refusedWith(/algorithm/, source, `${input}.${mac}`);
});

Deno.test("I3: an algorithm that is not on the list is refused, whatever the key", STRICT, async () => {
  const { source } = await setUp({ algorithms: ["RS256"] });
  await refusedWith(/algorithm/, source, await ALICE.sign());
});

Deno.test("I3: a token with an extension we must understand and do not is refused", STRICT, async () => {
  const { source } = await setUp();
  const header = segment({ alg: "ES256", kid: "key-1", crit: ["exp"], exp: 1 });
  const signature = (await ALICE.sign()).split(".")[2];
  const answer = await ask(source, `${header}.${CLAIMS_SEGMENT}.${signature}`);
  assert.equal(answer.kind, "invalid");
});

Deno.test("I3: a key embedded in the token is not believed", STRICT, async () => {
  const { source } = await setUp();
  const self = await Issuer.create(undefined);
  await refusedWith(/signature/, source, await self.sign({}, { jwk: self.publicJwk, kid: "key-1" }));
});

Deno.test("I1: what is no JWT at all is left to other sources", STRICT, async () => {
  const { source, server } = await setUp();
  for (const token of ["opaque", "a.b", "a.b.c.d", "a.b.c.d.e", "eyJhbGciOiJFUzI1NiJ9"]) {
    assert.deepEqual(await ask(source, token), { kind: "none" }, token);
  }
  assert.equal(server.calls, 0);
});

Deno.test("I3: with nothing else to take it, what is no JWT is refused", STRICT, async () => {
  const { source } = await setUp();
  const answer = await new Authenticator([source]).identify(withToken("opaque"), NOW_MS);
  assert.equal(answer.kind, "invalid");
});

Deno.test("M3: a token beyond the cap is refused before anything is done with it", STRICT, async () => {
  const { source, server } = await setUp({ maxTokenLength: 64 });
  const answer = await ask(source, await ALICE.sign());
  assert.equal(answer.kind === "invalid" && answer.error, "invalid_request");
  assert.equal(server.calls, 0);
});

Deno.test("I3: a repeated Authorization is invalid_request", STRICT, async () => {
  const { source } = await setUp();
  const field = ["authorization", `Bearer ${await ALICE.sign()}`] as const;
  const answer = await source.identify(request([field, field]), NOW_MS);
  assert.equal(answer.kind === "invalid" && answer.error, "invalid_request");
});

Deno.test("I1: a rotated key is found without a restart, and the old one goes with its set", STRICT, async () => {
  const { source, server } = await setUp();
  principalOf(await ask(source, await ALICE.sign()));
  server.serve(NEXT);
  await refusedWith(/does not publish/, source, await NEXT.sign()); // within the cool-down
  const later = NOW_MS + 30_000;
  principalOf(await ask(source, await NEXT.sign(), later));
  assert.equal(server.calls, 2);
  await refusedWith(/does not publish/, source, await ALICE.sign(), later);
  assert.equal(server.calls, 2);
});

for (const [what, kid] of [["the same name", "key-1"], ["no name", undefined]] as const) {
  Deno.test(`I1: a rotated key of ${what} is found without a restart, once a cool-down`, STRICT, async () => {
    const { source, server } = await setUp();
    const [first, next] = [await Issuer.create(kid), await Issuer.create(kid)];
    server.serve(first);
    principalOf(await ask(source, await first.sign()));
    server.serve(next);
    await refusedWith(/signature/, source, await next.sign()); // within the cool-down
    assert.equal(server.calls, 1);
    const later = NOW_MS + 30_000;
    principalOf(await ask(source, await next.sign(), later));
    await refusedWith(/signature/, source, await first.sign(), later);
    assert.equal(server.calls, 2);
    // What the keys refuse is refused, and not left open, while nobody can say if there are newer ones.
    server.breakDown();
    await refusedWith(/signature/, source, await first.sign(), later + 30_000);
    await refusedWith(/signature/, source, await first.sign(), later + 30_001);
    assert.equal(server.calls, 3);
    principalOf(await ask(source, await next.sign(), later + 30_002));
  });
}

Deno.test("I1: invented key ids do not make us hammer the provider", STRICT, async () => {
  const { source, server } = await setUp();
  for (let i = 0; i < 100; i++) {
    await refusedWith(/does not publish/, source, await ALICE.sign({}, { kid: `invented-${i}` }), NOW_MS + i * 250);
  }
  assert.equal(server.calls, 1);
});

Deno.test("I1: a provider that is down is a 503, not a 401", STRICT, async () => {
  const { source, server } = await setUp();
  server.breakDown();
  const token = await ALICE.sign();
  await assert.rejects(
    () => ask(source, token),
    (fault) => fault instanceof SignetError && fault.code === "identity_unavailable" && fault.kind.status === 503,
  );
});

Deno.test("I1: a token without a key id is tried on every key of its kind", STRICT, async () => {
  const { source, server } = await setUp();
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => Issuer.create(undefined)));
  server.serve(first!, second!);
  principalOf(await ask(source, await second!.sign()));
  await refusedWith(/expired/, source, await second!.sign({ exp: NOW_S - 1 }));
  await refusedWith(/signature/, source, await third!.sign());
});

Deno.test("I1: a key set that publishes a private key is the provider's fault, not the caller's", STRICT, async () => {
  const { source, server } = await setUp();
  server.answer = () => new Response(JSON.stringify({ keys: [{ ...ALICE.publicJwk, d: ALICE.publicJwk.x }] }));
  const token = await ALICE.sign();
  await assert.rejects(
    () => ask(source, token),
    (fault) => fault instanceof SignetError && fault.code === "identity_unavailable",
  );
});

for (const alg of ["RS256", "PS256", "ES384", "EdDSA"]) {
  Deno.test(`I1: tokens signed with ${alg} are verified`, STRICT, async () => {
    const issuer = await Issuer.create("key", alg);
    const { source, server } = await setUp();
    server.serve(issuer);
    assert.equal(principalOf(await ask(source, await issuer.sign())).subject, "alice");
  });
}

Deno.test("I1: keys may come from a file", STRICT, async () => {
  const text = keySetOf(ALICE);
  const { source, server } = await setUp({
    jwks: { kind: "file", path: "/etc/keys.json" },
    readTextFile: (path) => path === "/etc/keys.json" ? Promise.resolve(text) : Promise.reject(new Error(path)),
  });
  principalOf(await ask(source, await ALICE.sign()));
  await refusedWith(/does not publish/, source, await NEXT.sign());
  assert.equal(server.calls, 0);
});

Deno.test("P3: every problem of the options is told at once", STRICT, async () => {
  await assert.rejects(
    () => setUp({ issuer: " ", audiences: [], algorithms: ["HS256", "none", "RS256"] }),
    (fault) => {
      assert.ok(fault instanceof ConfigError);
      assert.deepEqual(fault.problems.map((problem) => problem.place), [
        "--jwt-issuer",
        "--jwt-audience",
        "--jwt-algorithms",
      ]);
      assert.match(fault.problems[2]!.problem, /HS256, none$/);
      return true;
    },
  );
});

Deno.test(
  "P1 V1: what a client is told quotes no claim; the log is told issuer, audience and times, and no other",
  STRICT,
  async () => {
    const { source } = await setUp();
    const secret = "https://secret-issuer.example";
    const wrong: Claims[] = [{ iss: secret }, { aud: secret }, { sub: undefined, jti: secret }, { sub: [secret] }];
    for (const claims of wrong) {
      const { facts, ...told } = await ask(source, await ALICE.sign(claims)) as { facts?: { found: string } };
      assert.equal(JSON.stringify(told).includes("secret"), false);
      assert.equal(facts?.found, "sub" in claims ? (claims.sub === undefined ? "(none)" : "no text") : secret);
    }
  },
);
