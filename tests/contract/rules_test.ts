// Who may see and call what: lists and calls are judged alike, however a name is reached and wherever a list stands
// (docs/behaviour.md G4).
import assert from "node:assert/strict";
import { CREDENTIAL_REFUSALS } from "../support/fake_mcp.ts";
import { FakeMember, messageIn, SeveralSession, startSeveral } from "../support/several.ts";
import { call, INITIALIZE, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer, type TokenOptions } from "../support/tokens.ts";
import { until } from "../support/until.ts";

type Json = Record<string, unknown>;

const TOOLS = [
  { name: "get_a", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "delete_a", inputSchema: { type: "object" }, annotations: { destructiveHint: true } },
  { name: "query", inputSchema: { type: "object" } },
];

/** Signet with rules before a server of lists, and callers with claims. */
class Scene implements AsyncDisposable {
  readonly server: FakeMember;
  readonly issuer: TestIssuer;
  readonly signet: TestSignet;

  private constructor(server: FakeMember, issuer: TestIssuer, signet: TestSignet) {
    this.server = server;
    this.issuer = issuer;
    this.signet = signet;
  }

  static async start(lane: Lane, rules: readonly Json[], options: {
    readonly events?: boolean;
    readonly flags?: readonly string[];
    readonly now?: () => number;
  } = {}): Promise<Scene> {
    const server = new FakeMember({ events: options.events ?? false });
    server.lists = {
      tools: TOOLS,
      prompts: [{ name: "daily" }, { name: "secret" }],
      resources: [{ uri: "file:///public/a", name: "a" }, { uri: "file:///etc/b", name: "b" }],
      resourceTemplates: [{ uriTemplate: "file:///public/{x}", name: "x" }, { uriTemplate: "file:///{y}", name: "y" }],
    };
    for (const { name } of TOOLS) server.fake.tool(name, () => ({ content: [{ type: "text", text: name }] }));
    const issuer = await TestIssuer.create();
    const flags = [...issuer.flags, ...rules.flatMap((rule) => ["--rules", JSON.stringify(rule)])];
    const signet = await TestSignet.start({
      upstream: server.url,
      lane,
      flags: [...flags, ...options.flags ?? []],
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    return new Scene(server, issuer, signet);
  }

  async session(subject: string, options: TokenOptions = {}): Promise<Session> {
    const token = await this.issuer.token(subject, options);
    return new Session(this.signet, await this.signet.open({ token }), token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.issuer[Symbol.asyncDispose]();
  }
}

class Session {
  readonly signet: TestSignet;
  readonly id: string;
  readonly token: string;

  constructor(signet: TestSignet, id: string, token: string) {
    this.signet = signet;
    this.id = id;
    this.token = token;
  }

  post(message: unknown): Promise<Response> {
    return this.signet.post(message, { id: this.id, token: this.token });
  }

  async ask(method: string, params: Json = {}): Promise<Json> {
    const response = await this.post({ jsonrpc: "2.0", id: 7, method, params });
    assert.equal(response.status, 200, `${method} ${JSON.stringify(params)}`);
    return await messageIn(response);
  }

  async names(method: string, member: string, key = "name"): Promise<unknown[]> {
    const { result } = await this.ask(method) as { result: Record<string, Json[]> };
    return result[member]!.map((item) => item[key]);
  }

  async tools(): Promise<unknown[]> {
    return await this.names("tools/list", "tools");
  }

  /** Whether a call reached the tool. */
  async calls(name: string, args: Json = {}): Promise<boolean> {
    const message = await messageIn(await this.post(call(7, name, args))) as { result?: Json };
    return message.result !== undefined && message.result.isError !== true;
  }
}

const OPS = { claims: { groups: ["ops"], tenant: "acme" } };

for (const lane of LANES) {
  Deno.test(`G4: a caller sees and calls what the rules let it, and nothing else (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [
      { allow: ["get_*", "prompt:daily", "resource:file:///public/*"] },
      { name: "ops", allow: ["*"], when: '"ops" in principal.claims.groups' },
    ]);
    const alice = await scene.session("alice", { claims: { groups: [] } });
    const ops = await scene.session("olga", OPS);
    assert.deepEqual(await alice.tools(), ["get_a"]);
    assert.deepEqual(await ops.tools(), ["get_a", "delete_a", "query"]);
    assert.deepEqual(await alice.names("prompts/list", "prompts"), ["daily"]);
    assert.deepEqual(await alice.names("resources/list", "resources", "uri"), ["file:///public/a"]);
    assert.deepEqual(await alice.names("resources/templates/list", "resourceTemplates", "uriTemplate"), [
      "file:///public/{x}",
    ]);
    for (let again = 0; again < 2; again++) {
      assert.equal(await alice.calls("get_a"), true);
      assert.equal(await alice.calls("delete_a"), false);
      assert.equal(await ops.calls("delete_a"), true);
    }
    assert.equal(scene.server.fake.ran.get("delete_a"), 2);
    const refused = await alice.ask("tools/call", { name: "delete_a" });
    assert.deepEqual((refused.error as Json).code, -32602);
    assert.equal((refused.error as Json).message, "Unknown tool: delete_a");
    assert.equal(await scene.signet.metric('signet_rule_refusals_total{outcome="denied"}'), 3);
  });

  Deno.test(`G4: every way to a name is judged (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["get_*", "prompt:daily", "resource:file:///public/*"] }]);
    const alice = await scene.session("alice");
    const ways: readonly [string, Json, boolean][] = [
      ["prompts/get", { name: "daily" }, true],
      ["prompts/get", { name: "secret" }, false],
      ["resources/read", { uri: "file:///public/a" }, true],
      ["resources/read", { uri: "file:///etc/b" }, false],
      ["resources/read", { uri: "file:///public/../etc/b" }, false],
      ["resources/read", { uri: "file:///public/%2e%2e/etc/b" }, false],
      ["resources/subscribe", { uri: "file:///public/a" }, true],
      ["resources/subscribe", { uri: "file:///etc/b" }, false],
      ["resources/unsubscribe", { uri: "file:///etc/b" }, false],
      ["completion/complete", { ref: { type: "ref/prompt", name: "daily" }, argument: { name: "a", value: "" } }, true],
      ["completion/complete", { ref: { type: "ref/prompt", name: "secret" }, argument: {} }, false],
      ["completion/complete", { ref: { type: "ref/resource", uri: "file:///{y}" }, argument: {} }, false],
      ["completion/complete", { ref: { type: "ref/tool", name: "get_a" }, argument: {} }, false],
      ["completion/complete", { ref: { Type: "ref/prompt", Name: "secret" } }, false],
      // What names nothing, or in a spelling that some servers take for it.
      ["tools/call", {}, false],
      ["tools/call", { Name: "get_a" }, false],
      ["tools/call", { name: 7 }, false],
      ["tools/call", { name: ["get_a"] }, false],
      ["tools/call", { name: "get_\ud800" }, false],
      ["vendor/callTool", { name: "delete_a" }, false],
      ["TOOLS/CALL", { name: "delete_a" }, false],
      ["logging/setLevel", { level: "info" }, true],
      ["ping", {}, true],
    ];
    for (const [method, params, allowed] of ways) {
      for (let again = 0; again < 2; again++) {
        const before = scene.server.fake.requests.length;
        const { error } = await alice.ask(method, params);
        const reached = scene.server.fake.requests.length > before;
        assert.equal(reached, allowed, `${method} ${JSON.stringify(params)}`);
        if (!allowed) assert.match(String((error as Json).code), /^-3260[12]$/, method);
      }
    }
    // Escapes name the same.
    const spelt = `{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"n\\u0061me":"delet\\u0065_a"}}`;
    assert.equal(((await messageIn(await alice.post(spelt))).error as Json).message, "Unknown tool: delete_a");
    // Twice named is refused, whatever the rules.
    const twice = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_a","name":"delete_a"}}`;
    assert.equal(await status(alice.post(twice)), 400);
    // A notification gets no answer, and goes nowhere.
    const before = scene.server.fake.requests.length;
    assert.equal(await status(alice.post({ jsonrpc: "2.0", method: "tools/call", params: { name: "delete_a" } })), 202);
    assert.equal(scene.server.fake.requests.length, before);
    assert.equal(await status(alice.post({ jsonrpc: "2.0", method: "notifications/progress", params: {} })), 202);
    assert.equal(scene.server.fake.requests.length, before + 1);
  });

