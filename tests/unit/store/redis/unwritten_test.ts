// What the store has not taken is written once it takes it, whoever asks for it when (docs/behaviour.md L6, R6).
import assert from "node:assert/strict";
import { remember, Unwritten } from "../../../../lib/store/redis/unwritten.ts";
import { type Revocation, StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const deleted = (sid: string): Revocation => ({ kind: "session", sid, untilMs: 1000, by: "client" });

/** A store that takes one at a time, in the order in which the test lets it. */
function scene() {
  const asked: { readonly revocation: Revocation; readonly take: () => void; readonly refuse: () => void }[] = [];
  const unwritten = new Unwritten((revocation) =>
    new Promise((take, reject) => {
      asked.push({ revocation, take, refuse: () => reject(new StoreError("io", "Away", { remedy: "Start it." })) });
    })
  );
  return { asked, unwritten };
}

Deno.test("R6: what is asked for while the store still refuses is asked of it again", STRICT, async () => {
  const { asked, unwritten } = scene();
  unwritten.keep("a", deleted("a"));
  unwritten.writeAll();
  unwritten.writeAll();
  assert.equal(asked.length, 1, "one round at a time");
  asked[0]!.refuse();
  await until(() => asked.length === 2, "another round");
  asked[1]!.refuse();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(asked.length, 2, "nobody has asked for one more");
  assert.equal(unwritten.size, 1);
});

Deno.test("L6: what an operator revoked stays, however much clients delete", STRICT, () => {
  const map = new Map<string, Revocation>();
  const all: Revocation = { kind: "all", beforeMs: 1, untilMs: 1000 };
  remember(map, "a", all);
  remember(map, "o", { ...deleted("o"), by: "operator" } as Revocation);
  for (let i = 0; i < 25_000; i++) remember(map, `s${i}`, deleted(`s${i}`));
  assert.deepEqual([map.size, map.get("a"), map.has("o")], [10_000, all, true]);
  assert.deepEqual([map.has("s24999"), map.has("s0")], [true, false]);
  for (let i = 0; i < 20_000; i++) {
    remember(map, `p${i}`, { kind: "principal", owner: `${i}`, beforeMs: 1, untilMs: 1 });
  }
  assert.deepEqual([map.size, map.has("p19999"), map.has("s24999")], [10_000, true, false]);
});

Deno.test(
  "L6: what an operator revoked stays the operator's, though its client deletes it, before or after",
  STRICT,
  () => {
    const revoked = (untilMs: number): Revocation => ({ ...deleted("s"), by: "operator", untilMs } as Revocation);
    for (
      const [first, then, untilMs] of [[deleted("s"), revoked(1000), 1000], [revoked(500), deleted("s"), 1000]] as const
    ) {
      const map = new Map<string, Revocation>();
      for (const each of [first, then]) remember(map, "s", each);
      assert.deepEqual(map.get("s"), revoked(untilMs));
    }
  },
);

Deno.test("L6: what is extended while it is written is written once more", STRICT, async () => {
  const { asked, unwritten } = scene();
  unwritten.keep("a", deleted("a"));
  unwritten.writeAll();
  const longer = { ...deleted("a"), untilMs: 2000 };
  unwritten.keep("a", longer);
  asked[0]!.take();
  await until(() => asked.length === 2, "the longer one to be written");
  assert.equal(asked[1]!.revocation, longer);
  asked[1]!.take();
  await until(() => unwritten.size === 0, "it to be taken");
});

Deno.test("R6: what the store never takes keeps nothing behind it from being written", STRICT, async () => {
  const { asked, unwritten } = scene();
  for (let at = 0; at < 101; at++) unwritten.keep(`${at}`, deleted(`${at}`));
  unwritten.writeAll();
  assert.equal(asked.length, 100);
  for (const { take, refuse, revocation } of asked.splice(0)) {
    if (revocation.kind === "session" && revocation.sid === "0") refuse();
    else take();
  }
  await until(() => unwritten.size === 2, "those that were taken to be done with");
  unwritten.writeAll();
  await until(() => asked.length === 2, "another round");
  assert.deepEqual(asked.map(({ revocation }) => revocation), [deleted("100"), deleted("0")]);
  asked[0]!.take();
  asked[1]!.refuse();
  await until(() => unwritten.size === 1, "the other to be written");
});
