// The field that names a session has one home in lib: whoever sets, removes or reads it under another spelling would let
// an id through.
import assert from "node:assert/strict";
import { SESSION_ID_FIELD } from "../../../lib/mcp/session_id_field.ts";
import { ROOT, sourcesIn } from "../../support/sources.ts";
import { STRICT } from "../../support/strict.ts";

/** The engine knows how often fields come, and nothing of what they mean. */
const KNOWN = ["lib/http1/wire/fields/fields_known.ts", "lib/mcp/session_id_field.ts"];

Deno.test("the name of the session's field is written in one place", STRICT, async () => {
  const found: string[] = [];
  for await (const path of sourcesIn("lib")) {
    const text = await Deno.readTextFile(`${ROOT}${path}`);
    if (text.includes(`"${SESSION_ID_FIELD}"`)) found.push(path);
  }
  assert.deepEqual(found.sort(), KNOWN);
});
