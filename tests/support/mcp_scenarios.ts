// What a client does with a server that has every feature, as steps of one session. The servers are the fixtures on
// SDK 1.x and 2.x, whose tools have the same names.
import assert from "node:assert/strict";
import { connectClient, type Connected } from "./mcp_client.ts";
import { ANSWERS, type ClientKind } from "./mcp_client_contract.ts";
import { type FixtureKind, type FixtureOptions, startFixture } from "./mcp_servers.ts";
import { openEndpoint, type Way } from "./mcp_ways.ts";
import { until } from "./until.ts";

export interface Scenario {
  readonly name: string;
  /** `stream`: not where the server answers with one JSON body. `session`, `stateless`: in that era only. */
  readonly needs: readonly ("stream" | "session" | "stateless")[];
  run(connected: Connected): Promise<void>;
}

const calls: Scenario[] = [
  {
    name: "lists tools",
    needs: [],
    run: async ({ client }) => {
      const tools = await client.listTools();
      for (const tool of ["echo", "slow", "count", "elicit"]) assert.ok(tools.includes(tool), tool);
    },
  },
  {
    name: "calls a tool with any text, short and long",
    needs: [],
    run: async ({ client }) => {
      for (const text of ["hello", "日本語 \u0000 \u2028 \ud83d\ude00", "x".repeat(300_000)]) {
        assert.equal(await client.call("echo", { text }), text);
      }
    },
  },
  {
    name: "gets a tool's error as a result",
    needs: [],
    run: async ({ client }) => assert.match(await client.call("fail"), /this tool fails/),
  },
  {
    name: "has forty calls in flight and gets each its own answer",
    needs: [],
    run: async ({ client }) => {
      const texts = Array.from({ length: 40 }, (_, n) => `call ${n}`);
      assert.deepEqual(await Promise.all(texts.map((text) => client.call("echo", { text }))), texts);
    },
  },
  {
    name: "reads resources, prompts and completions",
    needs: [],
    run: async ({ client }) => {
      assert.ok((await client.listResources()).includes("fixture://readme"));
      assert.equal(await client.readResource("fixture://readme"), "read me");
      assert.equal(await client.prompt("greet", { name: "ada" }), "Greet ada");
      assert.deepEqual(await client.complete("greet", { name: "name", value: "a" }), ["ada", "alan"]);
    },
  },
];

const streams: Scenario[] = [
  {
    name: "sees progress before the answer",
    needs: ["stream"],
    run: async ({ client }) => {
      const seen: number[] = [];
      const answer = client.call("slow", { steps: 3, gate: "progress" }, {
        onProgress: (progress) => {
          seen.push(progress);
          if (progress === 3) void client.call("open", { gate: "progress" });
        },
      });
      assert.equal(await answer, "done");
      assert.deepEqual(seen, [1, 2, 3]);
    },
  },
  {
    name: "is asked for sampling, elicitation and roots, and answers",
    needs: ["stream"],
    run: async ({ client }) => {
      assert.match(await client.call("sample", { prompt: "?" }), new RegExp(ANSWERS.sample));
      assert.match(await client.call("elicit", { question: "?" }), new RegExp(`accept.*${ANSWERS.elicit}`));
      assert.match(await client.call("roots"), new RegExp(ANSWERS.root));
    },
  },
  {
    name: "18, 30: cancels a call that hangs, the server hears of it, and the session goes on",
    needs: ["stream"],
    run: async ({ client }) => {
      const abort = new AbortController();
      const hanging = client.call("slow", { steps: 1, gate: "never" }, {
        signal: abort.signal,
        onProgress: () => abort.abort("enough"),
      });
      await assert.rejects(hanging, /enough/);
      await until(async () => await client.call("cancelled") === "1", "the server heard of the cancel");
    },
  },
];

