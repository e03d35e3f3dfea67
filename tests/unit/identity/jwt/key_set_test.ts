import { createLocalJWKSet } from "jose";
import assert from "node:assert/strict";
import { ConfigError, SignetError } from "../../../../lib/errors.ts";
import { createJwtSource } from "../../../../lib/identity/jwt/jwt.ts";
import { FileKeySet, parseKeySet } from "../../../../lib/identity/jwt/key_set.ts";
import { AUDIENCE, ISSUER, Issuer, keySetOf, NOW_MS } from "../../../support/issuer.ts";
import { STRICT } from "../../../support/strict.ts";

for (
  const text of [
    "",
    "[]",
    "null",
    "{}",
    '{"keys":{}}',
    '{"keys":[]}',
    '{"keys":[null]}',
    '{"keys":[{}]}',
    '{"keys":[{"kty":1}]}',
  ]
) {
  Deno.test(`I1: ${text || "(nothing)"} is no key set`, STRICT, () => {
    assert.throws(() => parseKeySet(text), TypeError);
  });
}

Deno.test("I6: what is not understood in a key set harms no key beside it", STRICT, async () => {
  const issuer = await Issuer.create("good");
  const [anonymous] = [{ ...issuer.publicJwk, kid: undefined }];
  const strange: readonly unknown[] = [
    ...[null, 7, "key", [], {}, { kty: 1 }, { kty: "AKP", alg: "ML-DSA-44", pub: "x" }, { kty: "oct", k: "AA" }],
    ...[{ kty: "EC" }, { kty: "EC", crv: "P-256", x: 1, y: 2 }, { kty: "EC", crv: "P-256", x: "AA", y: "AA", kid: 7 }],
    ...[{ kty: "RSA", use: 7, alg: {}, key_ops: "verify", x5c: "no" }, { kty: "OKP", crv: "Ed448", x: "AA" }],
  ];
  const read = { clockSkewMs: 0, fetch, issuer: ISSUER, audiences: [AUDIENCE] };
  for (const key of [issuer.publicJwk, anonymous]) {
    for (const order of [[...strange, key], [key, ...strange]]) {
      const readTextFile = () => Promise.resolve(JSON.stringify({ keys: order, extra: [] }));
      const source = await createJwtSource({ ...read, readTextFile, jwks: { kind: "file", path: "keys" } });
      for (const header of [{}, { kid: undefined }]) {
        const token = await issuer.sign({}, key === anonymous ? { kid: undefined } : header);
        assert.equal((await source.verify(token, NOW_MS)).kind, "principal");
      }
    }
  }
});

Deno.test("I6: a key that is too short to be used harms none of its kind or name beside it", STRICT, async () => {
  const issuer = await Issuer.create("k", "RS256");
  const short = await crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    true,
    ["sign", "verify"],
  );
  const { kty, n, e } = await crypto.subtle.exportKey("jwk", short.publicKey);
  const read = { clockSkewMs: 0, fetch, issuer: ISSUER, audiences: [AUDIENCE] };
  const sourceOf = (keys: readonly unknown[]) => {
    const readTextFile = () => Promise.resolve(JSON.stringify({ keys }));
    return createJwtSource({ ...read, readTextFile, jwks: { kind: "file", path: "keys" } });
  };
  for (const weak of [{ kty, n, e }, { kty, n: "AAAA", e }]) {
    for (const kid of [undefined, "k"]) {
      const [bad, good] = [{ ...weak, kid }, { ...issuer.publicJwk, kid }];
      for (const order of [[bad, good], [good, bad]]) {
        const source = await sourceOf(order);
        assert.equal((await source.verify(await issuer.sign({}, { kid }), NOW_MS)).kind, "principal");
      }
      // By itself it is the issuer's fault still: it may have signed the token, and nobody can tell.
      for (const alone of [[bad], [bad, bad]]) {
        const source = await sourceOf(alone);
        const token = await issuer.sign({}, { kid });
        await assert.rejects(
          async () => await source.verify(token, NOW_MS),
          (fault) => fault instanceof SignetError && fault.code === "identity_unavailable",
        );
      }
    }
  }
});

Deno.test("I1: a key set file that cannot be read names the file and what is wanted", STRICT, async () => {
  const readTextFile = () => Promise.reject(new Error("no such file"));
  await assert.rejects(
    () => FileKeySet.load({ path: "/etc/keys.json", readTextFile, makeLookup: createLocalJWKSet }),
    (fault) => fault instanceof ConfigError && /keys\.json/.test(fault.message) && /no such file/.test(fault.message),
  );
});

Deno.test("I1: a key set file gives the keys that stand in it, and one that is no JSON none", STRICT, async () => {
  const one = await Issuer.create("one");
  let text = keySetOf(one);
  const load = () =>
    FileKeySet.load({
      path: "/etc/keys.json",
      readTextFile: () => Promise.resolve(text),
      makeLookup: createLocalJWKSet,
    });
  const keys = await load();
  assert.deepEqual(keys.current(0).lookup.jwks().keys.map((key) => key.kid), ["one"]);
  text = "not JSON";
  await assert.rejects(load, ConfigError);
});
