import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";

Deno.test("E6: keys new prints one key of 32 random bytes and nothing else", STRICT, async () => {
  const machine = new FakeMachine();
  assert.equal(await machine.run("keys", "new"), 0);
  assert.equal(machine.stdout, btoa("\x01".repeat(32)) + "\n");
  assert.equal(machine.stderr, "");
  const onTerminal = new FakeMachine({ terminal: true });
  await onTerminal.run("keys", "new");
  assert.equal(onTerminal.stdout, machine.stdout);
  assert.match(onTerminal.stderr, /first key seals, all open/);
});

Deno.test("E5: keys list tells ids and what each key does, never a key", STRICT, async () => {
  const maker = new FakeMachine();
  await maker.run("keys", "new");
  await maker.run("keys", "new");
  const machine = new FakeMachine({ files: { ring: maker.stdout } });
  assert.equal(await machine.run("keys", "list", "--key-file", "ring"), 0);
  assert.match(machine.stdout, /^[0-9a-f]{8} {2}seals and opens {2}ring\n[0-9a-f]{8} {2}opens {2}ring\n$/);
  for (const key of maker.stdout.trim().split("\n")) assert.ok(!machine.stdout.includes(key));
});

Deno.test("keys list exits 1 without a key, and 2 when the ring is not sound", STRICT, async () => {
  const none = new FakeMachine();
  assert.equal(await none.run("keys", "list"), 1);
  assert.match(none.stderr, /none is configured/);
  const broken = new FakeMachine({ env: { MCP_ENCRYPTION_KEY: "nonsense" } });
  assert.equal(await broken.run("keys", "list"), 2);
  assert.match(broken.stderr, /MCP_ENCRYPTION_KEY/);
});

Deno.test(
  "keys reads its key file from environment and configuration too, and judges nothing else there",
  STRICT,
  async () => {
    const files = { ring: btoa("k".repeat(32)), "s.yaml": "key-file: ring\nlisten: nonsense\n" };
    const byFile = new FakeMachine({ files });
    assert.equal(await byFile.run("keys", "list", "--config", "s.yaml"), 0, byFile.stderr);
    const byVariable = new FakeMachine({ files, env: { SIGNET_KEY_FILE: "ring" } });
    assert.equal(await byVariable.run("keys", "list"), 0);
  },
);
