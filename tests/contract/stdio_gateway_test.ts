// A stdio server behind the gateway as it is: whatever its process went through, the client's id goes on
// (docs/behaviour.md L3, L4, L7). The bridge is reached over HTTP here, so that the gateway under test is the one that
// every upstream has.
import assert from "node:assert/strict";
import type { UpstreamSessionId } from "../../lib/envelope/session_id.ts";
import { nobodyLeft } from "../support/process_census.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture, TestStdio } from "../support/stdio.ts";
import { StdioEndpoint } from "../support/stdio_endpoint.ts";
import { STRICT } from "../support/strict.ts";

async function result(response: Promise<Response>): Promise<Record<string, unknown>> {
  const answered = await response;
  const body = await answered.json();
  if (body.result === undefined) throw new Error(`calling a tool: status ${answered.status}, ${JSON.stringify(body)}`);
  return JSON.parse(body.result.content[0].text);
}

for (const lane of LANES) {
  Deno.test(
    `L4 L7: a session goes on when its server was stopped for idleness, crashed, or forgotten (${lane} lane)`,
    STRICT,
    async () => {
      await using stdio = new TestStdio({ server: fixture("--lists") });
      await using endpoint = new StdioEndpoint(stdio.upstream);
      await using signet = await TestSignet.start({ upstream: endpoint.url, lane });
      const id = await signet.open();
      await status(signet.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { id }));
      const first = await result(signet.post(call(1, "count"), { id }));
      assert.equal((await result(signet.post(call(2, "count"), { id }))).count, 2);

      const [sessionId] = endpoint.sessionIds;
      stdio.upstream.release(sessionId as UpstreamSessionId);
      const revived = await result(signet.post(call(3, "count"), { id }));
      assert.equal(revived.count, 1);
      assert.notEqual(revived.pid, first.pid);
      assert.equal(endpoint.sessionIds.size, 2, "opened anew, under another upstream id");

      const crashed = await (await signet.post(call(4, "crash"), { id })).json();
      assert.match(crashed.error.message, /ended before it answered/);
      assert.equal((await result(signet.post(call(5, "count"), { id }))).count, 1);
      assert.equal(endpoint.sessionIds.size, 2, "a crash is the bridge's own affair");

      assert.equal(await status(signet.delete({ id })), 204);
      await nobodyLeft(stdio.token);
      assert.equal(await status(signet.post(call(6, "count"), { id })), 404);
    },
  );

  Deno.test(
    `L4: many requests that find their server stopped share one new process (${lane} lane)`,
    STRICT,
    async () => {
      await using stdio = new TestStdio();
      await using endpoint = new StdioEndpoint(stdio.upstream);
      await using signet = await TestSignet.start({ upstream: endpoint.url, lane });
      const id = await signet.open();
      stdio.upstream.release([...endpoint.sessionIds][0] as UpstreamSessionId);
      const counts = await Promise.all(
        Array.from({ length: 10 }, (_, i) => result(signet.post(call(i, "count"), { id }))),
      );
      assert.deepEqual(counts.map(({ count }) => count).sort((a, b) => Number(a) - Number(b)), [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
      ]);
      assert.equal(new Set(counts.map(({ pid }) => pid)).size, 1);
    },
  );
}
