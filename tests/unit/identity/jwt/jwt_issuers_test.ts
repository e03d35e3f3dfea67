import assert from "node:assert/strict";
import { createJwtIssuers } from "../../../../lib/identity/jwt/jwt_issuers.ts";
import { AUDIENCE, type Claims, ISSUER, Issuer, keySetOf, NOW_MS } from "../../../support/issuer.ts";
import { STRICT } from "../../../support/strict.ts";
import { principalOf, request, withToken } from "../fakes.ts";

const OTHER = "https://other.example/";
const [ONE, TWO] = await Promise.all([Issuer.create("k"), Issuer.create("k", "RS256")]);

function setUp() {
  const files: Record<string, string> = { one: keySetOf(ONE), two: keySetOf(TWO) };
  const common = { fetch, readTextFile: (path: string) => Promise.resolve(files[path]!), clockSkewMs: 0 };
  return createJwtIssuers([
    { ...common, issuer: ISSUER, audiences: [AUDIENCE], jwks: { kind: "file", path: "one" } },
    {
      ...{ ...common, issuer: OTHER, audiences: [], jwks: { kind: "file", path: "two" } as const },
      ...{ allowNoAudience: true, clients: ["app"], subjectClaim: "uid", scopeClaims: ["roles"] },
    },
  ]);
}

const OF_OTHER: Claims = { iss: OTHER, aud: undefined, sub: undefined, uid: "alice", cid: "app", roles: ["r"] };

Deno.test("I6: each of several issuers is judged by keys, audiences and claims of its own", STRICT, async () => {
  const source = await setUp();
  const one = principalOf(await source.identify(withToken(await ONE.sign()), NOW_MS));
  const two = principalOf(await source.identify(withToken(await TWO.sign(OF_OTHER)), NOW_MS));
  assert.deepEqual([one.issuer, one.subject, one.scopes], [ISSUER, "alice", []]);
  assert.deepEqual([two.issuer, two.subject, two.scopes, two.clientId], [OTHER, "alice", ["r"], "app"]);
});

Deno.test("I3: no issuer's keys vouch for another's tokens, and nobody vouches for a third's", STRICT, async () => {
  const source = await setUp();
  const tokens = [
    await TWO.sign(),
    await ONE.sign(OF_OTHER),
    await ONE.sign({ iss: "https://third.example" }),
    await ONE.sign({ iss: undefined }),
    await ONE.sign({ iss: [ISSUER, OTHER] }),
    await ONE.sign({ aud: undefined, uid: "alice", cid: "app" }),
    "e30.bm90IGpzb24.e30",
    "e30.%.e30",
  ];
  for (const token of tokens) {
    assert.equal((await source.identify(withToken(token), NOW_MS)).kind, "invalid", token);
  }
  assert.equal((await source.identify(withToken("opaque"), NOW_MS)).kind, "none");
  assert.equal((await source.identify(request([]), NOW_MS)).kind, "none");
});
