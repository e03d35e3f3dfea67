// A member that acknowledges a subscription and ends it at once is asked ever less often, and its clients are left in peace.
import assert from "node:assert/strict";
import type { Peer } from "../../../../../lib/bridge/peer/peer.ts";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import type { JsonObject } from "../../../../../lib/platform/json.ts";
import { Subscriptions, type SubscriptionsOptions } from "../../../../../lib/upstream/several/heard/subscriptions.ts";
import type { Asking, MemberLife } from "../../../../../lib/upstream/several/members/member_life.ts";
import { FakeTimers } from "../../../../support/fake_timers.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

/** One subscription to a member, and what its client is told. */
class Scene {
  readonly timers = new FakeTimers();
  readonly told: JsonObject[] = [];
  readonly asked: Asking[] = [];
  readonly peer = { forget: () => {} } as unknown as Peer;
  readonly life = { name: "a", pauseMs: 0, ask: (_: Uint8Array, asking: Asking) => this.#ask(asking) };
  readonly subscriptions: Subscriptions;

  constructor() {
    const { timers, life, told } = this;
    this.subscriptions = new Subscriptions({
      ...{ lives: [life], timers, account: new ByteAccount() },
      tell: (message: JsonObject) => void told.push(message),
    } as unknown as SubscriptionsOptions);
    const notifications = { toolsListChanged: true };
    assert.ok(this.subscriptions.open({ own: 7, notifications, envelope: {}, carrier: { fields: [] } }));
  }

  #ask(asking: Asking): void {
    this.asked.push(asking);
    asking.onAsked(this.peer, this.asked.length);
  }

  acknowledge(): void {
    const params = { notifications: { toolsListChanged: true }, _meta: { [SUBSCRIPTION_ID]: this.asked.length } };
    const value = { jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params };
    const line = new TextEncoder().encode(JSON.stringify(value));
    void this.subscriptions.hear(this.life as unknown as MemberLife, this.peer, { line, value });
  }

  end(): void {
    const value = { jsonrpc: "2.0", id: 0, result: {} };
    void this.asked.at(-1)!.onReply({ line: new TextEncoder().encode(JSON.stringify(value)), value });
  }
}

Deno.test("Subscriptions asks a member that ends what it has just acknowledged ever less often", async () => {
  const scene = new Scene();
  for (let second = 0; second < 60; second++) {
    const asked = scene.asked.length;
    scene.acknowledge();
    scene.end();
    while (scene.asked.length === asked && second++ < 60) await scene.timers.advance(1000);
  }
  assert.ok(scene.asked.length <= 8, `asked ${scene.asked.length} times in a minute`);
  const changes = scene.told.filter(({ method }) => String(method).endsWith("list_changed"));
  assert.ok(changes.length < scene.asked.length);
});

Deno.test("Subscriptions asks a member soon again whose subscription has lasted", async () => {
  const scene = new Scene();
  for (let times = 1; times < 6; times++) {
    scene.acknowledge();
    await scene.timers.advance(10_000);
    scene.end();
    await scene.timers.advance(1000);
    assert.equal(scene.asked.length, times + 1);
  }
});
