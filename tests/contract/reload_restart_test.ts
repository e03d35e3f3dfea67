// A reload that changes what only a restart can change: the rest is in force, and whoever asked is told (P2).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

Deno.test("P2: a reload resolves with the settings that wait for a restart", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  assert.deepEqual(await signet.app.reload(), []);
  const flags = signet.flags;
  signet.flags = [...flags, "--head-timeout", "7s", "--session-ttl", "3h"];
  assert.deepEqual(await signet.app.reload(), ["--head-timeout"]);
  assert.deepEqual(await signet.app.reload(), ["--head-timeout"], "for as long as it waits");
  signet.flags = flags;
  assert.deepEqual(await signet.app.reload(), []);
});
