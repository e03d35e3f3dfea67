// Upstream URLs taken apart.
import assert from "node:assert/strict";
import { describeEndpoint, parseEndpoint } from "../../../../lib/http1/wire/endpoint.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("parseEndpoint tells where to connect, what Host to send and what to ask for", STRICT, () => {
  const cases = [
    ["http://127.0.0.1:3000/mcp", "127.0.0.1:3000", "127.0.0.1:3000", "/mcp"],
    ["http://mcp.test", "mcp.test:80", "mcp.test", "/"],
    ["http://mcp.test:80/", "mcp.test:80", "mcp.test", "/"],
    ["https://mcp.test/a/b?c=d", "tls:mcp.test:443", "mcp.test", "/a/b?c=d"],
    ["https://mcp.test:8443?x", "tls:mcp.test:8443", "mcp.test:8443", "/?x"],
    ["http://[::1]:3000/mcp", "[::1]:3000", "[::1]:3000", "/mcp"],
    ["HTTP+UNIX://%2Frun%2Fmcp.sock/mcp", "unix:/run/mcp.sock", "localhost", "/mcp"],
    ["http+unix://%2Frun%2Fa%20b.sock", "unix:/run/a b.sock", "localhost", "/"],
    ["http+unix://%2Frun%2Fmcp.sock/a?b=c", "unix:/run/mcp.sock", "localhost", "/a?b=c"],
  ] as const;
  for (const [url, where, authority, target] of cases) {
    const parsed = parseEndpoint(url);
    assert.deepEqual([describeEndpoint(parsed.endpoint), parsed.authority, parsed.target], [where, authority, target]);
  }
});

Deno.test("parseEndpoint refuses what it cannot reach, and says what it wants", STRICT, () => {
  const cases = [
    ["", /want http:\/\/host/],
    ["127.0.0.1:3000", /want http/],
    ["ftp://host/", /found ftp:/],
    ["unix:///run/mcp.sock", /want http/],
    ["http://user:secret@host/", /credentials/],
    ["http://host/#part", /fragment/],
    ["http+unix://run/mcp.sock", /absolute socket path/],
    ["http+unix://%2Frun%00/mcp", /absolute socket path/],
    ["http+unix://%2/mcp", /percent-encoded/],
  ] as const;
  for (const [url, message] of cases) {
    assert.throws(() => parseEndpoint(url), (error) => error instanceof TypeError && message.test(error.message), url);
  }
});

Deno.test("parseEndpoint never quotes a URL that may hold a secret", STRICT, () => {
  for (const url of ["http://user:secret@host/", "secret", "ftp://secret/", "http://host/#secret"]) {
    assert.throws(() => parseEndpoint(url), (error) => !(error as Error).message.includes("secret"));
  }
});
