// What any client must be able to do with the unmodified npm server-everything, however it is reached.
import assert from "node:assert/strict";
import type { Connected } from "./mcp_client.ts";
import { ANSWERS } from "./mcp_client_contract.ts";

/** One step a kind of traffic; the session is left open. */
export async function exerciseEverything(t: Deno.TestContext, connected: Connected): Promise<void> {
  const { client } = connected;
  await t.step("lists and calls", async () => {
    assert.ok((await client.listTools()).includes("get-sum"));
    assert.match(await client.call("get-sum", { a: 2, b: 40 }), /42/);
    assert.ok((await client.listResources()).length > 0);
    assert.ok((await client.prompt("simple-prompt", {})).length > 0);
  });
  await t.step("reports progress", async () => {
    const seen: number[] = [];
    const run = { duration: 0.2, steps: 4 };
    await client.call("trigger-long-running-operation", run, { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(seen, [1, 2, 3, 4]);
  });
  await t.step("asks the client", async () => {
    assert.match(await client.call("trigger-sampling-request", { prompt: "?" }), new RegExp(ANSWERS.sample));
    assert.match(await client.call("trigger-elicitation-request"), /provided the requested information/);
    assert.match(await client.call("get-roots-list"), new RegExp(ANSWERS.root));
  });
  await t.step("hears log lines on the listening stream", async () => {
    await client.setLogLevel("debug");
    await connected.heard("notifications/message");
  });
}
