// Each method over several servers, and each with what may be wrong with the one it is for: nobody's name, a server that
// is dead, slow, or refuses the credential (docs/behaviour.md A2, A6, A7). The other server answers all the while.
import assert from "node:assert/strict";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { LANES } from "../support/signet.ts";

type Json = Record<string, unknown>;

/** A request, with `@` for the member's name and `~` for its label in URIs. */
interface Method {
  readonly method: string;
  readonly params: (member: string) => Json;
  /** What reaches the member. */
  readonly inward: Json;
}

const METHODS: readonly Method[] = [
  {
    method: "tools/call",
    params: (member) => ({ name: `${member}_echo`, arguments: { deep: 1e400 > 1 } }),
    inward: { name: "echo", arguments: { deep: true } },
  },
  { method: "prompts/get", params: (member) => ({ name: `${member}_ask` }), inward: { name: "ask" } },
  { method: "resources/read", params: (member) => ({ uri: `${member}+file:///a` }), inward: { uri: "file:///a" } },
  { method: "resources/subscribe", params: (member) => ({ uri: `${member}+file:///a` }), inward: { uri: "file:///a" } },
  {
    method: "resources/unsubscribe",
    params: (member) => ({ uri: `${member}+file:///a` }),
    inward: { uri: "file:///a" },
  },
  {
    method: "completion/complete",
    params: (member) => ({ ref: { type: "ref/prompt", name: `${member}_ask` }, argument: { name: "x", value: "" } }),
    inward: { ref: { type: "ref/prompt", name: "ask" }, argument: { name: "x", value: "" } },
  },
  {
    method: "completion/complete",
    params: (member) => ({
      ref: { type: "ref/resource", uri: `${member}+file:///{path}` },
      argument: { name: "path", value: "" },
    }),
    inward: { ref: { type: "ref/resource", uri: "file:///{path}" }, argument: { name: "path", value: "" } },
  },
];

const LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

const isFault = ({ error }: Json) => error !== undefined;

for (const lane of LANES) {
  Deno.test(`A2 A7: every method reaches its member by its name, and nobody by a name that is nobody's (${lane} lane)`, async () => {
    await using good = new FakeMember();
    await using other = new FakeMember();
    await using signet = await startSeveral({ good, other }, { lane });
    const session = await SeveralSession.open(signet);
    for (const { method, params, inward } of METHODS) {
      const before = other.asked(method).length;
      assert.equal((await session.ask(method, params("good"))).error, undefined, method);
      assert.deepEqual(good.asked(method).at(-1)!.params, inward, method);
      for (const name of ["nobody", "GOOD_", "", "good_good"]) {
        if (name === "good_good" && method.startsWith("resources")) continue;
        const { error } = await session.ask(method, params(name)) as { error?: { code: number } };
        if (name !== "good_good") assert.equal(error?.code, -32602, `${method} of ${name}`);
      }
      assert.equal(other.asked(method).length, before, method);
    }
    assert.deepEqual((await session.ask("ping")).result, {});
    for (const method of ["tasks/list", "no/such", "constructor", "toString", "__proto__"]) {
      const { error } = await session.ask(method) as { error?: { code: number } };
      assert.equal(error?.code, -32601, method);
    }
    assert.deepEqual((await session.ask("logging/setLevel", { level: "error" })).result, {});
    for (const member of [good, other]) assert.equal(member.asked("logging/setLevel").length, 1);
  });

  for (const trouble of ["dead", "slow", "401"] as const) {
    Deno.test(`A6: a member that is ${trouble} fails its own calls, and is left out of lists (${lane} lane)`, async () => {
      await using good = new FakeMember();
      const bad = new FakeMember();
      await using signet = await startSeveral({ good, bad }, { lane, flags: ["--member-timeout", "300ms"] });
      const session = await SeveralSession.open(signet);
      const hanging = new AbortController();
      if (trouble === "dead") await bad[Symbol.asyncDispose]();
      else {
        bad.before = async ({ method }) => {
          if (method === undefined || method === "notifications/initialized") return undefined;
          if (trouble === "401") return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
          await new Promise((resolve) => hanging.signal.addEventListener("abort", resolve));
          return new Response(null, { status: 500 });
        };
      }
      const calls = METHODS.map(({ method, params }) => session.ask(method, params("bad")));
      for (const { method, params } of METHODS) {
        assert.equal((await session.ask(method, params("good"))).error, undefined, method);
      }
      for (const list of LISTS) {
        const { result } = await session.ask(list) as { result: Record<string, Json[]> };
        assert.equal(Object.values(result)[0]!.length, 1, list);
      }
      hanging.abort();
      for (const [i, answer] of (await Promise.all(calls)).entries()) {
        assert.ok(isFault(answer), METHODS[i]!.method);
        assert.doesNotMatch(JSON.stringify(answer), /127\.0\.0\.1|http:/);
      }
      if (trouble !== "dead") await bad[Symbol.asyncDispose]();
    });
  }
}

