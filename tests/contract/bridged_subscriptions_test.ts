// Subscriptions of clients with sessions to a server that has none (docs/behaviour.md S2, S3, B9): one at the server at a
// time, whatever comes in between, and none once the session has ended.
import assert from "node:assert/strict";
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import { CREDENTIAL_REFUSALS } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { freshRing, INITIALIZE, messageOf, saidUntil, status, TestSignet } from "../support/signet.ts";
import type { Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until, within } from "../support/until.ts";

function subscribe(id: number, uri: string) {
  return { jsonrpc: "2.0", id, method: "resources/subscribe", params: { uri } };
}

function tellingServer(): FakeStateless {
  const server = new FakeStateless();
  server.capabilities = { resources: { subscribe: true, listChanged: true } };
  return server;
}

/** A session that the next Signet with the ring knows by its id alone: it has to ask again what the server is. */
async function openedElsewhere(server: FakeStateless, ring: KeyRing): Promise<string> {
  await using signet = await TestSignet.start({ upstream: server.url, ring });
  return await signet.open();
}

Deno.test("S3 B9: a session that ends while it subscribes leaves nothing open at the server", STRICT, async () => {
  await using server = tellingServer();
  server.acknowledges = false;
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  const subscribing = status(signet.post(subscribe(1, "x:1"), { id }));
  await until(() => server.subscriptions.size === 1, "the server is asked");
  assert.equal(await status(signet.delete({ id })), 204);
  await until(() => server.subscriptions.size === 0, "the server is told that nobody listens");
  assert.equal(await subscribing, 404);
});

Deno.test("S3: who listens while another subscribes is told everything once", STRICT, async () => {
  await using server = tellingServer();
  server.acknowledges = false;
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  const subscribing = messageOf(signet.post(subscribe(1, "x:1"), { id }));
  await until(() => server.subscriptions.size === 1, "the server is asked to tell of a resource");
  const stream = await signet.get({ id });
  await until(() => server.subscriptions.size === 2, "the server is asked to tell of its lists");
  for (const open of server.subscriptions) open.acknowledge(open.seen.params.notifications as Json);
  assert.deepEqual((await subscribing).result, {});
  await until(() => server.subscriptions.size === 1, "one of the two is let go of");
  const [left] = [...server.subscriptions];
  assert.deepEqual(left!.seen.params.notifications, { resourcesListChanged: true, resourceSubscriptions: ["x:1"] });
  left!.tell("notifications/resources/updated", { uri: "x:1" });
  left!.tell("notifications/resources/list_changed");
  const text = await saidUntil(stream, "list_changed");
  assert.equal(text.split("resources/updated").length, 2, text);
});

Deno.test("S3: a subscription that came to nothing is one that may be asked for again", STRICT, async () => {
  await using server = tellingServer();
  const ring = freshRing();
  const id = await openedElsewhere(server, ring);
  // The server is not there at the moment.
  await using signet = await TestSignet.start({ upstream: server.url, ring });
  const discover = server.on("server/discover", () => new Response("busy", { status: 503 }));
  const refused = await messageOf(signet.post(subscribe(1, "x:1"), { id }));
  assert.equal((refused.error as Json).code, -32000);
  assert.match(String((refused.error as Json).message), /cannot answer now/);
  discover.on("server/discover", () => ({ supportedVersions: ["2026-07-28"], capabilities: server.capabilities }));
  assert.deepEqual((await messageOf(signet.post(subscribe(2, "x:1"), { id }))).result, {});
  assert.deepEqual([...server.subscriptions].map(({ seen }) => seen.params.notifications), [
    { resourcesListChanged: true, resourceSubscriptions: ["x:1"] },
  ]);
});

for (const method of ["subscriptions/listen", "server/discover"]) {
  for (const [code, challenge] of CREDENTIAL_REFUSALS) {
    Deno.test(
      `S3 A8: whose credential a server refuses when he subscribes hears so (${method}, ${code}, ${challenge})`,
      STRICT,
      async () => {
        await using server = tellingServer();
        const ring = freshRing();
        const id = await openedElsewhere(server, ring);
        await using signet = await TestSignet.start({ upstream: server.url, ring });
        const headers: HeadersInit = challenge === undefined ? {} : { "www-authenticate": challenge };
        const before = server.handlerOf(method);
        server.on(method, () => new Response("another", { status: code, headers }));
        const answer = await signet.post(subscribe(1, "x:1"), { id });
        await answer.body?.cancel();
        if (challenge === undefined) assert.equal(answer.status, 200);
        else assert.deepEqual([answer.status, answer.headers.get("www-authenticate")], [code, challenge]);
        server.on(method, before);
        assert.deepEqual((await messageOf(signet.post(subscribe(2, "x:1"), { id }))).result, {});
      },
    );
  }
}

Deno.test("S3: who has unsubscribed from all there was is told no more, and may subscribe again", STRICT, async () => {
  await using server = tellingServer();
  server.capabilities = { resources: { subscribe: true } };
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  for (let round = 0; round < 2; round++) {
    assert.deepEqual((await messageOf(signet.post(subscribe(1, "x:1"), { id }))).result, {});
    assert.equal(server.subscriptions.size, 1);
    const unsubscribe = { ...subscribe(2, "x:1"), method: "resources/unsubscribe" };
    assert.deepEqual((await messageOf(signet.post(unsubscribe, { id }))).result, {});
    await until(() => server.subscriptions.size === 0, "the server is told that nobody listens");
  }
});

