// Subscriptions answered for a server that has none: within their bounds, told what they want to hear, and ended in words
// (docs/behaviour.md M6, B9; docs/protocol.md 31, 32).
import assert from "node:assert/strict";
import { DEFAULT_BRIDGE_LIMITS } from "../../../../lib/bridge/limits.ts";
import type { StatelessPost } from "../../../../lib/bridge/stateless/exchange.ts";
import { Exchanges } from "../../../../lib/bridge/stateless/exchanges.ts";
import { Subscriptions } from "../../../../lib/bridge/stateless/subscriptions.ts";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { idSpan } from "../../../../lib/mcp/json/placed_text.ts";
import type { RpcRequest } from "../../../../lib/mcp/messages/json_rpc.ts";
import { messageOf } from "../../../support/fake_peer.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const LISTEN = "subscriptions/listen";

function scene(limits = { maxSubscriptions: 3, maxSubscribedLength: 100 }) {
  const timers = new FakeTimers();
  const { stallMs, maxQueuedBytes } = { stallMs: 1000, maxQueuedBytes: 1024 };
  const exchanges: Exchanges = new Exchanges({
    outbox: { ...DEFAULT_BRIDGE_LIMITS, stallMs, maxQueuedBytes, timers, account: new ByteAccount() } as never,
    streamAfterMs: 1000,
    onLeft: () => {},
    onGone: (exchange) => subscriptions.close(exchange),
  });
  const watched: string[] = [];
  const peers = { isThere: true, asked: 0 };
  const subscriptions: Subscriptions = new Subscriptions({
    exchanges,
    limits,
    life: {
      identity: {
        capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
        serverInfo: {},
      } as never,
      watchResource: (uri, change) => void watched.push(`${change > 0 ? "+" : "-"}${uri}`),
      peer: () => {
        peers.asked++;
        return peers.isThere ? Promise.resolve({} as never) : Promise.reject(new Error("gone"));
      },
    },
  });
  const open = (id: string, notifications: unknown, events = true) => {
    const params = { notifications, _meta: {} };
    const text = new TextEncoder().encode(JSON.stringify({ jsonrpc: "2.0", id, method: LISTEN, params }));
    const request = { kind: "request", id, method: LISTEN, params } as unknown as RpcRequest;
    const post: StatelessPost = { text, id: idSpan(text), request, accepts: { json: true, events }, fields: [] };
    const exchange = exchanges.begin(post);
    subscriptions.open(exchange, request);
    return { exchange, response: exchange.answer.response };
  };
  const textOf = async (response: ReturnType<typeof open>["response"]) =>
    new TextDecoder().decode(await (await response).body.readAll(10_000));
  return { exchanges, subscriptions, watched, peers, open, textOf };
}

Deno.test(
  "PROTOCOL 31, 32: it is acknowledged, told what it wants to hear, and ended with its result",
  STRICT,
  async () => {
    const { subscriptions, open, textOf, exchanges, watched } = scene();
    const { response } = open("mine", { toolsListChanged: true, resourceSubscriptions: ["file:///a"] });
    assert.deepEqual(watched, ["+file:///a"]);
    void subscriptions.publish(messageOf({ method: "notifications/tools/list_changed" }));
    void subscriptions.publish(messageOf({ method: "notifications/prompts/list_changed" }));
    void subscriptions.publish(messageOf({ method: "notifications/resources/updated", params: { uri: "file:///b" } }));
    subscriptions.end(() => true);
    const text = await textOf(response);
    const methods = [...text.matchAll(/"method":"([^"]+)"/g)].map(([, method]) => method);
    assert.deepEqual(methods, ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"]);
    assert.match(text, /"id":"mine","result":\{.*"resultType":"complete"/);
    assert.deepEqual([exchanges.size, watched], [0, ["+file:///a", "-file:///a"]]);
  },
);

Deno.test(
  "M6: resources that are watched are bounded in number and length, and free again when one ends",
  STRICT,
  async () => {
    const { open, textOf, subscriptions, watched } = scene();
    const two = open("two", { resourceSubscriptions: ["a", "b"] });
    assert.match(await textOf(open("many", { resourceSubscriptions: ["c", "d"] }).response), /too many resource/);
    assert.match(await textOf(open("long", { resourceSubscriptions: ["x".repeat(99)] }).response), /too many resource/);
    subscriptions.end((exchange) => exchange === two.exchange);
    await two.response.then(({ body }) => body.readAll(10_000));
    const again = open("again", { resourceSubscriptions: ["c", "d", "e"] });
    assert.deepEqual(watched, ["+a", "+b", "-a", "-b", "+c", "+d", "+e"]);
    subscriptions.end(() => true);
    await textOf(again.response);
  },
);

Deno.test("PROTOCOL 31: one that could not be told anything is refused", STRICT, async () => {
  const { open, textOf, exchanges } = scene();
  assert.match(await textOf(open("a", "everything").response), /must be a filter/);
  assert.match(await textOf(open("b", { toolsListChanged: true }, false).response), /accepts text\/event-stream/);
  assert.equal(exchanges.size, 0);
});

Deno.test(
  "B9: where no peer takes a lost one's place they end, and none is asked for where nobody listens",
  STRICT,
  async () => {
    const { open, subscriptions, peers, textOf } = scene();
    subscriptions.keepTelling();
    assert.equal(peers.asked, 0);
    const { response } = open("mine", { toolsListChanged: true });
    subscriptions.keepTelling();
    await settle();
    peers.isThere = false;
    subscriptions.keepTelling();
    assert.match(await textOf(response), /"resultType":"complete"/);
    assert.equal(peers.asked, 2);
  },
);
