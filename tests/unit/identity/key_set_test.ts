import assert from "node:assert/strict";
import { createLocalJWKSet } from "jose";
import { ConfigError } from "../../../lib/errors.ts";
import { FileKeySet, parseKeySet } from "../../../lib/identity/key_set.ts";
import { Issuer, keySetOf } from "../../support/issuer.ts";
import { STRICT } from "../../support/strict.ts";

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
