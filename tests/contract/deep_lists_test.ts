// Schemas nested without measure, in lists that cross between the eras (docs/behaviour.md A6, M6, S2): whoever wrote them,
// nobody else is harmed, and their client is answered.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { within } from "../support/until.ts";

const DEPTH = 100_000;

function nested(member: string): string {
  return `{"${member}":{"a":`.repeat(DEPTH) + '{"type":"string"}' + "}}".repeat(DEPTH);
}

function toolOf(members: string): string {
  return `{"tools":[{"name":"deep",${members}},{"name":"other","inputSchema":{"type":"object"}}]}`;
}

function raw(id: unknown, result: string): Response {
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
  return new Response(text, { headers: { "content-type": "application/json" } });
}

for (const member of ["properties", "items"]) {
  Deno.test(`S2: a server with sessions lists a schema of many ${member} to a stateless client`, STRICT, async () => {
    await using server = new FakeMcp({ sessionsOnly: true });
    server.onRequest = ({ body, sessionId }) => {
      const { method, id } = JSON.parse(body === "" ? "{}" : body);
      if (method !== "tools/list" || !server.sessions.has(sessionId ?? "")) return undefined;
      return raw(id, toolOf(`"inputSchema":{"x-mcp-header":"A","properties":{"p":${nested(member)}}}`));
    };
    await using signet = await TestSignet.start({ upstream: server.url });
    const { status, text } = await within("the list", answered(ask(signet, "tools/list")));
    assert.equal(status, 200);
    assert.match(text, /"name":"other"/);
    assert.ok(!text.includes("x-mcp-header"), text.slice(0, 200));
  });

  Deno.test(`S2: a stateless server lists a result of many ${member} to a session's client`, STRICT, async () => {
    await using server = new FakeStateless();
    server.on(
      "tools/list",
      ({ id }) => raw(id, toolOf(`"inputSchema":{},"outputSchema":{"${member}":${nested(member)}}`)),
    );
    await using signet = await TestSignet.start({ upstream: server.url });
    const id = await signet.open();
    const response = await signet.post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, { id });
    const text = await within("the list", response.text());
    assert.match(text, /"name":"other"/);
    assert.match(text, /"outputSchema":\{"type":"object"/);
  });
}
