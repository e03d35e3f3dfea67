import assert from "node:assert/strict";
import { isAlike, membersAlike } from "../../../../lib/mcp/json/alike_members.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

/** Keys as they are written, and whether some reader takes them for `taskId`. */
const KEYS: readonly (readonly [string, boolean])[] = [
  ["taskId", true],
  ["TASKID", true],
  ["taskid", true],
  ["tas\\u006bId", true],
  ["ta\u017fkId", true],
  ["tas\u212aId", true],
  ["task\u0131d", true],
  ["task_Id", false],
  ["taskI", false],
  ["taskIdx", false],
  ["", false],
  ["task\u00efd", false],
];

for (const [key, wanted] of KEYS) {
  Deno.test(`A7: "${key}" is ${wanted ? "" : "not "}taken for taskId by some reader`, STRICT, () => {
    const text = encoder.encode(`{"a":1,"${key}":2,"b":3}`);
    const [found] = membersAlike(text, ["taskId"], { start: 0, end: text.length });
    assert.equal(found!.length, wanted ? 1 : 0);
    const quoted = encoder.encode(`"${key}"`);
    assert.equal(isAlike(quoted, encoder.encode("taskId"), 0, quoted.length), wanted);
  });
}

Deno.test("A9: all that are alike are found, in their order, and none where there is no object", STRICT, () => {
  const text = encoder.encode('{"uri":1,"x":{"uri":9},"URI":2,"uri":3,"Type":4}');
  const found = membersAlike(text, ["type", "uri"], { start: 0, end: text.length });
  const values = found.map((spans) =>
    spans.map(({ start, end }) => new TextDecoder().decode(text.subarray(start, end)))
  );
  assert.deepEqual(values, [["4"], ["1", "2", "3"]]);
  assert.deepEqual(membersAlike(encoder.encode("[1]"), ["uri"], { start: 0, end: 3 }), [[]]);
});
