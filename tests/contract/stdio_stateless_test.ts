// A stdio server that has no sessions (SDK 2.x, `legacy: "reject"`) behind clients that have: alone, and as one of several
// (docs/behaviour.md S2, S3). Each session is Signet's own, over one process for each owner.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { ServerCommand } from "../../lib/upstream/stdio/launch.ts";
import { HAS_CENSUS } from "../support/process_census.ts";
import { FakeMember } from "../support/several.ts";
import { call, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { EventReader, fixture, initializeMessage, TestStdio, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const SCRIPT = fileURLToPath(new URL("../fixtures/stdio_sdk2_server.ts", import.meta.url));
const LOCK = fileURLToPath(new URL("../deno.lock", import.meta.url));
const COMMAND = [Deno.execPath(), "run", "-A", `--lock=${LOCK}`, "--frozen", SCRIPT, "--stateless"];
const SERVER: ServerCommand = {
  command: COMMAND[0]!,
  args: COMMAND.slice(1),
  cwd: fileURLToPath(new URL("../../", import.meta.url)),
};

// deno-lint-ignore no-explicit-any
type Any = any;

const ADA = { principal: "ada" };

function textOf(message: unknown): string {
  return (message as Any).result.content[0].text;
}

Deno.test("S2: a client with a session works with a stdio server that has none", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: SERVER });
  const opened = await stdio.post(initializeMessage(), ADA);
  const { protocolVersion, serverInfo, capabilities } = opened.messages[0]!.result as Any;
  assert.deepEqual([protocolVersion, serverInfo.name], ["2025-11-25", "stdio-sdk2"]);
  assert.ok(capabilities.tools !== undefined);
  const one = await stdio.open(ADA), other = await stdio.open(ADA), stranger = await stdio.open({ principal: "bob" });
  const texts = [];
  for (const session of [one, other, one]) {
    texts.push(textOf((await session.post(toolCall(1, "count"), ADA)).messages.at(-1)));
  }
  const strange = textOf((await stranger.post(toolCall(1, "count"), { principal: "bob" })).messages.at(-1));
  const processOf = (text: string) => text.split(" in ")[1];
  assert.equal(new Set(texts.map(processOf)).size, 1, "one process for the owner");
  assert.notEqual(processOf(strange), processOf(texts[0]!), "and another for another");
  assert.ok([...texts, strange].every((text) => text.endsWith("modern")), String(texts));
  assert.equal(stdio.upstream.slots.total, 2, "none is left of those that were asked for a session");
});

Deno.test(
  "S2: what such a server wants to know of the client is asked in the session, progress told in it",
  OPTIONS,
  async () => {
    await using stdio = new TestStdio({ server: SERVER, limits: { streamAfterMs: 0 } });
    const initialize = initializeMessage();
    (initialize.params as Any).capabilities = { sampling: {} };
    const { sessionId } = await stdio.post(initialize, ADA);
    const of = { ...ADA, sessionId: sessionId! };
    await stdio.post({ jsonrpc: "2.0", method: "notifications/initialized" }, of);
    const asked = new EventReader(await stdio.begin(toolCall(1, "sample", { prompt: "?" }), of).response);
    const question = await asked.next();
    assert.equal(question!.method, "sampling/createMessage");
    const result = { role: "assistant", model: "m", content: { type: "text", text: "said" } };
    await stdio.post({ jsonrpc: "2.0", id: question!.id, result }, of);
    assert.match(textOf(await asked.next()), /said/);
    asked.release();
    const slow = new EventReader(await stdio.begin(toolCall(2, "slow", { steps: 2, gate: "g" }, "t"), of).response);
    assert.deepEqual([(await slow.next())!.params, (await slow.next())!.params], [
      { progressToken: "t", progress: 1 },
      { progressToken: "t", progress: 2 },
    ]);
    await stdio.post(toolCall(3, "open", { gate: "g" }), of);
    assert.equal(textOf(await slow.next()), "done");
    slow.release();
  },
);

Deno.test("B5: a session goes on when the process of such a server dies", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: SERVER });
  const session = await stdio.open(ADA);
  const count = async () => textOf((await session.post(toolCall(1, "count"), ADA)).messages.at(-1));
  const [, pid] = (await count()).split(/ in |,/);
  Deno.kill(Number(pid), "SIGKILL");
  await until(async () => (await count().catch(() => pid!)).includes(pid!) === false, "another process answers");
  assert.match(await count(), /^2 in/);
});

Deno.test("S2: a server that has sessions, and refuses one, is taken for no other", OPTIONS, async () => {
  await using stdio = new TestStdio({ server: fixture("--error") });
  const { messages, sessionId } = await stdio.post(initializeMessage(), ADA);
  assert.deepEqual([sessionId, (messages[0]!.error as Any).message], [undefined, "not today"]);
});

Deno.test("S2 A2: a stdio server without sessions is one of several, for clients of either era", OPTIONS, async () => {
  await using http = new FakeMember();
  const flags = ["--upstream", `http=${http.url}`];
  await using signet = await TestSignet.start({ upstream: `own=stdio:${COMMAND.join(" ")}`, flags });
  const id = await signet.open();
  const listed = await (await signet.post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, { id })).text();
  assert.ok(listed.includes("own_count") && listed.includes("http_echo"), listed);
  assert.match(await (await signet.post(call(2, "own_count"), { id })).text(), /modern/);
  const { result } = await answered(ask(signet, "tools/call", { name: "own_count", arguments: {} }));
  assert.match(result.content[0].text, /modern/);
});