  Deno.test(
    `G4: a batch with a message that is not allowed goes nowhere, each is told why (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, [{ allow: ["get_*"] }]);
      const token = await scene.issuer.token("alice");
      const initialize = { ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: "2025-03-26" } };
      const id = await scene.signet.open({ token }, initialize);
      const before = scene.server.fake.requests.length;
      const response = await scene.signet.post([call(1, "get_a"), call("b", "delete_a"), {
        jsonrpc: "2.0",
        id: 9,
        result: {},
      }], { id, token });
      const answers = await response.json();
      assert.deepEqual(answers.map((one: { id: unknown; error: Json }) => [one.id, one.error.code]), [[1, -32600], [
        "b",
        -32602,
      ]]);
      assert.equal(scene.server.fake.requests.length, before);
    },
  );

  Deno.test(`G4: a list is filtered page by page, its order and cursor kept (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["get_*", "query"] }]);
    scene.server.pageSize = 2;
    const alice = await scene.session("alice");
    const first = await alice.ask("tools/list") as { result: { tools: Json[]; nextCursor: string } };
    assert.deepEqual([first.result.tools.map(({ name }) => name), first.result.nextCursor], [["get_a"], "2"]);
    assert.deepEqual(first.result.tools[0], TOOLS[0]);
    const second = await alice.ask("tools/list", { cursor: "2" }) as { result: Json };
    assert.deepEqual((second.result.tools as Json[]).map(({ name }) => name), ["query"]);
  });

  Deno.test(
    `G4: a list in events is filtered, in whatever pieces and on whatever stream it comes (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, [{ allow: ["get_*"] }], { events: true });
      const alice = await scene.session("alice");
      assert.deepEqual(await alice.tools(), ["get_a"]);
      // On the listening stream, where some servers answer.
      const listening = await scene.signet.get({ id: alice.id, token: alice.token });
      await until(() => scene.server.fake.streams.size === 1, "the stream is open");
      scene.server.fake.push({ jsonrpc: "2.0", id: 99, result: { tools: TOOLS } });
      const reader = listening.body!.getReader();
      let text = "";
      while (!text.includes("\n\n")) text += new TextDecoder().decode((await reader.read()).value);
      assert.deepEqual(JSON.parse(text.slice(text.indexOf("{"))).result.tools.map(({ name }: Json) => name), ["get_a"]);
      await reader.cancel();
    },
  );

  Deno.test(
    `G4: a list is found wherever it stands: in pieces, behind other calls, under any status and type (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, [{ allow: ["get_*"] }]);
      const alice = await scene.session("alice");
      const text = JSON.stringify({ jsonrpc: "2.0", id: 7, result: { tools: TOOLS, padding: "p".repeat(100_000) } });
      const json = "application/json";
      const answers: Record<string, () => Response> = {
        pieces: () =>
          new Response(
            new ReadableStream({
              async start(controller) {
                for (let at = 0; at < text.length; at += 30_000) {
                  controller.enqueue(new TextEncoder().encode(text.slice(at, at + 30_000)));
                  await Promise.resolve();
                }
                controller.close();
              },
            }),
            { headers: { "content-type": json } },
          ),
        "a byte order mark": () =>
          new Response(`\ufeff${JSON.stringify({ id: 7, result: { tools: TOOLS } })}`, {
            headers: { "content-type": json },
          }),
        "another 2xx": () => Response.json({ id: 7, result: { tools: TOOLS } }, { status: 201 }),
        "another type": () =>
          new Response(JSON.stringify({ id: 7, result: { tools: TOOLS } }), {
            headers: { "content-type": "text/plain" },
          }),
        "an array": () => Response.json([{ id: 7, result: { tools: TOOLS } }]),
        "names in disguise": () =>
          new Response(`{"id":7,"result":{"\\u0074ools":${JSON.stringify(TOOLS)}}}`, {
            headers: { "content-type": json },
          }),
        "a coding": () =>
          new Response(
            new Blob([JSON.stringify({ id: 7, result: { tools: TOOLS } })]).stream().pipeThrough(
              new CompressionStream("gzip"),
            ),
            { headers: { "content-type": json, "content-encoding": "gzip" } },
          ),
        "split data": () =>
          new Response(`data: {"id":7,"result":\ndata: {"tools":${JSON.stringify(TOOLS)}}}\r\n\r\n`, {
            headers: { "content-type": "text/event-stream" },
          }),
      };
      for (const [what, answer] of Object.entries(answers)) {
        // In answer to another method: a client that names one id twice can have its answers exchanged.
        scene.server.before = (message) => message.method === "tools/call" ? answer() : undefined;
        const found = await (await alice.post(call(7, "get_a"))).text();
        assert.equal(found.includes("get_a"), true, `${what}: ${found.slice(0, 200)}`);
        assert.equal(found.includes("delete_a"), false, `${what}: ${found.slice(0, 200)}`);
      }
    },
  );

  Deno.test(
    `G4: arguments are judged in calls alone, and refused in words an agent reads (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, [{
        name: "own tenant",
        allow: ["query"],
        when: "args.tenant == principal.claims.tenant",
      }]);
      const ops = await scene.session("olga", OPS);
      assert.deepEqual(await ops.tools(), ["query"]);
      assert.equal(await ops.calls("query", { tenant: "acme" }), true);
      for (
        const args of [{ tenant: "evil" }, {}, { tenant: "acme", Tenant: "evil" }, { Tenant: "acme" }, {
          tenant: ["acme"],
        }]
      ) {
        const answer = await ops.ask("tools/call", { name: "query", arguments: args }) as {
          result: { isError: boolean; content: { text: string }[] };
        };
        assert.equal(answer.result.isError, true);
        assert.match(answer.result.content[0]!.text, /^Refused by a rule: .* query$/);
      }
      const twice =
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"tenant":"evil","tenant":"acme"}}}`;
      assert.equal(((await messageIn(await ops.post(twice))).result as Json).isError, true);
      assert.equal(scene.server.fake.ran.get("query"), 1);
    },
  );

  Deno.test(`G4: scopes that are missing are asked for, where they would help (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["get_*"] }, { allow: ["query"], scopes: ["db:read"] }]);
    const alice = await scene.session("alice", { scope: "other" });
    assert.deepEqual(await alice.tools(), ["get_a"]);
    const refused = await alice.post(call(1, "query"));
    await refused.body?.cancel();
    assert.equal(refused.status, 403);
    assert.match(refused.headers.get("www-authenticate") ?? "", /error="insufficient_scope".*scope="db:read"/);
    const reader = await scene.session("rita", { scope: "db:read" });
    assert.equal(await reader.calls("query"), true);
    assert.equal(await alice.calls("delete_a"), false);
  });

  Deno.test(`G4: what the server says of a tool counts, listed before or not (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }]);
    scene.server.pageSize = 1;
    const alice = await scene.session("alice");
    const lists = () => scene.server.asked("tools/list").length;
    assert.equal(await alice.calls("delete_a"), false);
    assert.equal(lists(), 3); // all pages, for the one who calls without having listed
    assert.equal(await alice.calls("get_a"), true);
    assert.equal(await alice.calls("get_a"), true);
    assert.equal(lists(), 3);
    assert.equal(await alice.calls("nowhere"), false);
    const bob = await scene.session("bob");
    assert.deepEqual(await bob.names("tools/list", "tools"), ["get_a"]);
    assert.equal(await bob.calls("get_a"), true);
    assert.equal(lists(), 4);
    // Said otherwise since.
    scene.server.lists.tools = [{ name: "get_a", annotations: { readOnlyHint: false } }];
    assert.deepEqual(await bob.names("tools/list", "tools"), []);
    assert.equal(await bob.calls("get_a"), false);
  });

  Deno.test(`G4: a list that cannot be had lets nothing through (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }]);
    scene.server.before = (message) =>
      message.method === "tools/list"
        ? Response.json({ jsonrpc: "2.0", id: message.id, error: { code: -32000, message: "no" } })
        : undefined;
    const alice = await scene.session("alice");
    assert.equal(await status(alice.post(call(1, "get_a"))), 502);
    assert.equal(scene.server.fake.ran.get("get_a"), undefined);
  });

  for (const [code, challenge] of CREDENTIAL_REFUSALS) {
    Deno.test(
      `G4: whose credential a server tells no list of tools hears so (${code}, ${challenge}, ${lane} lane)`,
      STRICT,
      async () => {
        await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }]);
        const headers: HeadersInit = challenge === undefined ? {} : { "www-authenticate": challenge };
        scene.server.before = ({ method }) =>
          method === "tools/list" ? new Response("another", { status: code, headers }) : undefined;
        const alice = await scene.session("alice");
        const answer = await alice.post(call(1, "get_a"));
        assert.equal(answer.status, code, await answer.text());
        assert.match(
          answer.headers.get("www-authenticate") ?? "",
          /^Bearer .*error="(invalid_token|insufficient_scope)"/,
        );
        scene.server.before = undefined;
        assert.equal(await alice.calls("get_a"), true);
      },
    );
  }

  for (const coding of ["gzip", "x-own"]) {
    Deno.test(
      `G4 P6: a list of tools in a coding that cannot be read is a fault of the server's (${coding}, ${lane} lane)`,
      STRICT,
      async () => {
        await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }]);
        scene.server.before = ({ method }) =>
          method === "tools/list"
            ? new Response("no such coding", {
              headers: { "content-type": "application/json", "content-encoding": coding },
            })
            : undefined;
        const alice = await scene.session("alice");
        const answer = await alice.post(call(1, "get_a"));
        assert.equal(answer.status, 502, await answer.text());
      },
    );
  }

  Deno.test(
    `G4 P6: a list that breaks off in its coding is told of as the server's fault (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }]);
      scene.server.before = ({ method }) =>
        method === "tools/list"
          ? new Response("no such coding", {
            headers: { "content-type": "application/json", "content-encoding": "gzip" },
          })
          : undefined;
      const alice = await scene.session("alice");
      const answer = await alice.post({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
      await assert.rejects(answer.text());
      const codes = scene.signet.logs.map(({ code }) => code);
      assert.deepEqual([codes.includes("upstream_invalid"), codes.includes("internal")], [true, false]);
    },
  );

  Deno.test(`G4: a lost session is brought back to be asked what a tool is (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }]);
    const alice = await scene.session("alice");
    scene.server.fake.forgetSessions();
    assert.equal(await alice.calls("get_a"), true);
    assert.equal(scene.server.fake.ran.get("get_a"), 1);
  });

  for (const per of ["caller", "caller-tool", "tool", "all"]) {
    Deno.test(
      `G4: a call beyond a rate per ${per} makes nobody ask what its tool is (${lane} lane)`,
      STRICT,
      async () => {
        // Two sessions are opened, where those count.
        const amount = per === "caller" || per === "all" ? 3 : 1;
        await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }], {
          flags: ["--rate", `${amount}/h per=${per}`],
        });
        const [alice, again] = [await scene.session("alice"), await scene.session("alice")];
        assert.equal(await alice.calls("get_a"), true);
        const { result } = await messageIn(await again.post(call(1, "get_a"))) as { result: Json };
        assert.match(JSON.stringify(result), /Rate limit reached/);
        assert.equal(scene.server.asked("tools/list").length, 1);
      },
    );
  }

  Deno.test(
    `G4: a call that made Signet ask has cost its caller what a call does, and others nothing (${lane} lane)`,
    STRICT,
    async () => {
      const clock = { nowMs: Date.now() };
      await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }], {
        flags: ["--rate", "1/h per=caller-tool", "--rate", "1/h per=tool"],
        now: () => clock.nowMs,
      });
      const lists = () => scene.server.asked("tools/list").length;
      const [alice, bob] = [await scene.session("alice"), await scene.session("bob")];
      for (let n = 0; n < 3; n++) {
        assert.equal(await alice.calls("query"), false);
        clock.nowMs += 1001;
      }
      assert.equal(lists(), 1);
      // Nothing was taken from what all share: bob is refused by the rule, having been asked for.
      assert.match(JSON.stringify(await messageIn(await bob.post(call(1, "query")))), /Unknown tool/);
      assert.equal(lists(), 2);
    },
  );

  Deno.test(
    `G4: asking anew what a tool is is bounded for each caller, not for each session (${lane} lane)`,
    STRICT,
    async () => {
      const clock = { nowMs: Date.now() };
      await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }], {
        now: () => clock.nowMs,
      });
      const lists = () => scene.server.asked("tools/list").length;
      const alices = [await scene.session("alice"), await scene.session("alice"), await scene.session("alice")];
      for (let n = 0; n < 20; n++) {
        for (const alice of alices) assert.equal(await alice.calls(`nowhere${n}`), false);
        clock.nowMs += 1001;
      }
      assert.ok(lists() <= 3 + 10 + 20 / 6 + 1, `${lists()} lists`);
      assert.equal(await alices[0]!.calls("get_a"), true);
      const before = lists();
      const bob = await scene.session("bob");
      assert.equal(await bob.calls("get_a"), true);
      assert.equal(lists(), before + 1);
    },
  );

  Deno.test(`G4: a list that cannot be had is not asked for by every call (${lane} lane)`, STRICT, async () => {
    const clock = { nowMs: Date.now() };
    await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }], { now: () => clock.nowMs });
    scene.server.before = (message) =>
      message.method === "tools/list"
        ? Response.json({ jsonrpc: "2.0", id: message.id, error: { code: -32000, message: "no" } })
        : undefined;
    const alice = await scene.session("alice");
    const statuses = [], texts = [];
    for (let n = 0; n < 15; n++) {
      const response = await alice.post(call(1, "get_a"));
      statuses.push(response.status);
      texts.push(await response.text());
    }
    assert.deepEqual(statuses, [...Array(11).fill(502), ...Array(4).fill(200)]);
    assert.match(texts.at(-1)!, /Too many calls of tools that nothing is known of.*Wait \d+ s before/);
    assert.equal(scene.server.asked("tools/list").length, 11);
    clock.nowMs += 60_000;
    scene.server.before = undefined;
    assert.equal(await alice.calls("get_a"), true);
  });

  Deno.test(`G4: whoever waits to hear what a tool is is in flight (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["*"], when: "tool.readOnly" }], {
      flags: ["--max-in-flight-per-principal", "2"],
    });
    scene.server.pageSize = 1;
    const asked = Promise.withResolvers<void>(), answer = Promise.withResolvers<void>();
    scene.server.before = async (message) => {
      if (message.method !== "tools/list") return undefined;
      asked.resolve();
      await answer.promise;
      return undefined;
    };
    const [alice, bob] = [await scene.session("alice"), await scene.session("bob")];
    const first = alice.calls("get_a");
    await asked.promise;
    // One of them finds room to wait.
    const done: string[] = [];
    const late = Array.from({ length: 5 }, async () => done.push(await (await alice.post(call(2, "get_a"))).text()));
    await until(() => done.length === 4, "refusals of those who find no room to wait");
    for (const text of done) assert.match(text, /Too many calls at once for this caller/);
    assert.equal(scene.server.asked("tools/list").length, 1);
    answer.resolve();
    assert.equal(await first, true);
    await Promise.all(late);
    assert.doesNotMatch(done[4]!, /Too many/);
    assert.equal(await bob.calls("get_a"), true);
  });

  Deno.test(`G4: a reload reaches sessions and streams that are open (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ allow: ["*"] }]);
    const alice = await scene.session("alice");
    const listening = await scene.signet.get({ id: alice.id, token: alice.token });
    await until(() => scene.server.fake.streams.size === 1, "the stream is open");
    assert.equal(await alice.calls("delete_a"), true);
    assert.deepEqual(await alice.tools(), ["get_a", "delete_a", "query"]);
    const { flags } = scene.signet;
    scene.signet.flags = flags.map((flag) => flag.startsWith('{"allow"') ? '{"allow":["get_*"]}' : flag);
    await scene.signet.app.reload();
    assert.equal(await alice.calls("delete_a"), false);
    assert.deepEqual(await alice.tools(), ["get_a"]);
    scene.server.fake.push({ jsonrpc: "2.0", id: 1, result: { tools: TOOLS } });
    const reader = listening.body!.getReader();
    const text = new TextDecoder().decode((await reader.read()).value);
    assert.equal(text.includes("delete_a"), false, text);
    await reader.cancel();
    scene.signet.flags = flags.filter((flag, at) => flag !== "--rules" && flags[at - 1] !== "--rules");
    await scene.signet.app.reload();
    assert.equal(await alice.calls("delete_a"), true);
    // Where nothing was ruled streams are not looked at: they are opened anew when that changes.
    const open = await scene.signet.get({ id: alice.id, token: alice.token });
    scene.signet.flags = flags;
    await scene.signet.app.reload();
    await open.text();
  });

  Deno.test(`G4: a condition that cannot be told lets nothing through, and shows (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.start(lane, [{ name: "odd", allow: ["*"], when: "principal.claims.level > 3" }]);
    const alice = await scene.session("alice", { claims: { level: "high" } });
    assert.equal(await alice.calls("get_a"), false);
    assert.deepEqual(await alice.tools(), []);
    assert.notEqual(await scene.signet.metric("signet_rule_failures_total"), 0);
    const line = scene.signet.logs.find((line) => JSON.stringify(line).includes("the condition of a rule"));
    assert.deepEqual([line?.rule, JSON.stringify(line).includes("high")], ["odd", false]);
  });

  Deno.test(`G4: several servers' names are judged as clients see them (${lane} lane)`, STRICT, async () => {
    await using one = new FakeMember();
    await using two = new FakeMember();
    one.lists.tools = TOOLS;
    two.lists.tools = TOOLS;
    const rules = [{ allow: ["one_*", "resource:*"], when: 'server == "one"' }, { allow: ["two_get_*"] }];
    const flags = rules.flatMap((rule) => ["--rules", JSON.stringify(rule)]);
    await using signet = await startSeveral({ one, two }, { lane, flags });
    const session = await SeveralSession.open(signet);
    // Ordered by their addresses.
    assert.deepEqual((await session.names()).sort(), ["one_delete_a", "one_get_a", "one_query", "two_get_a"]);
    assert.deepEqual(await session.names("resources/list", "uri"), ["one+file:///a"]);
    const refused = await session.call("two_delete_a");
    assert.equal((refused.error as Json).message, "Unknown tool: two_delete_a");
    assert.equal(two.asked("tools/call").length, 0);
    assert.notEqual(
      (await session.ask("resources/read", { uri: "two+file:///a" })).error as Json | undefined,
      undefined,
    );
    assert.equal(two.asked("resources/read").length, 0);
  });

  Deno.test(`G4: a stdio server's tools are judged alike (${lane} lane)`, STRICT, async () => {
    const { command, args } = fixture();
    const flags = ["--rules", '{"allow":["count"]}'];
    await using signet = await TestSignet.start({ upstream: [command, ...args], lane, flags });
    const id = await signet.open();
    const { result } = await messageIn(await signet.post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, { id })) as {
      result: Json;
    };
    assert.deepEqual((result.tools as Json[]).map(({ name }) => name), ["count"]);
    assert.notEqual((await messageIn(await signet.post(call(2, "count"), { id }))).result, undefined);
    const { error } = await messageIn(await signet.post(call(3, "wait"), { id }));
    assert.equal((error as Json).message, "Unknown tool: wait");
  });
}

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
};

