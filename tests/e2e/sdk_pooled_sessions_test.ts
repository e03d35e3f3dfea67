// Two unmodified clients of SDK 2.x without sessions, before an unmodified server of SDK 2.x that has sessions only: each
// caller's state at the server goes on when Signet was killed, and when it was stopped, and is never the other's.
import assert from "node:assert/strict";
import { freePort } from "../../scripts/free_port.ts";
import { CLIENT_SANITIZERS, connectClient } from "../support/mcp_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { TempFolder } from "../support/temp_folder.ts";

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`S3: stateless clients' states at the server outlive Signet's ${signal}`, CLIENT_SANITIZERS, async () => {
    await using folder = await TempFolder.create();
    await using fixture = await startFixture("sdk2", { sessions: true });
    await using signet = await startSignet({
      upstream: fixture.url,
      args: ["--principal", "bearer", "--state", `${folder.path}/state`],
      env: { MCP_ENCRYPTION_KEY: newKey() },
    });
    const connect = (token: string) =>
      connectClient("v2-auto", signet.url, { headers: { authorization: `Bearer ${token}` } });
    await using alice = await connect("alice-0123456789abcdef");
    await using bob = await connect("bob-0123456789abcdef");
    assert.deepEqual([alice.client.protocolVersion, alice.client.sessionId], ["2026-07-28", undefined]);
    // The answer is how many notes there are in the session; one is there from the beginning.
    const note = (of: typeof alice, id: string) => of.client.call("note", { id, text: id });
    assert.deepEqual([await note(alice, "a"), await note(bob, "b"), await note(alice, "c")], ["2", "2", "3"]);

    await signet.kill(signal);
    await signet.restart();

    assert.deepEqual([await note(bob, "d"), await note(alice, "e"), await note(bob, "f")], ["3", "4", "4"]);
    assert.equal(await alice.client.readResource("fixture://notes/c"), "c");
    assert.ok(!(await alice.client.listResources()).includes("fixture://notes/b"), "of the other");
    await using later = await connect("alice-0123456789abcdef");
    assert.equal(await note(later, "g"), "5", "another client of the same kind");
  });
}

Deno.test("S5: a client that finds out what to speak does so while the server is down", CLIENT_SANITIZERS, async () => {
  await using fixture = await startFixture("sdk2");
  await using signet = await startSignet({ upstream: fixture.url, args: ["--connect-patience", "0"] });
  await using first = await connectClient("v2-auto", signet.url);
  assert.equal(first.client.protocolVersion, "2026-07-28");
  await fixture.kill();
  await using second = await connectClient("v2-auto", signet.url);
  assert.equal(second.client.protocolVersion, "2026-07-28");
  await fixture.restart();
  assert.ok((await second.client.listTools()).includes("note"));
});

const HERE = await needing(["redis-server"], "that replicas share a store");

Deno.test(
  "S3 R1: a stateless client's state is at one replica, and at the other once that one was killed",
  { ...CLIENT_SANITIZERS, ...HERE },
  async () => {
    await using redis = await RedisServer.start();
    await using fixture = await startFixture("sdk2", { sessions: true });
    const env = { MCP_ENCRYPTION_KEY: newKey() };
    const replica = (port = freePort()) =>
      startSignet({
        upstream: fixture.url,
        listen: `127.0.0.1:${port}`,
        args: ["--advertise", `http://127.0.0.1:${port}`, "--peer", "127.0.0.0/8", "--store", redis.url],
        env,
      });
    await using here = await replica();
    await using there = await replica();
    await using near = await connectClient("v2-auto", here.url);
    await using far = await connectClient("v2-auto", there.url);
    const note = (of: typeof near, id: string) => of.client.call("note", { id, text: id });
    assert.deepEqual([await note(near, "a"), await note(far, "b"), await note(near, "c")], ["2", "3", "4"]);

    await here.kill();

    assert.deepEqual([await note(far, "d"), await note(far, "e")], ["2", "3"], "begun anew");
    await here.restart();
    assert.deepEqual([await note(near, "f"), await note(far, "g")], ["4", "5"], "in one place again");
  },
);
