import assert from "node:assert/strict";
import { STRICT } from "../../support/strict.ts";
import { problemLines, warningsOf } from "./sources.ts";

const SECRET = btoa("s".repeat(32));
const files = { admin: SECRET, tokens: SECRET };

Deno.test("P1: an admin listener beyond loopback is warned of, and whether operators can use it", STRICT, async () => {
  const argv = ["--admin", "0.0.0.0:9090"];
  assert.match(
    await warningsOf({ argv }),
    /sees metrics, unasked\. The operators' API is off there; --admin-token-file/,
  );
  const open = await warningsOf({ argv: [...argv, "--admin-token-file", "admin"], files });
  assert.match(open, /asks for its token, which crosses the network in the clear/);
  assert.doesNotMatch(await warningsOf({ argv: ["--admin-token-file", "admin"], files }), /admin/);
});

Deno.test("an admin token without an admin listener is a problem", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--admin", "off", "--admin-token-file", "admin"], files }), [
    "--admin-token-file: the admin listener is off",
  ]);
});

Deno.test("T1 L6: tokens without a state file are warned to die with the process", STRICT, async () => {
  const argv = ["--principal", "token", "--token-secret-file", "tokens"];
  assert.match(await warningsOf({ argv, files }), /Without --state, issued session tokens and what was revoked/);
  assert.doesNotMatch(await warningsOf({ argv: [...argv, "--state", "s.db"], files }), /--state/);
});
