import assert from "node:assert/strict";
import { faultFromWire, faultToWire, fromLine, toLine } from "../../../../lib/app/workers/wire.ts";
import { parseFlags } from "../../../../lib/config/flags.ts";
import { loadSettings } from "../../../../lib/config/load.ts";
import { SETTING_KEYS } from "../../../../lib/config/schema.ts";
import { ConfigError, SignetError } from "../../../../lib/errors.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";

const cross = (value: unknown) => fromLine(toLine(value));

Deno.test("what JSON cannot say crosses as it is, and no text passes for it", STRICT, () => {
  for (const value of [Infinity, -Infinity, 0, "\0+", "\0\0+", "\0", "plain", { a: [Infinity, "\0-"], b: null }]) {
    assert.deepEqual(cross(value), value);
    assert.equal(toLine(value).includes("\n"), false);
  }
});

Deno.test("a fault crosses as what it was", STRICT, () => {
  const faults = [
    new SignetError("rate_limited", { publicMessage: "Slow down", remedy: "Wait.", retryAfterS: 3 }),
    new StoreError("full", "There is no room", { remedy: "Make some" }),
    new ConfigError([{ place: "--listen", problem: "taken", remedy: "Choose." }]),
    Object.assign(new Error("in words"), { name: "CommandFailure", exitCode: 3, remedy: "Do it." }),
  ];
  for (const fault of faults) {
    const found = faultFromWire(cross(faultToWire(fault)) as ReturnType<typeof faultToWire>);
    assert.deepEqual([found.name, found.message], [fault.name, fault.message]);
    assert.deepEqual(faultToWire(found), faultToWire(fault));
  }
});

Deno.test("P3: all settings cross as they were read, whatever is set", STRICT, async () => {
  const argv = [
    ...[
      "--upstream",
      "a=http://127.0.0.1:1/mcp",
      "--upstream",
      "b=stdio:node server.js",
      "--rate",
      "5/s",
      "--workers",
      "3",
    ],
    ...["--max-in-flight", "12", "--audit", "audit.jsonl", "--audit-argument", "query:tenant", "--allow-tool", "a/x*"],
    ...["--principal", "bearer", "--seal-header", "x-tenant"],
  ];
  const flags = parseFlags(argv, { command: "signet serve", accepts: new Set(SETTING_KEYS) });
  const absent = () => Promise.reject(new Deno.errors.NotFound());
  const { settings } = await loadSettings({ flags, env: {}, readTextFile: absent, fileMode: absent });
  const defined = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  assert.deepEqual(cross(settings), cross(defined));
  assert.deepEqual(cross(settings), JSON.parse(JSON.stringify(defined)));
  for (const [name, value] of Object.entries(defined)) {
    assert.deepEqual((cross(settings) as Record<string, unknown>)[name], value, name);
  }
});
