import assert from "node:assert/strict";
import { canAnswer } from "../../../../../lib/bridge/stateless/rounds/parked_questions.ts";
import type { JsonObject } from "../../../../../lib/platform/json.ts";
import { STRICT } from "../../../../support/strict.ts";

const asked = (method: string, params?: unknown) => ({ line: new Uint8Array(0), value: { method, params } });

Deno.test("S4: a client is asked in a mode that it has named, in words, or has by naming none", STRICT, () => {
  const FORM = { elicitation: { form: {} } }, URL = { elicitation: { url: {} } }, NONE = { elicitation: {} };
  const rows: readonly (readonly [mode: unknown, capabilities: JsonObject, wanted: boolean])[] = [
    [undefined, NONE, true],
    ["form", NONE, true],
    ["form", FORM, true],
    ["form", URL, false],
    ["url", URL, true],
    ["url", FORM, false],
    ["voice", { elicitation: { voice: {} } }, true],
    [["form"], FORM, false],
    [["url"], URL, false],
    [7, { elicitation: { 7: {} } }, false],
    // As JavaScriptCore has `__proto__`, which Deno takes away.
    ["odd", { elicitation: Object.create({ odd: {} }) }, false],
  ];
  for (const [mode, capabilities, wanted] of rows) {
    const found = canAnswer(asked("elicitation/create", { mode }), capabilities);
    assert.equal(found, wanted, JSON.stringify([mode, capabilities]));
  }
  assert.equal(canAnswer(asked("elicitation/create"), {}), false);
  assert.equal(canAnswer(asked("sampling/createMessage"), { sampling: {} }), true);
  assert.equal(canAnswer(asked("constructor"), { constructor: {} }), false);
});
