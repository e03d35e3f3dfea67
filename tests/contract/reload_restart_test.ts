// A reload that changes what only a restart can change: the rest is in force, and whoever asked is told (P2).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

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

Deno.test("P2: a reload says of a secret that was replaced that the one before it stays in force", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using folder = await TempFolder.create();
  const [path, before, after] = [`${folder.path}/secret`, "a".repeat(44), "b".repeat(44)];
  await Deno.writeTextFile(path, before, { mode: 0o600 });
  await using signet = await TestSignet.start({
    upstream: upstream.url,
    flags: ["--principal", "token", "--token-secret-file", path],
  });
  assert.deepEqual(await signet.app.reload(), []);
  await Deno.writeTextFile(`${path}.next`, after, { mode: 0o600 });
  await Deno.rename(`${path}.next`, path);
  assert.deepEqual(await signet.app.reload(), ["--token-secret-file"]);
  assert.deepEqual(await signet.app.reload(), ["--token-secret-file"], "for as long as it waits");
  await Deno.writeTextFile(path, before);
  assert.deepEqual(await signet.app.reload(), []);
});