const sessions: Scenario[] = [
  {
    name: "gets log lines at its level",
    needs: ["session", "stream"],
    run: async (connected) => {
      const { client } = connected;
      await client.setLogLevel("info");
      assert.equal(await client.call("log", { text: "a line" }), "logged");
      await connected.heard("notifications/message", (params) => params.data === "a line");
    },
  },
  {
    name: "keeps what belongs to its session",
    needs: ["session"],
    run: async ({ client }) => {
      assert.equal(await client.call("note", { id: "2", text: "mine" }), "2");
      assert.equal(await client.readResource("fixture://notes/2"), "mine");
    },
  },
  {
    name: "hears of a changed resource, of changed lists, on the standalone stream",
    needs: ["session"],
    run: async (connected) => {
      const { client } = connected;
      await client.subscribe("fixture://notes/1");
      await client.call("note", { id: "1", text: "changed" });
      await connected.heard("notifications/resources/updated", (params) => params.uri === "fixture://notes/1");
      await client.call("note", { id: "3", text: "new" });
      await connected.heard("notifications/resources/list_changed");
      await client.call("add-tool", { name: "later" });
      await connected.heard("notifications/tools/list_changed");
      assert.ok((await client.listTools()).includes("later"));
      assert.equal(await client.call("later"), "I am later");
    },
  },
  { name: "pings", needs: ["session"], run: ({ client }) => client.ping() },
];

const stateless: Scenario[] = [
  {
    name: "31: listens for changes without a session",
    needs: ["stateless"],
    run: async (connected) => {
      const { client } = connected;
      await client.subscribe("fixture://notes/1");
      await client.call("note", { id: "1", text: "changed" });
      await connected.heard("notifications/resources/updated", (params) => params.uri === "fixture://notes/1");
      await client.call("note", { id: "4", text: "new" });
      await connected.heard("notifications/resources/list_changed");
      await client.call("add-tool", { name: "later" });
      await connected.heard("notifications/tools/list_changed");
      assert.equal(await client.call("later"), "I am later");
    },
  },
];

export const SCENARIOS: readonly Scenario[] = [...calls, ...streams, ...sessions, ...stateless];

/** The session ends with DELETE, and its id is dead. */
async function terminateAndProveDead(connected: Connected): Promise<void> {
  await connected.client.terminate();
  const deletion = connected.wire.requests.find((request) => request.method === "DELETE");
  assert.ok(
    deletion?.status !== undefined && deletion.status >= 200 && deletion.status < 300,
    String(deletion?.status),
  );
}

/** 1, 2: an id comes with the answer to initialize and is the client's own; no other id is ever seen. */
function proveOneId({ client, wire }: Connected, way: Way): void {
  const answered = wire.requests.filter((request) => request.answeredSessionId !== undefined);
  for (const { rpcMethod, answeredSessionId } of answered) {
    assert.equal(answeredSessionId, client.sessionId);
    if (way !== "directly") assert.equal(rpcMethod, "initialize", "an id only on the answer to initialize");
  }
  if (way !== "directly") assert.match(client.sessionId!, /^[0-9a-zA-Z]{64,}$/);
}

export interface FeatureRun {
  readonly client: ClientKind;
  readonly server: FixtureKind;
  readonly way: Way;
  readonly options?: FixtureOptions;
  /** Which era the client must end up in. */
  readonly era: "legacy" | "modern";
}

/** One client, one server, one way: connects, does everything it can, ends the session. */
export async function runFeatures(t: Deno.TestContext, run: FeatureRun): Promise<void> {
  await using fixture = await startFixture(run.server, run.options);
  await using endpoint = await openEndpoint(run.way, fixture);
  await using connected = await connectClient(run.client, endpoint.url);
  const { client } = connected;
  await t.step(`speaks the ${run.era} era`, () => {
    assert.equal(client.protocolVersion, run.era === "legacy" ? "2025-11-25" : "2026-07-28");
    assert.equal(client.sessionId === undefined, run.era === "modern");
  });
  for (const { name, needs, run: step } of SCENARIOS) {
    if (run.options?.json && needs.includes("stream")) continue;
    if (needs.includes(run.era === "modern" ? "session" : "stateless")) continue;
    await t.step(name, () => step(connected));
  }
  if (run.era === "legacy") await t.step("1, 2: saw no id but its own", () => proveOneId(connected, run.way));
  if (run.era === "legacy") await t.step("ends its session", () => terminateAndProveDead(connected));
}
