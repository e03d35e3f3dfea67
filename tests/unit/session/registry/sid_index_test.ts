import fc from "fast-check";
import assert from "node:assert/strict";
import { adoptedSid } from "../../../../lib/gateway/in/adopt.ts";
import { SidIndex } from "../../../../lib/session/registry/sid_index.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("an index of sids holds what a Map would, whatever is added, replaced and removed", STRICT, () => {
  const step = fc.record({ sid: fc.nat(200).map((n) => `sid-${n}`), removes: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
    const index = new SidIndex<{ readonly sid: string }>(), model = new Map<string, { readonly sid: string }>();
    for (const { sid, removes } of steps) {
      const known = model.get(sid);
      if (!removes) {
        const item = { sid };
        index.add(item);
        model.set(sid, item);
      } else if (known !== undefined) {
        index.remove(known);
        model.delete(sid);
      }
    }
    assert.equal(index.size, model.size);
    for (let n = 0; n <= 200; n++) assert.equal(index.find(`sid-${n}`), model.get(`sid-${n}`));
  }));
});

Deno.test("an index of sids grows and shrinks with what it holds", STRICT, () => {
  const index = new SidIndex<{ readonly sid: string }>();
  const items = Array.from({ length: 5000 }, (_, n) => ({ sid: `${n}` }));
  for (const item of items) index.add(item);
  for (const item of items) assert.equal(index.find(item.sid), item);
  for (const item of items.slice(10)) index.remove(item);
  assert.equal(index.size, 10);
  for (const [n, item] of items.entries()) assert.equal(index.find(item.sid), n < 10 ? item : undefined);
});

Deno.test("an index of sids keeps one that was replaced out, and removes its successor by nobody else", STRICT, () => {
  const index = new SidIndex<{ readonly sid: string; readonly n: number }>();
  const [first, second] = [{ sid: "a", n: 1 }, { sid: "a", n: 2 }];
  index.add(first);
  index.add(second);
  index.remove(first);
  assert.deepEqual([index.find("a"), index.size], [second, 1]);
  index.remove(second);
  index.remove(second);
  assert.deepEqual([index.find("a"), index.size], [undefined, 0]);
});

Deno.test("an index of sids tells those apart that begin or end alike", STRICT, () => {
  for (const sidOf of [(n: number) => `AAAAAAAAAAAAAAAAAAA${n}`, (n: number) => `${n}AAAAAAAAAAAAAAAAAAA`]) {
    const index = new SidIndex<{ readonly sid: string }>();
    const items = Array.from({ length: 200 }, (_, n) => ({ sid: sidOf(n) }));
    for (const item of items) index.add(item);
    for (const item of items) assert.equal(index.find(item.sid), item);
    for (const item of items.slice(100)) index.remove(item);
    for (const [n, item] of items.entries()) assert.equal(index.find(item.sid), n < 100 ? item : undefined);
  }
});

Deno.test(
  "an index of sids finds each of those that were adopted by a few comparisons: they begin alike",
  STRICT,
  () => {
    const index = new SidIndex<{ readonly sid: string }>();
    let asked = 0;
    const items = Array.from({ length: 2000 }, (_, n) => {
      const sid = adoptedSid(`raw id ${n}`);
      return {
        get sid() {
          asked++;
          return sid;
        },
      };
    });
    for (const item of items) index.add(item);
    asked = 0;
    for (let n = 0; n < items.length; n++) assert.equal(index.find(adoptedSid(`raw id ${n}`)), items[n]);
    assert.ok(asked < 5 * items.length, `${asked} looked at for ${items.length}`);
  },
);