Deno.test("A1 A7: names that clients would not take are shortened, called by the short name, and the same over a restart", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const long = "x".repeat(90);
  a.lists.tools = [long, long + "y", "with.dots/and more", "plain-12345678", "echo"].map((name) => ({
    name,
    inputSchema: {},
  }));
  for (const { name } of a.lists.tools as { name: string }[]) a.fake.tool(name, () => ({ ran: name }));
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const names = (await session.names()).filter((name) => name.startsWith("a_"));
  assert.equal(new Set(names).size, 5);
  for (const [i, name] of names.entries()) {
    assert.match(name, /^[a-zA-Z0-9_-]{1,64}$/);
    assert.deepEqual((await session.call(name)).result, { ran: a.lists.tools[i]!.name });
  }
});

Deno.test("A7: what is denied is not listed and not called, and looks like what is not there", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const tools = ["read", "write", "drop"].map((name) => ({ name, inputSchema: {} }));
  a.lists.tools = tools;
  b.lists.tools = tools;
  b.lists.resources = [{ uri: "file:///a", name: "a" }, { uri: "file:///secret", name: "s" }];
  const flags = [
    "--allow-tool",
    "a/read",
    "--deny-tool",
    "drop",
    "--deny-prompt",
    "b/*",
    "--deny-resource",
    "b/*secret*",
  ];
  await using signet = await startSeveral({ a, b }, { flags });
  const session = await SeveralSession.open(signet);
  assert.deepEqual((await session.names()).sort(), ["a_read", "b_read", "b_write"]);
  assert.deepEqual(await session.names("prompts/list"), ["a_ask"]);
  assert.equal((await session.names("resources/list", "uri")).includes("b+file:///secret"), false);
  const refusalOf = async (method: string, params: Json) =>
    (await session.ask(method, params)).error as { code: number };
  for (
    const [method, denied, absent] of [
      ["tools/call", { name: "a_write" }, { name: "a_nothing" }],
      ["tools/call", { name: "b_drop" }, { name: "b_nothing" }],
      ["prompts/get", { name: "b_ask" }, { name: "b_nothing" }],
      ["resources/read", { uri: "b+file:///secret" }, { uri: "nobody+file:///x" }],
    ] as const
  ) {
    const text = (error: unknown, params: Json) =>
      JSON.stringify(error).replaceAll(String(Object.values(params)[0]), "…");
    const refusal = await refusalOf(method, denied);
    assert.equal(refusal.code, -32602);
    assert.equal(text(refusal, denied), text(await refusalOf(method, absent), absent));
  }
  assert.equal(a.fake.ran.size + b.fake.ran.size, 0);
});

