import assert from "node:assert/strict";
import { loadKeys } from "../../../../lib/config/named/keys.ts";
import { ConfigError } from "../../../../lib/errors.ts";
import { STRICT } from "../../../support/strict.ts";
import { type Given, sourcesOf } from "../sources.ts";

const [A, B] = ["a", "b"].map((letter) => btoa(letter.repeat(32))) as [string, string];

function keysOf(keyFile: string | undefined, given: Given = {}) {
  return loadKeys(keyFile, { ...sourcesOf(given), random: (length) => new Uint8Array(length).fill(7) });
}

async function activeId(text: string): Promise<string> {
  return (await keysOf("k", { files: { k: text } })).ring.active.id;
}

Deno.test("E6: a key comes from --key-file before MCP_ENCRYPTION_KEY before a credential", STRICT, async () => {
  const env = { MCP_ENCRYPTION_KEY: B, CREDENTIALS_DIRECTORY: "/run/credentials/signet/" };
  const files = { k: A, "/run/credentials/signet/signet-key": `${A}\n${B}\n` };
  const fromFile = await keysOf("k", { env, files });
  assert.deepEqual([fromFile.source, fromFile.ring.active.id], ["k", await activeId(A)]);
  assert.match(fromFile.warnings.join(), /MCP_ENCRYPTION_KEY is set too/);
  const fromVariable = await keysOf(undefined, { env, files });
  assert.deepEqual([fromVariable.source, fromVariable.ring.active.id], ["MCP_ENCRYPTION_KEY", await activeId(B)]);
  const fromCredential = await keysOf(undefined, { env: { CREDENTIALS_DIRECTORY: "/run/credentials/signet" }, files });
  assert.equal(fromCredential.source, "/run/credentials/signet/signet-key");
  assert.equal(fromCredential.ring.keys.length, 2);
  assert.deepEqual([fromVariable.warnings, fromCredential.ephemeral], [[], false]);
});

Deno.test("E6: without any source the key is ephemeral, with a loud warning", STRICT, async () => {
  for (const env of [{}, { CREDENTIALS_DIRECTORY: "/run/credentials/signet" }]) {
    const keys = await keysOf(undefined, { env });
    assert.equal(keys.ephemeral, true);
    assert.match(keys.warnings.join(), /ephemeral: every session ends/);
  }
});

Deno.test("E6: a source that is there but unusable refuses to start and falls to no other", STRICT, async () => {
  const cases: [string | undefined, Given][] = [
    ["missing", { env: { MCP_ENCRYPTION_KEY: A } }],
    ["k", { files: { k: "" }, env: { MCP_ENCRYPTION_KEY: A } }],
    [undefined, { env: { MCP_ENCRYPTION_KEY: "" } }],
    [undefined, { env: { MCP_ENCRYPTION_KEY: `${A},nonsense` } }],
    [undefined, { env: { MCP_ENCRYPTION_KEY: `${A},${A}` } }],
    [undefined, {
      env: { CREDENTIALS_DIRECTORY: "/c" },
      files: { "/c/signet-key": new Deno.errors.PermissionDenied("x") },
    }],
  ];
  for (const [keyFile, given] of cases) {
    await assert.rejects(keysOf(keyFile, given), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.doesNotMatch(error.message, new RegExp(A.slice(0, 20)));
      return true;
    });
  }
});
