import assert from "node:assert/strict";
import { Challenger } from "../../../../lib/identity/challenges/challenge.ts";
import { STRICT } from "../../../support/strict.ts";

const METADATA = "https://mcp.example/.well-known/oauth-protected-resource";

Deno.test("I5: a request without a credential is challenged without an error code", STRICT, () => {
  const challenger = new Challenger({ realm: "mcp", scope: "read write", resourceMetadata: METADATA });
  assert.equal(challenger.bare, `Bearer realm="mcp", scope="read write", resource_metadata="${METADATA}"`);
});

Deno.test("I5: nothing configured still challenges with the scheme", STRICT, () => {
  assert.equal(new Challenger().bare, "Bearer");
});

Deno.test("I5: a credential that does not hold is challenged with the error", STRICT, () => {
  const challenger = new Challenger({ resourceMetadata: METADATA });
  assert.equal(
    challenger.failed({ error: "invalid_token", description: "the token has expired" }),
    `Bearer error="invalid_token", error_description="the token has expired", resource_metadata="${METADATA}"`,
  );
});

Deno.test("I5: a missing scope is named instead of the configured one", STRICT, () => {
  const challenger = new Challenger({ scope: "read" });
  assert.equal(
    challenger.failed({ error: "insufficient_scope", scope: "write admin" }),
    'Bearer error="insufficient_scope", scope="write admin"',
  );
});

Deno.test("I5: a description cannot break out of its quotes or its line", STRICT, () => {
  const text = new Challenger().failed({ error: "invalid_token", description: 'a"b\\c\r\nset-cookie: x\u00e9' });
  assert.equal(text, 'Bearer error="invalid_token", error_description="a?b?c??set-cookie: x?"');
});

Deno.test("I5: a realm's quotes are escaped", STRICT, () => {
  assert.equal(new Challenger({ realm: 'a "b" \\' }).bare, 'Bearer realm="a \\"b\\" \\\\"');
});

Deno.test("I5: a configured value that cannot stand in a field is refused at the start", STRICT, () => {
  assert.throws(() => new Challenger({ realm: "a\r\nb" }), TypeError);
  assert.throws(() => new Challenger({ resourceMetadata: "https://exämple" }), TypeError);
});
