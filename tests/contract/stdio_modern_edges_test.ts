// Stateless clients before stdio servers, at the edges: how a subscription ends, whose error a status is, and what a server
// of the sessions' era is told of its client (docs/behaviour.md S3; docs/protocol.md 25, 31, 32, 35).
import assert from "node:assert/strict";
import type { ServerCommand } from "../../lib/upstream/stdio/launch.ts";
import { HAS_CENSUS } from "../support/process_census.ts";
import { EventReader, type Json, TestStdio } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

function meta(capabilities: Json = {}, name = "test"): Json {
  return {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name, version: "1" },
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
}

function request(method: string, params: Json = {}, _meta: Json = meta()): Json {
  return { jsonrpc: "2.0", id: "mine", method, params: { ...params, _meta } };
}

const ID = `id=$(printf '%s' "$line" | sed 's/.*"id":\\([0-9]*\\).*/\\1/')`;

/** A shell as a server: for each text in a line, what it answers with; `$id` stands for the line's id. */
function shell(answers: Readonly<Record<string, readonly string[]>>): ServerCommand {
  const cases = Object.entries(answers).map(([text, lines]) => {
    const prints = lines.map((line) =>
      `printf '${line.replaceAll("$id", "%s")}\\n'${line.includes("$id") ? ' "$id"' : ""}`
    );
    return `*'${text}'*) ${prints.join("; ")};;`;
  });
  return {
    command: "/bin/sh",
    args: ["-c", `while read -r line; do ${ID}; case "$line" in ${cases.join(" ")} esac; done`],
  };
}

function answer(body: string): string {
  return `{"jsonrpc":"2.0","id":$id,${body}}`;
}

const DISCOVERED = answer('"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}');
const NO_SUCH = answer('"error":{"code":-32601,"message":"no"}');
const INITIALIZED = answer(
  '"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}',
);

for (const [era, greeting] of [["modern", [DISCOVERED]], ["legacy", [NO_SUCH]]] as const) {
  const greet = { "vendor/thing": [NO_SUCH], "server/discover": greeting, '"initialize"': [INITIALIZED] };

  Deno.test(`PROTOCOL 25: a tool that ends in -32601 is no missing page (${era} era)`, OPTIONS, async () => {
    await using stdio = new TestStdio({
      server: shell({ ...greet, "tools/call": [NO_SUCH], "prompts/get": [NO_SUCH] }),
    });
    for (const method of ["tools/call", "prompts/get"]) {
      const { status, messages } = await stdio.post(request(method, { name: "x" }), { principal: "ada" });
      assert.deepEqual([status, (messages[0]!.error as Json).code], [200, -32601], method);
    }
    const unknown = await stdio.post(request("vendor/thing"), { principal: "ada" });
    assert.deepEqual([unknown.status, (unknown.messages[0]!.error as Json).code], [404, -32601]);
  });
}

Deno.test(
  "PROTOCOL 35: what a server of the older era calls -32020 to -32099 is none of this one's errors",
  OPTIONS,
  async () => {
    const server = shell({
      "server/discover": [NO_SUCH],
      '"initialize"': [INITIALIZED],
      "one": [answer('"error":{"code":-32021,"message":"own"}')],
      "two": [answer('"error":{"code":-32099,"message":"own"}')],
      "three": [answer('"error":{"code":-32019,"message":"own"}')],
    });
    await using stdio = new TestStdio({ server });
    const seen = [];
    for (const name of ["one", "two", "three"]) {
      const { status, messages } = await stdio.post(request("tools/call", { name }), { principal: "ada" });
      seen.push([status, (messages[0]!.error as Json).code]);
    }
    assert.deepEqual(seen, [[200, -32603], [200, -32603], [200, -32019]]);
  },
);

Deno.test(
  "PROTOCOL 32: a subscription's end bears its id, whether its server thought of it or not",
  OPTIONS,
  async () => {
    for (const result of ["{}", '{"resultType":"complete","_meta":{"x":1}}']) {
      const ack = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":' +
        `{"notifications":{},"_meta":{"${SUBSCRIPTION}":$id}}}`;
      const server = shell({
        "server/discover": [DISCOVERED],
        "subscriptions/listen": [ack, answer(`"result":${result}`)],
      });
      await using stdio = new TestStdio({ server });
      const { messages } = await stdio.post(request("subscriptions/listen", { notifications: {} }), {
        principal: "ada",
      });
      const ended = messages.at(-1)!;
      assert.equal(ended.id, "mine");
      assert.equal(((ended.result as Json)._meta as Json)[SUBSCRIPTION], "mine", result);
      if (result !== "{}") assert.equal(((ended.result as Json)._meta as Json).x, 1);
    }
  },
);

Deno.test("PROTOCOL 32: closing ends a stateless server's subscription with its result, too", OPTIONS, async () => {
  const ack = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":' +
    `{"notifications":{},"_meta":{"${SUBSCRIPTION}":$id}}}`;
  const server = shell({ "server/discover": [DISCOVERED], "subscriptions/listen": [ack] });
  const stdio = new TestStdio({ server });
  const call = stdio.begin(request("subscriptions/listen", { notifications: {} }), { principal: "ada" });
  const events = new EventReader(await call.response);
  assert.equal((await events.next())!.method, "notifications/subscriptions/acknowledged");
  const closing = stdio.upstream.close();
  const [end] = await events.rest();
  assert.deepEqual([end!.id, end!.result], ["mine", { resultType: "complete", _meta: { [SUBSCRIPTION]: "mine" } }]);
  events.release();
  await closing;
});

Deno.test("S3: a server of the sessions' era is told who its client is and what it can do", OPTIONS, async () => {
  // Says in its answer to a call what it was initialized with.
  const script = `seen=; while read -r line; do ${ID}; case "$line" in ` +
    `*server/discover*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\\n' "$id";; ` +
    `*'"initialize"'*) seen=$(printf '%s' "$line" | sed 's/.*"params"://; s/}$//'); ` +
    `printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}\\n' "$id";; ` +
    `*tools/call*) printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[],"pid":%s,"seen":%s}}\\n' "$id" "$$" "$seen";; esac; done`;
  await using stdio = new TestStdio({ server: { command: "/bin/sh", args: ["-c", script] } });
  const ask = async (_meta: Json) => {
    const { messages } = await stdio.post(request("tools/call", { name: "x" }, _meta), { principal: "ada" });
    return messages[0]!.result as { pid: number; seen: Json };
  };
  const asking = {
    sampling: {},
    elicitation: {},
    roots: { listChanged: true },
    extensions: { "io.x/y": {} },
    tasks: {},
  };
  const first = await ask(meta(asking));
  assert.deepEqual(first.seen, {
    protocolVersion: "2025-11-25",
    capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} },
    clientInfo: { name: "test", version: "1" },
  });
  assert.equal((await ask(meta(asking))).pid, first.pid, "the same client, the same process");
  const reordered = Object.fromEntries(Object.entries(asking).reverse());
  assert.equal((await ask(meta(reordered))).pid, first.pid, "whatever order it says it in");
  const others = [await ask(meta({})), await ask(meta(asking, "other"))];
  assert.equal(new Set([first.pid, ...others.map(({ pid }) => pid)]).size, 3, "others have their own");
  assert.deepEqual(others[0]!.seen.capabilities, {});
  assert.deepEqual(others[1]!.seen.clientInfo, { name: "other", version: "1" });
});