Deno.test("S3: a server that refuses to tell of a resource keeps the subscription there was", STRICT, async () => {
  await using server = tellingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open({}, INITIALIZE);
  assert.deepEqual((await messageOf(signet.post(subscribe(1, "x:1"), { id }))).result, {});
  const [first] = [...server.subscriptions];
  server.on("subscriptions/listen", () => ({ error: { code: -32602, message: "no such resource" } }));
  const refused = await within("the refusal", messageOf(signet.post(subscribe(2, "x:2"), { id })));
  assert.equal((refused.error as Json).code, -32602);
  assert.deepEqual([...server.subscriptions], [first]);
});

Deno.test("B9: a session that ends while its server is asked what it is asks no further", STRICT, async () => {
  await using server = tellingServer();
  const ring = freshRing();
  const id = await openedElsewhere(server, ring);
  await using signet = await TestSignet.start({ upstream: server.url, ring });
  let asking = 0;
  server.on("server/discover", () => {
    asking++;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(": begun\n\n")),
      cancel: () => void asking--,
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  const subscribing = status(signet.post(subscribe(1, "x:1"), { id }));
  await until(() => asking === 1, "the server is asked");
  assert.equal(await status(signet.delete({ id })), 204);
  await until(() => asking === 0, "the server is told that nobody wants to know");
  assert.equal(await subscribing, 404);
});

Deno.test("S3: who has unsubscribed is told no more, and the server is asked until it takes that", STRICT, async () => {
  await using server = tellingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  for (const uri of ["x:1", "x:2"]) {
    assert.deepEqual((await messageOf(signet.post(subscribe(1, uri), { id }))).result, {});
  }
  const stream = await signet.get({ id });
  await until(() => server.subscriptions.size === 1, "one subscription is left");
  const [first] = [...server.subscriptions];
  let refused = 0;
  const listen = server.handlerOf("subscriptions/listen");
  server.on("subscriptions/listen", (seen) => {
    if (refused++ > 0) return listen(seen);
    return { error: { code: -32603, message: "not now" } };
  });
  const unsubscribe = { ...subscribe(2, "x:1"), method: "resources/unsubscribe" };
  assert.deepEqual((await messageOf(signet.post(unsubscribe, { id }))).result, {});
  assert.deepEqual([...server.subscriptions], [first], "what else it tells of is not lost");
  for (const uri of ["x:1", "x:1/part", "x:2"]) first!.tell("notifications/resources/updated", { uri });
  first!.tell("notifications/resources/list_changed");
  const text = await saidUntil(stream, "list_changed");
  assert.ok(!text.includes("x:1"), text);
  assert.ok(text.includes("x:2"), text);
  await until(() => !server.subscriptions.has(first!), "the server is asked again");
  assert.deepEqual([...server.subscriptions].map(({ seen }) => seen.params.notifications), [
    { resourcesListChanged: true, resourceSubscriptions: ["x:2"] },
  ]);
});

Deno.test(
  "S3: a server that refuses what has gone tells of its lists meanwhile, and of all once it takes that",
  STRICT,
  async () => {
    await using server = tellingServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const id = await signet.open();
    for (const uri of ["x:1", "x:gone"]) {
      assert.deepEqual((await messageOf(signet.post(subscribe(1, uri), { id }))).result, {});
    }
    const stream = await signet.get({ id });
    await until(() => server.subscriptions.size === 1, "one subscription is left");
    const listen = server.handlerOf("subscriptions/listen");
    let isGone = true;
    server.on("subscriptions/listen", (seen) => {
      const { resourceSubscriptions = [] } = seen.params.notifications as { resourceSubscriptions?: string[] };
      if (!isGone || !resourceSubscriptions.includes("x:gone")) return listen(seen);
      return { error: { code: -32602, message: "no such resource" } };
    });
    const [first] = [...server.subscriptions];
    first!.end();
    server.subscriptions.delete(first!);
    await until(() => server.subscriptions.size === 1, "the lists are listened to");
    const [lists] = [...server.subscriptions];
    assert.deepEqual(lists!.seen.params.notifications, { resourcesListChanged: true });
    lists!.tell("notifications/resources/list_changed");
    isGone = false;
    await until(() => !server.subscriptions.has(lists!), "the server is asked again");
    const [whole] = [...server.subscriptions];
    assert.deepEqual(whole!.seen.params.notifications, {
      resourcesListChanged: true,
      resourceSubscriptions: ["x:1", "x:gone"],
    });
    whole!.tell("notifications/resources/updated", { uri: "x:1" });
    const text = await saidUntil(stream, "x:1");
    assert.ok(text.includes("list_changed"), text);
  },
);

Deno.test("S3: who has subscribed hears of each resource that nobody told of for a while, once", STRICT, async () => {
  await using server = tellingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  const stream = await signet.get({ id });
  for (const uri of ["x:1", "x:2"]) {
    assert.deepEqual((await messageOf(signet.post(subscribe(1, uri), { id }))).result, {});
  }
  const isWhole = ({ seen }: { seen: { params: Json } }) =>
    ((seen.params.notifications as Json).resourceSubscriptions as string[] | undefined)?.length === 2;
  await until(
    () => server.subscriptions.size === 1 && [...server.subscriptions].every(isWhole),
    "one that tells of both",
  );
  const [first] = [...server.subscriptions];
  first!.end();
  server.subscriptions.delete(first!);
  await until(() => [...server.subscriptions].some(isWhole), "the server is asked again");
  // Another takes the place of one that lives: nothing was missed.
  assert.deepEqual((await messageOf(signet.post(subscribe(1, "x:3"), { id }))).result, {});
  await until(() => server.subscriptions.size === 1, "one subscription is left");
  [...server.subscriptions][0]!.tell("notifications/resources/updated", { uri: "x:end" });
  const text = await saidUntil(stream, "x:end");
  const counts = ["x:1", "x:2", "x:3"].map((uri) => text.split(`"${uri}"`).length - 1);
  assert.deepEqual(counts, [1, 1, 0], text);
});
