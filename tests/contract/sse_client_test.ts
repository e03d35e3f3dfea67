// Clients of HTTP+SSE (2024-11-05) at --legacy-sse: whose a stream is, what it may cost, and that nothing of it outlives it.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { FakeMcp } from "../support/fake_mcp.ts";
import { handshake, RawUpstream, write } from "../support/raw_upstream.ts";
import { FakeMember } from "../support/several.ts";
import { call, INITIALIZE, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { aMoment, until } from "../support/until.ts";

/** A client of that transport: what its stream has said so far, and where its messages go. */
class OldClient implements AsyncDisposable {
  readonly said: string[] = [];
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #signet: TestSignet;
  readonly #headers: Record<string, string>;
  endpoint = "";
  #reading: Promise<void> = Promise.resolve();
  ended = false;

  private constructor(signet: TestSignet, headers: Record<string, string>) {
    this.#signet = signet;
    this.#headers = headers;
  }

  static async open(signet: TestSignet, headers: Record<string, string> = {}): Promise<OldClient> {
    const client = new OldClient(signet, headers);
    const response = await fetch(new URL("/sse", signet.url), {
      headers: { accept: "text/event-stream", ...headers },
    });
    assert.equal(response.status, 200);
    client.#reading = client.#read(response.body!).catch(() => {}).finally(() => client.ended = true);
    await until(() => client.endpoint !== "", "the endpoint");
    return client;
  }

  post(message: unknown, headers: Record<string, string> = this.#headers): Promise<Response> {
    return fetch(new URL(this.endpoint, this.#signet.url), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof message === "string" ? message : JSON.stringify(message),
    });
  }

  /** Sends it, and waits for what the stream says of `id`. */
  async ask(message: { readonly id: unknown }, headers = this.#headers): Promise<Record<string, unknown>> {
    const accepted = await this.post(message, headers);
    await accepted.body?.cancel();
    assert.equal(accepted.status, 202);
    return await this.answerTo(message.id);
  }

  /** What the stream says of `id`. */
  async answerTo(asked: unknown): Promise<Record<string, unknown>> {
    const answers = () => this.said.map((text) => JSON.parse(text)).filter(({ id, method }) => !method && id === asked);
    await until(() => answers().length > 0, `the answer to ${asked}`);
    assert.equal(answers().length, 1);
    return answers()[0];
  }

  async greet(): Promise<void> {
    await this.ask(INITIALIZE);
    await (await this.post({ jsonrpc: "2.0", method: "notifications/initialized" })).body?.cancel();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    const reader = this.#reader = body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += decoder.decode(next.value, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        if (event === "endpoint") this.endpoint = data!;
        else if (event === "message") this.said.push(data!);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.cancel();
    await this.#reading;
  }
}

const status = async (answer: Promise<Response>) => {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
};

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const FLAGS = ["--legacy-sse", "/sse"];

for (const lane of LANES) {
  Deno.test(`B11 O1: a stream is its owner's, and a message its sender's (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      lane,
      flags: [...FLAGS, "--principal", "bearer"],
    });
    await using alice = await OldClient.open(signet, bearer("alice"));
    await using mallory = await OldClient.open(signet, bearer("mallory"));
    await alice.greet();
    await mallory.greet();
    assert.deepEqual((await alice.ask(call(1, "echo", { of: "alice" }))).result, { echoed: { of: "alice" } });
    assert.equal(await status(alice.post(call(2, "echo"), bearer("mallory"))), 403);
    assert.equal(await status(alice.post(call(3, "echo"), {})), 401);
    const name = mallory.endpoint;
    mallory.endpoint = name.replace(/.$/, (last) => last === "0" ? "1" : "0");
    assert.equal(await status(mallory.post(call(4, "echo"))), 404);
    mallory.endpoint = name;
    assert.deepEqual((await mallory.ask(call(5, "echo", { of: "mallory" }))).result, { echoed: { of: "mallory" } });
    assert.equal(upstream.ran.get("echo"), 2);
    assert.ok(!alice.said.join().includes("mallory") && !mallory.said.join().includes("alice"));
  });
}

Deno.test("B11 L5: with the stream the session ends, and its endpoint is nobody's", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
  let endpoint = "";
  {
    await using client = await OldClient.open(signet);
    await client.greet();
    assert.equal(upstream.sessions.size, 1);
    endpoint = client.endpoint;
  }
  await until(() => upstream.sessions.size === 0, "the session to end at the server");
  await until(async () => await signet.metric("signet_sessions") === 0, "the session to end here");
  const late = fetch(new URL(endpoint, signet.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(call(1, "echo")),
  });
  assert.equal(await status(late), 404);
  assert.equal(upstream.ran.get("echo") ?? 0, 0);
});

Deno.test("B11: what is refused at once is refused, and what is no message is no message", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
  await using client = await OldClient.open(signet);
  assert.equal(await status(client.post(call(1, "echo"))), 400, "no session yet");
  assert.equal(await status(client.post("{")), 400);
  assert.equal(await status(client.post(call(1, "echo"), { "content-type": "text/plain" })), 415);
  await client.greet();
  const at = (path: string, init: RequestInit = {}) => status(fetch(new URL(path, signet.url), init));
  assert.equal(await at("/sse", { method: "POST", body: "{}" }), 405);
  assert.equal(await at("/sse", { method: "DELETE" }), 405);
  assert.equal(await at("/sse/messages"), 405);
  assert.equal(
    await at("/sse/messages?stream=x", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }),
    404,
  );
  assert.equal(await at("/sse/other"), 404);
  assert.equal(await at("/sse", { headers: { host: "evil.example" } }), 200, "fetch sets Host itself");
});

Deno.test("B11: a client cannot say itself what session it is in, nor where it was", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: [...FLAGS, "--principal", "bearer"] });
  const foreign = await signet.open({ token: "bob" });
  await using client = await OldClient.open(signet, bearer("alice"));
  await client.greet();
  const headers = {
    ...bearer("alice"),
    "mcp-session-id": foreign,
    "last-event-id": "x",
    "mcp-protocol-version": "1999-01-01",
  };
  assert.deepEqual((await client.ask(call(1, "echo"), headers)).result, { echoed: {} });
});

Deno.test("B11: listening goes on behind an event whose id can stand in no field", STRICT, async () => {
  await using upstream = new FakeMcp();
  let streams = 0;
  upstream.onRequest = ({ method, headers }) => {
    if (method !== "GET") return undefined;
    streams++;
    const id = streams === 1 ? "place-1" : "place-→";
    const where = headers.get("last-event-id");
    const data = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { streams, where } });
    return new Response(`id: ${id}\ndata: ${data}\n\n`, { headers: { "content-type": "text/event-stream" } });
  };
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
  await using client = await OldClient.open(signet);
  await client.greet();
  const heard = () => client.said.map((text) => JSON.parse(text).params).filter((params) => params !== undefined);
  await until(() => heard().length >= 3, () => `three streams' messages: found ${JSON.stringify(heard())}`);
  assert.deepEqual(heard().slice(0, 3).map(({ where }) => where), [null, "place-1", null]);
});

Deno.test(
  "B11: a stream that has ended is listened to again when its server wants, and not sooner",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    upstream.onRequest = ({ method }) =>
      method === "GET"
        ? new Response("id: place-1\nretry: 60000\ndata:\n\n", { headers: { "content-type": "text/event-stream" } })
        : undefined;
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    await until(() => upstream.received("GET").length === 1, "the stream to be listened to");
    await aMoment(1500);
    assert.equal(upstream.received("GET").length, 1);
  },
);

