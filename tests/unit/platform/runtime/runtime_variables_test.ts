// Variables that would make another program of the executable.
import assert from "node:assert/strict";
import { runtimeVariables } from "../../../../lib/platform/runtime/runtime_variables.ts";
import { STRICT } from "../../../support/strict.ts";

const ENV = {
  PATH: "/bin",
  BUN_INSTALL: "/root/.bun",
  BUN_INSTALL_BIN: "/root/bin",
  BUN_OPTIONS: "--preload evil.js",
  BUN_INSPECT_PRELOAD: "evil.js",
  BUN_CONFIG_VERBOSE_FETCH: "1",
  NODE_TLS_REJECT_UNAUTHORIZED: "0",
};

Deno.test("what steers Bun and could not be switched off is named; where Bun lies is not", STRICT, () => {
  const runtime = "bun";
  assert.deepEqual(runtimeVariables(ENV, { runtime, switchedOff: ["BUN_OPTIONS", "BUN_INSPECT"] }), [
    "BUN_CONFIG_VERBOSE_FETCH",
    "NODE_TLS_REJECT_UNAUTHORIZED",
  ]);
  assert.equal(runtimeVariables(ENV, { runtime, switchedOff: [] }).length, 4);
  assert.deepEqual(runtimeVariables({ PATH: "/bin" }, { runtime }), []);
});

Deno.test("Deno is its user's own to steer", STRICT, () => {
  assert.deepEqual(runtimeVariables(ENV, { runtime: "deno" }), []);
});
