// Unmodified clients with unmodified stdio servers, by way of the bridge alone and of Signet before it.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { ServerCommand } from "../../lib/upstream/stdio/launch.ts";
import { findProgram } from "../../scripts/programs.ts";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { ANSWERS } from "../support/mcp_client_contract.ts";
import { exerciseEverything } from "../support/mcp_everything.ts";
import { nobodyLeft } from "../support/process_census.ts";
import { TestSignet } from "../support/signet.ts";
import { TestStdio } from "../support/stdio.ts";
import { StdioEndpoint } from "../support/stdio_endpoint.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WAYS = ["by the bridge alone", "through Signet"] as const;

/** A bridge to `server`, and where clients reach it. */
class Reach implements AsyncDisposable {
  readonly stdio: TestStdio;
  readonly endpoint: StdioEndpoint;
  readonly signet: TestSignet | undefined;

  private constructor(stdio: TestStdio, endpoint: StdioEndpoint, signet: TestSignet | undefined) {
    this.stdio = stdio;
    this.endpoint = endpoint;
    this.signet = signet;
  }

  static async to(server: ServerCommand, way: typeof WAYS[number]): Promise<Reach> {
    const stdio = new TestStdio({ server });
    const endpoint = new StdioEndpoint(stdio.upstream);
    const signet = way === "through Signet" ? await TestSignet.start({ upstream: endpoint.url }) : undefined;
    return new Reach(stdio, endpoint, signet);
  }

  get url(): string {
    return this.signet?.url ?? this.endpoint.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet?.app.drain();
    await this.endpoint[Symbol.asyncDispose]();
    await nobodyLeft(this.stdio.token);
  }
}

const EVERYTHING: ServerCommand = {
  command: Deno.execPath(),
  args: [
    "run",
    "-A",
    `--lock=${ROOT}tests/deno.lock`,
    "--frozen",
    "npm:@modelcontextprotocol/server-everything@2026.8.31",
    "stdio",
  ],
  cwd: ROOT,
};

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(`B1: client ${kind} works with server-everything over stdio ${way}`, CLIENT_SANITIZERS, async (t) => {
      await using reach = await Reach.to(EVERYTHING, way);
      await using connected = await connectClient(kind, reach.url);
      const { client } = connected;
      await exerciseEverything(t, connected);
      await t.step("L4: goes on when its server was ended and is needed again", async () => {
        for (const pid of reach.stdio.upstream.pids) Deno.kill(pid, "SIGKILL");
        const again = (): Promise<string> => client.call("get-sum", { a: 1, b: 1 }).catch(again);
        assert.match(await again(), /2/);
      });
      await t.step("ends its session", () => client.terminate());
    });
  }
}

const MODERN: ServerCommand = {
  command: Deno.execPath(),
  args: ["run", "-A", `--lock=${ROOT}tests/deno.lock`, "--frozen", `${ROOT}tests/fixtures/stdio_sdk2_server.ts`],
  cwd: ROOT,
};

for (const way of WAYS) {
  Deno.test(
    `B1: client v2-auto works without a session with a server that can (${way})`,
    CLIENT_SANITIZERS,
    async (t) => {
      await using reach = await Reach.to(MODERN, way);
      await using connected = await connectClient("v2-auto", reach.url);
      const { client } = connected;
      assert.deepEqual([client.protocolVersion, client.sessionId], ["2026-07-28", undefined]);
      await t.step("calls and counts", async () => {
        assert.ok((await client.listTools()).includes("echo"));
        assert.match(await client.call("count"), /^1 in \d+, modern$/);
        assert.match(await client.call("count"), /^2 in \d+, modern$/);
        assert.equal(await client.readResource("fixture://notes/1"), "first note");
      });
      await t.step("reports progress", async () => {
        const seen: number[] = [];
        await client.call("slow", { steps: 3, gate: "g" }, {
          onProgress: (progress) => {
            seen.push(progress);
            if (progress === 3) void client.call("open", { gate: "g" });
          },
        });
        assert.deepEqual(seen, [1, 2, 3]);
      });
      await t.step("is asked, and answers", async () => {
        assert.match(await client.call("sample", { prompt: "?" }), new RegExp(ANSWERS.sample));
      });
      await t.step("hears of changes", async () => {
        await client.subscribe("fixture://notes/1");
        await client.call("note", { id: "1", text: "changed" });
        await connected.heard("notifications/resources/updated", (params) => params.uri === "fixture://notes/1");
        await client.call("add-tool", { name: "later" });
        await connected.heard("notifications/tools/list_changed");
      });
      await t.step("cancels", async () => {
        const abort = new AbortController();
        const onProgress = () => abort.abort("enough");
        await assert.rejects(client.call("slow", { steps: 1, gate: "never" }, { signal: abort.signal, onProgress }));
        const cancelled = async (): Promise<boolean> => await client.call("cancelled") === "1" || await cancelled();
        assert.ok(await cancelled());
      });
    },
  );

  Deno.test(
    `B1: client v2-auto works without a session with server-everything (${way})`,
    CLIENT_SANITIZERS,
    async () => {
      await using reach = await Reach.to(EVERYTHING, way);
      await using connected = await connectClient("v2-auto", reach.url);
      const { client } = connected;
      assert.deepEqual([client.protocolVersion, client.sessionId], ["2026-07-28", undefined]);
      assert.match(await client.call("get-sum", { a: 2, b: 40 }), /42/);
      assert.ok((await client.listResources()).length > 0);
      assert.ok((await client.prompt("simple-prompt", {})).length > 0);
      const seen: number[] = [];
      const run = { duration: 0.2, steps: 4 };
      await client.call("trigger-long-running-operation", run, { onProgress: (progress) => seen.push(progress) });
      assert.deepEqual(seen, [1, 2, 3, 4]);
    },
  );
}

const hasPython = await findProgram("python3") !== undefined;
if (!hasPython) console.error("IGNORED: no python3 in PATH: a stdio server of another language is not tried");
const PYTHON: ServerCommand = { command: "python3", args: [`${ROOT}tests/fixtures/stdio_python_server.py`] };

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    const options = { ...CLIENT_SANITIZERS, ignore: !hasPython };
    Deno.test(`B1: client ${kind} works with a server in Python over stdio ${way}`, options, async () => {
      await using reach = await Reach.to(PYTHON, way);
      await using one = await connectClient(kind, reach.url);
      await using other = await connectClient(kind, reach.url);
      const text = "日本語 \u0000 \u2028 \u{1f600} \r\n";
      assert.equal(await one.client.call("echo", { text }), text);
      const seen: number[] = [];
      await one.client.call("progress", { steps: 3 }, { onProgress: (progress) => seen.push(progress) });
      assert.deepEqual(seen, [1, 2, 3]);
      assert.equal(await one.client.call("sample"), ANSWERS.sample);
      const counts = [await one.client.call("count"), await other.client.call("count"), await one.client.call("count")];
      assert.deepEqual(counts.map((count) => count.split(" in ")[0]), ["1", "1", "2"]);
      assert.notEqual(counts[0]!.split(" in ")[1], counts[1]!.split(" in ")[1]);
    });
  }
}