Deno.test(
  "B11: a server's challenges reach a client with whose message it wants another credential, all of them",
  STRICT,
  async () => {
    const lines = ['Basic realm="a"', 'Bearer error="invalid_token"'].map((said) => `www-authenticate: ${said}\r\n`);
    const refused = `HTTP/1.1 401 Unauthorized\r\n${lines.join("")}content-length: 0\r\n\r\n`;
    await using upstream = new RawUpstream(async (request) => {
      await write(request.conn, handshake(request) ?? refused);
    });
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    const answer = await client.post(call(1, "echo"));
    assert.equal(answer.status, 401, await answer.text());
    assert.equal(answer.headers.get("www-authenticate"), 'Basic realm="a", Bearer error="invalid_token"');
  },
);

/** Answers to a call that its client understands, and those in whose place it hears that there is none. */
const ANSWERS: readonly (readonly [what: string, isTold: boolean, answer: (message: unknown) => Response])[] = [
  [
    "without a coding, and says so",
    true,
    (message) => Response.json(message, { headers: { "content-encoding": "identity" } }),
  ],
  ["behind a byte order mark", true, (message) => plain(`\ufeff${JSON.stringify(message)}`)],
  ["behind blanks", true, (message) => plain(`\r\n ${JSON.stringify(message)}`)],
  ["in an array", true, (message) => Response.json([message])],
  ["under its id in disguise", true, (message) => plain(JSON.stringify(message).replace('"call-', '"\\u0063all-'))],
  ["in a coding", true, (message) => coded(JSON.stringify(message), "application/json")],
  ["in events in a coding", true, (message) => coded(`data: ${JSON.stringify(message)}\n\n`, "text/event-stream")],
  [
    "in a coding that is not known",
    false,
    (message) => Response.json(message, { headers: { "content-encoding": "own" } }),
  ],
  ["no JSON", false, () => new Response("<p>welcome</p>", { headers: { "content-type": "text/html" } })],
  [
    "events that end before it",
    false,
    () => new Response(": bye\n\n", { headers: { "content-type": "text/event-stream" } }),
  ],
  ["another's answer", false, () => Response.json({ jsonrpc: "2.0", id: 99, result: {} })],
  ["a refusal in plain text", false, () => new Response("busy", { status: 503 })],
];

