// Which tools may be run again, asked of a server within bounds of time, pages and bytes (docs/behaviour.md S4, M6).
import assert from "node:assert/strict";
import { type Asker, NO_CARRIER, type Peer } from "../../../../lib/bridge/peer/peer.ts";
import { RepeatableTools } from "../../../../lib/bridge/stateless/repeatable_tools.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import type { Json } from "../../../support/stdio.ts";
import { STRICT } from "../../../support/strict.ts";

const READS = { name: "reads", annotations: { readOnlyHint: true } };

/** A peer that answers lists when a test says so. */
class Scene {
  readonly timers = new FakeTimers();
  readonly tools = new RepeatableTools(this.timers);
  readonly asked: { readonly params: Json; readonly asker: Asker }[] = [];
  readonly forgotten: number[] = [];
  takes = true;
  readonly #peer = {
    ask: (text: Uint8Array, _: unknown, asker: Asker) => {
      if (!this.takes) return undefined;
      return this.asked.push({ params: JSON.parse(new TextDecoder().decode(text)).params, asker });
    },
    forget: (id: number) => this.forgotten.push(id),
  } as unknown as Peer;

  has(name: unknown): Promise<boolean> {
    return this.tools.has(name, { peer: this.#peer, carrier: NO_CARRIER });
  }

  /** The last request is answered with this. */
  say(body: Json): void {
    const value = { jsonrpc: "2.0", id: 1, ...body };
    void this.asked.at(-1)!.asker.onReply({ line: new TextEncoder().encode(JSON.stringify(value)), value });
  }
}

Deno.test("S4: of all pages is known what each tool is, and nobody is asked twice", STRICT, async () => {
  const scene = new Scene();
  const both = [scene.has("reads"), scene.has("plain")];
  scene.say({ result: { tools: [{ name: "plain" }, null, { name: 7 }], nextCursor: "2" } });
  await settle();
  scene.say({ result: { tools: [READS] } });
  assert.deepEqual(await Promise.all(both), [true, false]);
  assert.deepEqual(scene.asked.map(({ params }) => params), [{}, { cursor: "2" }]);
  assert.equal(await scene.has("reads"), true);
  assert.equal(scene.asked.length, 2);
  assert.equal(await scene.has(undefined), false);
  assert.equal(scene.timers.pending, 0);
});

for (const [how, ms] of [["for a minute", 60_001], ["by no clock that was set back", -3_600_000]] as const) {
  Deno.test(`S4 P8: a list is believed ${how}`, STRICT, async () => {
    const scene = new Scene();
    const first = scene.has("reads");
    scene.say({ result: { tools: [READS] } });
    assert.equal(await first, true);
    await scene.timers.advance(ms);
    const second = scene.has("reads");
    scene.say({ result: { tools: [{ name: "reads" }] } });
    assert.equal(await second, false);
  });
}

Deno.test("S4: what changes while it is asked for is asked for again, once", STRICT, async () => {
  const scene = new Scene();
  const once = scene.has("reads");
  scene.tools.forget();
  scene.say({ result: { tools: [{ name: "reads" }] } });
  await settle();
  scene.say({ result: { tools: [READS] } });
  assert.equal(await once, true);
  scene.tools.forget();
  const never = scene.has("reads");
  for (let time = 0; time < 2; time++) {
    scene.tools.forget();
    scene.say({ result: { tools: [READS] } });
    await settle();
  }
  assert.equal(await never, false);
});

const NO_LISTS: readonly [what: string, answer: (scene: Scene) => unknown][] = [
  ["an error", (scene) => scene.say({ error: { code: -32601, message: "no" } })],
  ["something else", (scene) => scene.say({ result: { tools: "none" } })],
  ["a loss", ({ asked }) => asked.at(-1)!.asker.onLost({ reason: "gone" })],
  ["nothing in time", ({ timers }) => timers.advance(10_000)],
];
for (const [what, answer] of NO_LISTS) {
  Deno.test(`S4 M6: ${what} in place of a list makes nothing repeatable, and is not remembered`, STRICT, async () => {
    const scene = new Scene();
    const first = scene.has("reads");
    await answer(scene);
    assert.equal(await first, false);
    assert.equal(scene.timers.pending, 0);
    const second = scene.has("reads");
    scene.say({ result: { tools: [READS] } });
    assert.equal(await second, true);
  });
}

Deno.test("M6: pages without an end, and one that is said again, are no list", STRICT, async () => {
  for (const [next, pages] of [[(page: number) => `${page}`, 100], [() => "same", 2]] as const) {
    const scene = new Scene();
    const endless = scene.has("reads");
    for (let page = 0; page < pages; page++) {
      assert.equal(scene.asked.length, page + 1);
      scene.say({ result: { tools: [READS], nextCursor: next(page) } });
      await settle();
    }
    assert.equal(await endless, false);
    assert.equal(scene.asked.length, pages);
  }
});

Deno.test("S4: a peer that takes no request now says nothing of its tools", STRICT, async () => {
  const scene = new Scene();
  scene.takes = false;
  assert.equal(await scene.has("reads"), false);
  assert.equal(scene.timers.pending, 0);
});
