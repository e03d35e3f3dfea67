// G3, P1: what is shown of a call's arguments is one line for whoever reads it, and drives no terminal.
import assert from "node:assert/strict";
import { ArgumentReader } from "../../../lib/audit/arguments.ts";

/** What forges a line for some readers, or drives a terminal that shows it. */
const UNSAFE = ["\u2028", "\u0085", "\u009b31m", "\u202egnp.exe", "\ufeff", "\u{e0041}"];

Deno.test("G3 P1: an argument that is shown ends no line for anybody, and drives no terminal", () => {
  const path = ["of"];
  const reader = new ArgumentReader({
    chosen: [{ tool: "*", path }],
    digestKey: undefined,
    namesMemberTwice: () => false,
  });
  for (const unsafe of UNSAFE) {
    const text = `a${unsafe}{"v":1,"seq":1,"event":"audit.stop"}`;
    for (const value of [text, [text], { [text]: text }, text.repeat(300)]) {
      const shown = reader.read("echo", new TextEncoder().encode(JSON.stringify({ of: value })));
      assert.equal(shown.includes(unsafe), false, JSON.stringify(unsafe));
      const read = JSON.parse(shown).shown.of;
      if (JSON.stringify(value).length < 256) assert.deepEqual(read, value);
      else assert.ok(String(read).includes(unsafe));
    }
  }
});
