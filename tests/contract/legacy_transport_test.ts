// Whoever speaks the HTTP+SSE transport of MCP 2024-11-05 where it is not served is told so by name (issue 9, row 21).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { INITIALIZE, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

async function messageOf(answer: Promise<Response>): Promise<[status: number, message: string]> {
  const response = await answer;
  return [response.status, (await response.json() as { error: { message: string } }).error.message];
}

for (const lane of LANES) {
  Deno.test(
    `V1: a client of the HTTP+SSE transport is told what it speaks and where to go (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const at = (path: string, init: RequestInit = {}) => messageOf(fetch(new URL(path, signet.url), init));
      const json = { "content-type": "application/json" };
      for (const path of ["/sse", "/mcp/sse", "/messages?sessionId=x", "/message/"]) {
        const [status, message] = await at(
          path,
          path.includes("mess") ? { method: "POST", headers: json, body: "{}" } : {},
        );
        assert.equal(status, 404);
        assert.match(message, /HTTP\+SSE transport of 2024-11-05 .*Streamable HTTP to \/mcp$/);
      }
      assert.deepEqual(await at("/assessment"), [404, "Not found: the MCP endpoint is /mcp"]);
      const [status, message] = await messageOf(signet.get());
      assert.equal(status, 400);
      assert.match(message, /Mcp-Session-Id is missing.*HTTP\+SSE transport of 2024-11-05/);
      assert.equal(upstream.requests.length, 0);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `V1 B11: a client of the HTTP+SSE transport at another path is told where it is served (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--legacy-sse", "/events"] });
      assert.deepEqual(await messageOf(signet.get()), [
        400,
        "Bad request: Mcp-Session-Id is missing; only initialize may come without it. " +
        "If the client speaks the HTTP+SSE transport of 2024-11-05: that is served at /events",
      ]);
      assert.match(
        String(signet.logs.find(({ code }) => code === "session_required")!.remedy),
        /to the path \/events\.$/,
      );
      assert.deepEqual(await messageOf(fetch(new URL("/sse", signet.url))), [
        404,
        "Not found: the HTTP+SSE transport of 2024-11-05 is served at /events, Streamable HTTP at /mcp",
      ]);
      assert.match(String(signet.logs.find(({ code }) => code === "path_not_found")!.remedy), /to the path \/events,/);
      assert.equal(upstream.requests.length, 0);
    },
  );
}

Deno.test("V1: a server of the HTTP+SSE transport is named to client and operator", STRICT, async () => {
  await using upstream = new FakeMcp();
  let streams = 0;
  upstream.onRequest = (request) => {
    if (request.method !== "GET") return new Response("Cannot POST /sse", { status: 404 });
    streams++;
    const body = new ReadableStream({
      start: (controller) =>
        controller.enqueue(new TextEncoder().encode("event: endpoint\ndata: /messages?sessionId=1\n\n")),
      cancel: () => void streams--,
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--principal", "bearer"] });
  const [status, message] = await messageOf(signet.post(INITIALIZE, { token: "secret" }));
  assert.equal(status, 502);
  assert.match(message, /the MCP server speaks the HTTP\+SSE transport of 2024-11-05/);
  const line = signet.logs.find(({ code }) => code === "upstream_not_mcp")!;
  assert.equal(line.found, "the HTTP+SSE transport of 2024-11-05");
  assert.match(String(line.remedy), /sse\+ before the URL in --upstream/);
  assert.equal(upstream.requests.find(({ method }) => method === "GET")!.headers.has("authorization"), false);
});

Deno.test(
  "V1: a path without any MCP server is not taken for one, and a silent stream is not waited for",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    let answer = () => new Response("not here", { status: 404 });
    upstream.onRequest = (request) => request.method === "GET" ? answer() : new Response("not here", { status: 404 });
    await using signet = await TestSignet.start({ upstream: upstream.url });
    assert.match((await messageOf(signet.post(INITIALIZE)))[1], /no MCP server answers at the configured path/);
    answer = () => new Response(new ReadableStream({}), { headers: { "content-type": "text/event-stream" } });
    assert.match((await messageOf(signet.post(INITIALIZE)))[1], /no MCP server answers at the configured path/);
  },
);
