// Libraries name an error after its class, which a minifier renames: the code stands for it.
import * as jose from "jose";
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { HttpError } from "../../../../lib/http1/types.ts";
import { describeError, errorName } from "../../../../lib/platform/faults/error_name.ts";
import { systemError } from "../../../../lib/platform/faults/system_fault.ts";
import { STRICT } from "../../../support/strict.ts";

/** As an executable has it, where its class was renamed. */
function minified<E extends Error>(error: E): E {
  error.name = "Je";
  return error;
}

Deno.test("an error of a library has the name that its code gives it, whatever its class is called", STRICT, () => {
  const noKey = minified(new jose.errors.JWKSNoMatchingKey());
  assert.equal(describeError(noKey), `ERR_JWKS_NO_MATCHING_KEY: ${noKey.message}`);
  const refused = minified(new oauth.OperationProcessingError("no answer", { code: oauth.INVALID_RESPONSE }));
  assert.equal(errorName(refused), "OAUTH_INVALID_RESPONSE");
});

Deno.test("a fault of the system is told by its code, and once", STRICT, () => {
  assert.equal(describeError(systemError("ECONNREFUSED", "nobody listens")), "ECONNREFUSED: nobody listens");
  const refused = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
  assert.equal(describeError(refused), "ECONNREFUSED: connect refused");
});

Deno.test("an error of Signet's own is told by its message, which says what was attempted and found", STRICT, () => {
  const failed = new HttpError("connect_failed", "connecting to 127.0.0.1:9: Failed to connect");
  assert.equal(describeError(failed), "connecting to 127.0.0.1:9: Failed to connect");
});

Deno.test("what has no code of that form keeps its name", STRICT, () => {
  assert.equal(describeError(new TypeError("x is not a function")), "TypeError: x is not a function");
  assert.equal(errorName(new DOMException("given up", "AbortError")), "AbortError");
  assert.equal(describeError("a word"), "a word");
});
