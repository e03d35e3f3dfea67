// Over generated members and names: outward names fit every client, are each one's own, and turn back; order and names do not
// depend on how the members were written or in which order they answer (docs/behaviour.md A1–A3, A7).
import fc from "fast-check";
import assert from "node:assert/strict";
import { decodeSeveralId, encodeSeveralId, MEMBER_NAME } from "../../lib/envelope/several_id.ts";
import { clashIn, isFit, nameMembers, outwardName } from "../../lib/upstream/several/names/names.ts";
import { inwardUri, labelOf, outwardTemplate, outwardUri } from "../../lib/upstream/several/names/uris.ts";
import { STRICT } from "../support/strict.ts";

const memberName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/);
const member = fc.record({ name: memberName, url: fc.constantFrom("http://a/", "http://b/", "http://c/mcp") });
const members = fc.array(member, { minLength: 2, maxLength: 8 });
const toolName = fc.oneof(
  fc.string({ minLength: 1, maxLength: 120 }),
  fc.stringMatching(/^[a-z_-]{1,70}(-[0-9a-f]{8})?$/),
);

Deno.test("A1: the names and the order of members do not depend on how they were written", STRICT, () => {
  fc.assert(fc.property(members, fc.nat(), (given, seed) => {
    const shuffled = given.map((value, i) => ({ value, key: (i * 7919 + seed) % 1009 })).sort((a, b) => a.key - b.key);
    const named = (of: typeof given) => nameMembers(of).map(({ prefixName, url }) => [prefixName, url]);
    assert.deepEqual(named(shuffled.map(({ value }) => value)), named(given));
  }));
});

Deno.test(
  "A1 A7: outward names fit clients, and no two of any members are alike where the names do not clash",
  STRICT,
  () => {
    fc.assert(fc.property(members, fc.uniqueArray(toolName, { minLength: 1, maxLength: 20 }), (given, tools) => {
      const names = nameMembers(given).map(({ prefixName }) => prefixName);
      fc.pre(new Set(names).size === names.length && clashIn(names, "_") === undefined);
      const outward = names.flatMap((name) => tools.map((tool) => outwardName(`${name}_`, tool)));
      for (const name of outward) assert.ok(isFit(name), name);
      assert.equal(new Set(outward).size, outward.length);
      for (const [i, name] of names.entries()) {
        const own = outward.slice(i * tools.length, (i + 1) * tools.length);
        assert.deepEqual(
          own.map((text) => names.findIndex((other) => text.startsWith(`${other}_`))),
          own.map(() => names.indexOf(name)),
        );
      }
    }));
  },
);

Deno.test("A3: an outward address is a legal one of its member's, and turns back into the very text", STRICT, () => {
  const uri = fc.oneof(
    fc.webUrl(),
    fc.constantFrom("file:///a b", "ui://x/y", "ui://", "readme", "a:b", "C:\\x", "+x", "x+file:///a", "{+all}"),
    fc.string({ minLength: 1 }),
  );
  fc.assert(fc.property(memberName, uri, (name, uri) => {
    const label = labelOf(name);
    const outward = outwardUri(label, uri);
    assert.match(outward, /^[A-Za-z][A-Za-z0-9+.-]*:/);
    assert.deepEqual(inwardUri(outward), { label, uri });
    assert.deepEqual(inwardUri(outwardTemplate(label, uri)), { label, uri });
  }));
});

Deno.test("A1 E3: an id of several says what was put in, whatever that is, in one spelling", STRICT, () => {
  const sealed = fc.record({
    url: fc.string({ minLength: 1, unit: "grapheme" }),
    state: fc.option(fc.string({ unit: "grapheme" }), { nil: undefined }),
  });
  const many = fc.uniqueArray(memberName, { minLength: 1, maxLength: 10 }).chain((names) =>
    fc.tuple(...names.map((name) => sealed.map((rest) => ({ name, ...rest }))))
  );
  fc.assert(fc.property(many, fc.constantFrom("_", "-", "__"), (members, separator) => {
    fc.pre(members.every(({ name }) => MEMBER_NAME.test(name)));
    const id = { run: "0123456789abcdef", separator, members };
    const text = encodeSeveralId(id);
    assert.match(text, /^[\x21-\x7e]+$/);
    assert.deepEqual(decodeSeveralId(text), id);
    assert.equal(
      decodeSeveralId(text + "x") === undefined || encodeSeveralId(decodeSeveralId(text + "x")!) === text + "x",
      true,
    );
  }));
});