Deno.test("A3 A9: addresses lead back wherever an answer holds one; all else passes byte for byte", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  a.lists.tools = [{
    name: "view",
    inputSchema: {},
    big: 12345678901234567890,
    _meta: { ui: { resourceUri: "ui://app/x.html" } },
  }];
  a.lists.resources = [{ uri: "ui://app/x.html", name: "x", _meta: { ui: { csp: {} } } }, {
    uri: "no scheme",
    name: "n",
  }];
  a.fake.tool("view", () => ({
    content: [{ type: "resource_link", uri: "file:///a", name: "a" }, {
      type: "resource",
      resource: { uri: "db://t/1", text: "" },
    }],
    structuredContent: { uri: "file:///kept" },
  }));
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const { result: { tools } } = await session.ask("tools/list") as { result: { tools: Json[] } };
  const view = tools.find(({ name }) => name === "a_view")!;
  assert.deepEqual(view._meta, { ui: { resourceUri: "ui://a/app/x.html" } });
  const uris = await session.names("resources/list", "uri");
  assert.ok(uris.includes("ui://a/app/x.html") && uris.includes("a:no scheme"), uris.join());
  for (const uri of ["ui://a/app/x.html", "a:no scheme"]) {
    const { result } = await session.ask("resources/read", { uri }) as { result: { contents: Json[] } };
    assert.equal(result.contents[0]!.uri, uri);
  }
  assert.deepEqual((await session.call("a_view")).result, {
    content: [{ type: "resource_link", uri: "a+file:///a", name: "a" }, {
      type: "resource",
      resource: { uri: "a+db://t/1", text: "" },
    }],
    structuredContent: { uri: "file:///kept" },
  });
});

Deno.test("A3: a template whose scheme is the client's to say leads to its own server, whatever is said", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  const said = "https://x.example/y";
  /** What stands for it, and what the server is asked for when a client says it. */
  const templates = {
    "{+url}": said,
    "{scheme}://{path}": said,
    "h{s}://{path}": said,
    "file:///{path}": `file:///${said}`,
    // What is put in place of this has its colons encoded, and so no scheme (RFC 6570 §3.2.2).
    "{name}": "readme",
  };
  a.lists.resourceTemplates = Object.keys(templates).map((uriTemplate) => ({ uriTemplate, name: "any" }));
  b.lists.resourceTemplates = [];
  await using signet = await startSeveral({ a, b });
  const session = await SeveralSession.open(signet);
  const listed = await session.names("resources/templates/list", "uriTemplate");
  for (const [at, [template, wanted]] of Object.entries(templates).entries()) {
    const prefix = listed[at]!.slice(0, -template.length);
    const { result } = await session.ask("resources/read", { uri: prefix + wanted }) as {
      result: { contents: Json[] };
    };
    assert.equal(result?.contents[0]?.uri, prefix + wanted, listed[at]);
    assert.equal((a.asked("resources/read").at(-1)!.params as Json).uri, wanted);
    const ref = { type: "ref/resource", uri: listed[at] };
    const completed = await session.ask("completion/complete", { ref, argument: { name: "path", value: "" } });
    assert.ok(completed.result !== undefined, JSON.stringify(completed));
  }
});

Deno.test("A7: a tool that is renamed and described is listed and called as that, and as nothing else", async () => {
  await using a = new FakeMember();
  await using b = new FakeMember();
  a.lists.tools = [
    { name: "list", inputSchema: {} },
    { name: "echo", description: "old", inputSchema: {} },
    { name: "taken", inputSchema: {} },
  ];
  const flags = [
    "--rename-tool",
    "a/echo=say",
    "--rename-tool",
    "a/list=taken",
    "--describe-tool",
    'a/echo=Says, it = "all".',
    "--describe-tool",
    "a/list=New.",
  ];
  await using signet = await startSeveral({ a, b }, { flags });
  const session = await SeveralSession.open(signet);
  const { result: { tools } } = await session.ask("tools/list") as { result: { tools: Json[] } };
  const own = tools.filter(({ name }) => String(name).startsWith("a_"));
  assert.deepEqual(own, [
    { name: "a_taken", description: "New.", inputSchema: {} },
    { name: "a_say", description: 'Says, it = "all".', inputSchema: {} },
  ]);
  assert.deepEqual((await session.call("a_say", { x: 1 })).result, { echoed: { x: 1 } });
  assert.equal(((await session.call("a_echo")).error as { code: number }).code, -32602);
  assert.equal(a.fake.ran.get("echo"), 1);
});