function plain(text: string): Response {
  return new Response(text, { headers: { "content-type": "application/json" } });
}

function coded(text: string, type: string): Response {
  return new Response(new Uint8Array(gzipSync(text)), {
    headers: { "content-type": type, "content-encoding": "gzip" },
  });
}

Deno.test(
  "B11 B9 P6: what a call is answered with reaches its client, or that there is no answer",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    const faults = () => signet.logs.filter(({ code }) => code === "upstream_invalid").length;
    for (const [at, [what, isTold, answer]] of ANSWERS.entries()) {
      const before = faults();
      const id = `call-${at}`;
      // Once the message has been taken there is its stream alone to say anything.
      const released = Promise.withResolvers<void>();
      upstream.onRequest = async ({ body }) => {
        if (!body.includes(`"${id}"`)) return undefined;
        await released.promise;
        return answer({ jsonrpc: "2.0", id, result: { told: true } });
      };
      assert.equal(await status(client.post({ ...call(0, "echo"), id })), 202);
      released.resolve();
      const { result, error } = await client.answerTo(id);
      if (isTold) assert.deepEqual(result, { told: true }, what);
      else assert.match((error as { message: string }).message, /^Bad gateway: /, what);
      // What the server has refused itself is logged as that.
      const isInvalid = !isTold && !what.startsWith("a refusal");
      await until(() => faults() - before === (isInvalid ? 1 : 0), `what the operator is told of ${what}`);
    }
  },
);

Deno.test(
  "B11 B9: an answer whose stream its server has ended, to be asked for the rest of it, reaches its client (SEP-1699)",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    const asked: (string | null)[] = [];
    const events = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });
    upstream.onRequest = ({ method, body, headers }) => {
      if (body.includes('"slow"')) return events("id: place-1\nretry: 10\ndata:\n\n");
      const place = headers.get("last-event-id");
      if (method !== "GET" || place === null) return undefined;
      asked.push(place);
      if (place === "place-1") return events("id: place-2\nretry: 10\ndata:\n\n");
      const answer = JSON.stringify({ jsonrpc: "2.0", id: "slow", result: { told: true } });
      const stays = new ReadableStream({
        start: (body) => body.enqueue(new TextEncoder().encode(`id: place-3\ndata: ${answer}\n\n`)),
        cancel: () => void (isLeft = true),
      });
      return new Response(stays, { headers: { "content-type": "text/event-stream" } });
    };
    let isLeft = false;
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    assert.deepEqual((await client.ask({ ...call(0, "echo"), id: "slow" })).result, { told: true });
    assert.deepEqual(asked, ["place-1", "place-2"]);
    await until(() => isLeft, "the stream behind the answer to be left");
    assert.deepEqual(signet.logs.filter(({ level }) => level === "error" || level === "warn"), []);
  },
);

