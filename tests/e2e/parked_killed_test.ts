// A call that asks its stateless client waits at a server with sessions, and Signet or the server dies under it, before
// its client comes back and after: the client is told in an answer that it can read, and nothing ever runs twice
// (docs/behaviour.md S4, R8), unless its server says that it changes nothing: then it is run again, once, and its client
// not asked again. What ran is counted in a file.
import assert from "node:assert/strict";
import { Journal } from "../support/mcp_journal.ts";
import { type Fixture, startFixture } from "../support/mcp_servers.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { answered, askAt, type Params } from "../support/stateless.ts";
import { fixture as stdioFixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const CAN = { capabilities: { elicitation: {} } };
const SAID = { action: "accept", content: { answer: "yes" } };
const GONE = "Invalid params: the call that this requestState belongs to does not wait any more";

/** Signet before a server that counts, and a stateless client. */
class Scene implements AsyncDisposable {
  readonly journal: Journal;
  readonly signet: Signet;
  readonly #server: Fixture | undefined;

  private constructor(journal: Journal, signet: Signet, server: Fixture | undefined) {
    this.journal = journal;
    this.signet = signet;
    this.#server = server;
  }

  static async start(kind: "http" | "stdio"): Promise<Scene> {
    const journal = await Journal.create();
    const env = { MCP_ENCRYPTION_KEY: newKey() };
    if (kind === "http") {
      const server = await startFixture("sdk1", { journal: journal.path });
      return new Scene(journal, await startSignet({ upstream: server.url, env }), server);
    }
    const { command, args } = stdioFixture("--journal", journal.path);
    return new Scene(journal, await startSignet({ upstream: [command, ...args!], env }), undefined);
  }

  call(name: string, args: Record<string, unknown> = {}, more: Params = {}) {
    return answered(askAt(this.signet.url, "tools/call", { name, arguments: args, ...more }, CAN));
  }

  /** A call that waits: what leads back to it, and how its client does. */
  async park(key: string, tool = "elicit") {
    const args = { key, question: "?" };
    const { result } = await this.call(tool, args);
    assert.equal(result.resultType, "input_required");
    const inputResponses = Object.fromEntries(Object.keys(result.inputRequests).map((name) => [name, SAID]));
    const retry = () => this.call(tool, args, { requestState: result.requestState, inputResponses });
    return { retry };
  }

  /** The process that runs the tools dies; another one is in its place, or will be. */
  async killServer(): Promise<void> {
    if (this.#server !== undefined) return await this.#server.restart();
    const { result } = await this.call("count");
    Deno.kill(JSON.parse(result.content[0].text).pid, "SIGKILL");
  }

  /** No call waits in Signet any more. */
  async forgotten(): Promise<void> {
    const line = 'signet_bridged_entries{what="calls"} 0';
    const stdioLine = 'signet_stdio_entries{what="calls"} 0';
    const page = async () => await (await fetch(`${this.signet.adminUrl}/metrics`)).text();
    await until(async () => {
      const lines = (await page()).split("\n");
      return lines.includes(line) || lines.includes(stdioLine);
    }, "Signet has heard that the server is gone");
  }

  async ran(): Promise<string[]> {
    return await this.journal.executions();
  }

  /** What ran from this on. */
  async since(key: string): Promise<string[]> {
    const all = await this.ran();
    return all.slice(all.indexOf(key));
  }

  async answeredAtServer(key: string): Promise<void> {
    await until(async () => (await this.ran()).includes(`${key} answered`), "the server has the answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet[Symbol.asyncDispose]();
    await this.#server?.[Symbol.asyncDispose]();
    await this.journal[Symbol.asyncDispose]();
  }
}

async function assertLost(retry: () => ReturnType<Scene["call"]>): Promise<void> {
  for (const _ of ["the retry", "and another one"]) {
    const { status, error } = await retry();
    assert.deepEqual([status, error.code, error.message], [200, -32602, GONE]);
    assert.deepEqual(error.data, { reason: "invalid_request_state" });
  }
}

async function assertRunAgain(retry: () => ReturnType<Scene["call"]>): Promise<void> {
  const { status, result, error } = await retry();
  assert.deepEqual([status, error], [200, undefined]);
  assert.deepEqual(JSON.parse(result.content[0].text), SAID);
}

for (const kind of ["http", "stdio"] as const) {
  Deno.test(`S4 R8: no call that waits runs twice, whoever is killed (server over ${kind})`, STRICT, async (t) => {
    await using scene = await Scene.start(kind);

    await t.step("the server dies while the client is away", async () => {
      const { retry } = await scene.park("one");
      await scene.killServer();
      await scene.forgotten();
      await assertLost(retry);
      assert.deepEqual(await scene.ran(), ["one"]);
    });

    await t.step("the client comes back while the server dies", async () => {
      const { retry } = await scene.park("hurried");
      const [, { status, error }] = await Promise.all([scene.killServer(), retry()]);
      assert.equal(status, 200);
      assert.ok([-32602, 502].includes(error.code), JSON.stringify(error));
      await scene.forgotten();
      await assertLost(retry);
      assert.equal((await scene.ran()).filter((line) => line === "hurried").length, 1);
    });

    await t.step("the server dies when it has the answer", async () => {
      const { retry } = await scene.park("two");
      const answer = retry();
      await scene.answeredAtServer("two");
      await scene.killServer();
      const { status, error } = await answer;
      assert.deepEqual([status, error.code], [200, 502], "its client hears of it, and may decide");
      await assertLost(retry);
      assert.deepEqual(await scene.since("two"), ["two", "two answered"]);
    });

    await t.step("Signet dies while the client is away", async () => {
      const { retry } = await scene.park("three");
      await scene.signet.restart();
      await assertLost(retry);
      assert.deepEqual(await scene.since("three"), ["three"]);
    });

    await t.step("Signet dies when the server has the answer", async () => {
      const { retry } = await scene.park("four");
      const answer = assert.rejects(retry());
      await scene.answeredAtServer("four");
      await scene.signet.restart();
      await answer;
      await assertLost(retry);
      assert.deepEqual(await scene.since("four"), ["four", "four answered"]);
    });

    await t.step("both die", async () => {
      const { retry } = await scene.park("five");
      await scene.killServer();
      await scene.signet.restart();
      await assertLost(retry);
      assert.deepEqual(await scene.since("five"), ["five"]);
    });

    await t.step("Signet dies as the client comes back", async () => {
      const { retry } = await scene.park("six");
      const hurried = retry().catch(() => undefined);
      await scene.signet.restart();
      await hurried;
      await assertLost(retry);
      assert.equal((await scene.ran()).filter((line) => line === "six").length, 1);
    });
  });

  Deno.test(`S4: a lost call of a tool that changes nothing is run again (server over ${kind})`, STRICT, async (t) => {
    await using scene = await Scene.start(kind);

    await t.step("Signet dies while the client is away", async () => {
      const { retry } = await scene.park("one", "consult");
      await scene.signet.restart();
      await assertRunAgain(retry);
      await assertLost(retry);
      assert.deepEqual(await scene.ran(), ["one", "one", "one answered"]);
    });

    await t.step("the server dies while the client is away", async () => {
      const { retry } = await scene.park("two", "consult");
      await scene.killServer();
      await scene.forgotten();
      await assertRunAgain(retry);
      await assertLost(retry);
      assert.deepEqual(await scene.since("two"), ["two", "two", "two answered"]);
    });

    await t.step("both die", async () => {
      const { retry } = await scene.park("three", "consult");
      await scene.killServer();
      await scene.signet.restart();
      await assertRunAgain(retry);
      assert.deepEqual(await scene.since("three"), ["three", "three", "three answered"]);
    });

    await t.step("Signet dies as the client comes back", async () => {
      const { retry } = await scene.park("four", "consult");
      const hurried = retry().catch(() => undefined);
      await scene.signet.restart();
      await hurried;
      await assertRunAgain(retry);
      await assertLost(retry);
      assert.equal((await scene.ran()).filter((line) => line === "four").length, 2);
    });
  });
}
