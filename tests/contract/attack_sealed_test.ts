// Attacks on what is sealed for stateless clients (S1): by a session that its caller has at the same server, too.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { LANES, TestSignet } from "../support/signet.ts";
import { answered, ask, resultOf } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";

for (const lane of LANES) {
  for (const how of ["header and envelope", "envelope alone"]) {
    Deno.test(
      `S1: a stateless request brings nothing unsealed by a session of its caller's (${how}, ${lane} lane)`,
      STRICT,
      async () => {
        await using server = new FakeMcp();
        await using signet = await TestSignet.start({ upstream: server.url, lane });
        const id = await signet.open();
        const answer = '{"resultType":"input_required","inputRequests":{},"requestState":"secret"}';
        server.onRequest = (request) => {
          const { method, params } = JSON.parse(request.body || "{}");
          return method === "tools/call" && params._meta !== undefined ? resultOf(request, answer) : undefined;
        };
        const before = server.requests.length;
        const headers: Record<string, string> = how === "envelope alone"
          ? { "mcp-protocol-version": "2025-11-25" }
          : {};
        const forged = [
          ["tools/call", { name: "ask", requestState: "forged" }],
          ["tasks/get", { taskId: "forged" }],
          ["tools/list", { cursor: "forged" }],
        ] as const;
        for (const [method, params] of forged) {
          const { error } = await answered(ask(signet, method, params, { id, headers }));
          assert.ok(error !== undefined, method);
        }
        assert.deepEqual(server.requests.slice(before).map(({ body }) => body), []);
        if (how === "envelope alone") return;
        const { result } = await answered(ask(signet, "tools/call", { name: "ask" }, { id, headers }));
        assert.notEqual(result.requestState, "secret");
        assert.equal(server.received("POST", "tools/call").at(-1)!.sessionId, null);
      },
    );
  }
}