Deno.test(
  "G4: stateless requests are judged alike, lists and calls, and lists are private to their caller",
  STRICT,
  async () => {
    await using scene = await Scene.start("fast", [{ allow: ["get_*"] }, { allow: ["query"], when: "tool.readOnly" }]);
    const token = await scene.issuer.token("alice");
    const asked: Json[] = [];
    scene.server.before = (message) => {
      asked.push(message);
      const { id, method } = message;
      if (method !== "tools/list") return undefined;
      return Response.json({
        jsonrpc: "2.0",
        id,
        result: { tools: TOOLS, ttlMs: 5, cacheScope: "public", resultType: "complete" },
      });
    };
    const ask = async (method: string, params: Json = {}) => {
      const headers: Record<string, string> = { "mcp-protocol-version": "2026-07-28", "mcp-method": method };
      if (params.name !== undefined) headers["mcp-name"] = String(params.name);
      return await scene.signet.post({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: META } }, {
        token,
        headers,
      });
    };
    const list = await (await ask("tools/list")).json();
    assert.deepEqual(list.result.tools.map(({ name }: Json) => name), ["get_a"]);
    assert.equal(list.result.cacheScope, "private");
    const refused = await ask("tools/call", { name: "delete_a" });
    assert.deepEqual([refused.status, (await refused.json()).error.code], [200, -32602]);
    assert.equal((await (await ask("tools/call", { name: "get_a" })).json()).result.content[0].text, "get_a");
    // Known from the list above; asked for anew by a caller of whom nothing is known.
    assert.equal((await (await ask("tools/call", { name: "query" })).json()).error.message, "Unknown tool: query");
    const listen = (notifications: string) => {
      const params = `{"_meta":${JSON.stringify(META)},"notifications":${notifications}}`;
      const message = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":${params}}`;
      const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" };
      return scene.signet.post(message, { token, headers });
    };
    for (
      const notifications of [
        `{"resourceSubscriptions":["file:///etc/b"]}`,
        `{"resourceSubscriptions":["file:///etc/b"],"resourceSubscriptions":[]}`,
        `{"ResourceSubscriptions":["file:///etc/b"]}`,
        `{"resourceSubscriptions":["file:///etc/b",1]}`,
        `{"resourceSubscriptions":"file:///etc/b"}`,
      ]
    ) assert.equal((await (await listen(notifications)).json()).error?.code, -32602, notifications);
    const disguised = await listen(`{},"Notifications":{"resourceSubscriptions":["file:///etc/b"]}`);
    assert.notEqual((await disguised.json()).error, undefined);
    const other = await ask("vendor/method");
    assert.deepEqual([other.status, (await other.json()).error.code], [404, -32601]);
    assert.deepEqual(asked.filter(({ method }) => method === "tools/call").length, 1);
  },
);

Deno.test(
  "G4: a stateless caller of whom nothing is known has the list asked for under its own envelope",
  STRICT,
  async () => {
    await using scene = await Scene.start("fast", [{ allow: ["*"], when: "tool.readOnly" }], {
      flags: ["--era", "stateless"],
    });
    const token = await scene.issuer.token("alice");
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "get_a" };
    const asked: [Json, Headers][] = [];
    scene.server.before = (message, request) => {
      asked.push([message, request.headers]);
      const result = message.method === "tools/list" ? { tools: TOOLS } : { content: [{ type: "text", text: "ran" }] };
      return Response.json({ jsonrpc: "2.0", id: message.id, result: { ...result, resultType: "complete" } });
    };
    const message = {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "get_a", _meta: { ...META, progressToken: 1 } },
    };
    const answer = await (await scene.signet.post(message, { token, headers })).json();
    assert.equal(answer.result.content[0].text, "ran");
    const [list, fields] = asked.find(([{ method }]) => method === "tools/list")!;
    assert.deepEqual((list.params as Json)._meta, META);
    assert.deepEqual([fields.get("mcp-method"), fields.get("mcp-name")], ["tools/list", null]);
  },
);
