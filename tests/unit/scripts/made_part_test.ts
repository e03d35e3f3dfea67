import assert from "node:assert/strict";
import { isCurrentPart, markersOf, replacePart } from "../../../scripts/made_part.ts";
import { STRICT } from "../../support/strict.ts";

const PART = { name: "things", script: "scripts/things.ts" };
const [BEGIN, END] = markersOf(PART);

Deno.test("replacePart keeps what stands around the markers, and is stable", STRICT, () => {
  const once = replacePart(PART, `# Signet\n\n${BEGIN}\nold\n${END}\nmore\n`, "new");
  assert.equal(once, `# Signet\n\n${BEGIN}\n\nnew\n\n${END}\nmore\n`);
  assert.equal(replacePart(PART, once, "new"), once);
  assert.throws(() => replacePart(PART, "# Signet\n", "new"), /found no markers/);
  assert.throws(() => replacePart(PART, `${END}\n${BEGIN}`, "new"), /found no markers/);
});

Deno.test("a part is current whatever a formatter did to blanks and rules, and not with another word", STRICT, () => {
  const document = replacePart(PART, `${BEGIN}\n${END}`, "| a | b |\n| --- | --- |");
  assert.ok(
    isCurrentPart(
      PART,
      document.replace("| a | b |", "| a     | b   |").replace("---", "-----"),
      "| a | b |\n| --- | --- |",
    ),
  );
  assert.ok(!isCurrentPart(PART, document, "| a | c |\n| --- | --- |"));
});