Deno.test(
  "B11 B9: for the rest of an answer that its server has lost with the session nobody waits",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    upstream.onRequest = ({ body }) => {
      if (!body.includes('"slow"')) return undefined;
      upstream.sessions.clear();
      const headers = { "content-type": "text/event-stream" };
      return new Response("id: place-1\nretry: 10\ndata:\n\n", { headers });
    };
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    const { error } = await client.ask({ ...call(0, "echo"), id: "slow" });
    assert.match((error as { message: string }).message, /^Bad gateway: /);
    assert.deepEqual((await client.ask(call(1, "echo"))).result, { echoed: {} });
  },
);

Deno.test("B11 M1: streams count, for the caller and for all; one over the cap is refused", STRICT, async () => {
  await using upstream = new FakeMcp();
  const flags = [...FLAGS, "--max-streams", "4", "--principal-share", "50", "--principal", "bearer"];
  await using signet = await TestSignet.start({ upstream: upstream.url, flags });
  await using _one = await OldClient.open(signet, bearer("a"));
  await using _two = await OldClient.open(signet, bearer("a"));
  const open = (token: string) => status(fetch(new URL("/sse", signet.url), { headers: bearer(token) }));
  assert.equal(await open("a"), 429);
  await using _three = await OldClient.open(signet, bearer("b"));
  await using _four = await OldClient.open(signet, bearer("c"));
  assert.equal(await open("d"), 503);
});

Deno.test("B11 P2: a stream ends when Signet goes down, and holds nothing up", STRICT, async () => {
  await using upstream = new FakeMcp();
  const signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
  await using client = await OldClient.open(signet);
  await client.greet();
  await signet[Symbol.asyncDispose]();
  await until(() => client.ended, "the stream to end");
});

Deno.test(
  "B11 P2: what is under way when Signet goes down is answered on the stream before that ends",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    const gate = Promise.withResolvers<void>();
    upstream.tool("slow", async () => {
      await gate.promise;
      return { content: [{ type: "text", text: "done" }] };
    });
    const signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    assert.equal(await status(client.post(call("slow", "slow"))), 202);
    await until(() => upstream.ran.get("slow") === 1, "the call to run");
    const gone = signet[Symbol.asyncDispose]();
    const ready = () => status(fetch(`http://${signet.app.admin}/readyz`));
    await until(async () => await ready() === 503, "Signet to leave");
    gate.resolve();
    await gone;
    await until(() => client.ended, "the stream to end");
    assert.ok(client.said.some((text) => JSON.parse(text).id === "slow" && text.includes("done")), client.said.join());
  },
);

