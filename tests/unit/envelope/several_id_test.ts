// What a session over several servers is called inside the envelope: one spelling each, and the committed vectors.
import assert from "node:assert/strict";
import { decodeSeveralId, encodeSeveralId, type SeveralId } from "../../../lib/envelope/several_id.ts";
import { STRICT } from "../../support/strict.ts";
import vectors from "../../vectors/several.json" with { type: "json" };

Deno.test("A1 E3: encodeSeveralId and decodeSeveralId agree with the vectors", STRICT, () => {
  for (const { text, run, separator, members } of vectors.valid) {
    const id: SeveralId = {
      run,
      separator,
      members: members.map((member) => ({ ...member, state: (member as { state?: string }).state })),
    };
    assert.equal(encodeSeveralId(id), text);
    assert.deepEqual(decodeSeveralId(text), id);
  }
});

Deno.test("A1: what is not the one spelling of something is nothing", STRICT, () => {
  for (const { text, why } of vectors.invalid) assert.equal(decodeSeveralId(text), undefined, why);
  const many = Array.from({ length: 65 }, (_, i) => ({ name: `m${i}`, url: "http://a/", state: undefined }));
  assert.throws(() => encodeSeveralId({ run: "0".repeat(16), separator: "_", members: many }), TypeError);
});