Deno.test("B11 L6: a stream ends when its session is revoked, so that its client begins anew", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
  await using client = await OldClient.open(signet);
  await client.greet();
  const revoked = await fetch(`http://${signet.app.admin}/sessions/revoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ kind: "hash", hash: signet.logs.find(({ event }) => event === "session opened")!.session }),
  });
  assert.equal(revoked.status, 200, await revoked.text());
  assert.equal(await status(client.post(call(1, "echo"))), 404);
  await until(() => client.ended, "the stream to end");
});

Deno.test("B11: a page of an allowed origin may use it, any other may not", STRICT, async () => {
  await using upstream = new FakeMcp();
  const page = "https://app.example";
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: [...FLAGS, "--allow-origin", page] });
  const preflight = await fetch(new URL("/sse/messages", signet.url), {
    method: "OPTIONS",
    headers: {
      origin: page,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    },
  });
  await preflight.body?.cancel();
  assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, page]);
  await using client = await OldClient.open(signet, { origin: page });
  await client.greet();
  const evil = await fetch(new URL(client.endpoint, signet.url), {
    method: "POST",
    headers: { "content-type": "application/json", origin: "https://evil.example" },
    body: JSON.stringify(call(1, "echo")),
  });
  await evil.body?.cancel();
  assert.equal(evil.status, 403);
});

Deno.test("B11 M6: a client that reads nothing holds no more than its share, and others go on", STRICT, async () => {
  await using upstream = new FakeMcp();
  upstream.tool("big", () => ({ text: "x".repeat(512 * 1024) }));
  const flags = [...FLAGS, "--max-buffered", "8MiB", "--principal", "bearer"];
  await using signet = await TestSignet.start({ upstream: upstream.url, flags });
  const slow = await fetch(new URL("/sse", signet.url), { headers: bearer("slow") });
  const reader = slow.body!.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  const endpoint = /data: (\S+)/.exec(first)![1]!;
  const post = (message: unknown) =>
    status(fetch(new URL(endpoint, signet.url), {
      method: "POST",
      headers: { "content-type": "application/json", ...bearer("slow") },
      body: JSON.stringify(message),
    }));
  assert.equal(await post(INITIALIZE), 202);
  await reader.read();
  assert.equal(await post({ jsonrpc: "2.0", method: "notifications/initialized" }), 202);
  for (let i = 1; i <= 40; i++) await post(call(i, "big"));
  await using other = await OldClient.open(signet, bearer("other"));
  await other.greet();
  assert.deepEqual((await other.ask(call(1, "echo"))).result, { echoed: {} });
  assert.ok(await signet.metric('signet_in_use{limit="max_buffered"}').catch(() => 0) <= 9 * 1024 * 1024);
  assert.equal(await signet.metric("signet_sessions"), 2);
  await reader.cancel();
  await until(async () => await signet.metric("signet_sessions") === 1, "the slow one's session to end");
});

for (const lane of LANES) {
  Deno.test(`B11 G4 G5: rules and rates hold for clients of HTTP+SSE, too (${lane} lane)`, STRICT, async () => {
    await using server = new FakeMember();
    server.lists.tools = [{ name: "echo" }, { name: "drop" }];
    const flags = [...FLAGS, "--rules", '{"allow":["echo"]}', "--rate", "4/h"];
    await using signet = await TestSignet.start({ upstream: server.url, lane, flags });
    await using client = await OldClient.open(signet);
    await client.greet(); // one; its notification is free
    const { result } = await client.ask({ ...call(1, ""), method: "tools/list", params: {} } as { id: unknown });
    assert.deepEqual((result as { tools: { name: string }[] }).tools.map(({ name }) => name), ["echo"]);
    const denied = await client.ask(call(2, "drop"));
    assert.equal((denied.error as { message: string }).message, "Unknown tool: drop");
    assert.notEqual((await client.ask(call(3, "echo"))).result, undefined);
    assert.notEqual((await client.ask(call(4, "echo"))).result, undefined);
    const limited = (await client.ask(call(5, "echo"))).result as { isError: boolean };
    assert.equal(limited.isError, true);
    assert.deepEqual([server.fake.ran.get("echo"), server.fake.ran.get("drop")], [2, undefined]);
  });
}

Deno.test(
  "B11: a server's session made anew is listened to from its beginning, not from a place in the one before",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    let end: (() => void) | undefined;
    upstream.onRequest = ({ method, sessionId, headers }) => {
      if (method !== "GET" || !upstream.sessions.has(sessionId ?? "")) return undefined;
      const place = headers.get("last-event-id");
      // Of a server whose event ids name their session.
      if (place !== null && place !== sessionId) {
        return Response.json({
          jsonrpc: "2.0",
          id: null,
          error: { code: -32000, message: "unknown" },
        }, { status: 400 });
      }
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode(`id: ${sessionId}\ndata:\n\n`));
          end = () => controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
    await using client = await OldClient.open(signet);
    await client.greet();
    const listened = () => upstream.received("GET");
    await until(() => end !== undefined, "the stream to be listened to");
    upstream.forgetSessions();
    await client.ask(call(1, "echo"));
    end!();
    await until(() => listened().length === 2, "the stream to be listened to again");
    const [first, second] = listened();
    assert.notEqual(first!.sessionId, second!.sessionId);
    assert.equal(second!.headers.get("last-event-id"), null);
    end!();
    await until(() => listened().length === 3, "and again");
    assert.equal(listened()[2]!.headers.get("last-event-id"), second!.sessionId);
  },
);

for (const [status, place] of [[503, "place-1"], [409, "place-1"], [401, "place-1"], [400, null]] as const) {
  Deno.test(
    `B11: a stream that is refused with ${status}, once there has been one, is listened to later`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = ({ method }) => {
        if (method !== "GET") return undefined;
        if (upstream.received("GET").length === 2) return new Response("not now", { status });
        return new Response("id: place-1\ndata:\n\n", { headers: { "content-type": "text/event-stream" } });
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, flags: FLAGS });
      await using client = await OldClient.open(signet);
      await client.greet();
      const places = () => upstream.received("GET").map(({ headers }) => headers.get("last-event-id"));
      await until(() => places().length >= 3, () => `the stream to be asked for again: ${places()}`);
      assert.deepEqual(places().slice(0, 3), [null, "place-1", place]);
    },
  );
}
