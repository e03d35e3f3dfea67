import assert from "node:assert/strict";
import { corsFields, Guard, preflightFields } from "../../../../lib/gateway/in/guard.ts";
import { STRICT } from "../../../support/strict.ts";

const loopback = new Guard({ loopback: true, allowHosts: [], allowOrigins: [] });
const named = new Guard({
  loopback: false,
  allowHosts: ["mcp.example", "api.example:8443"],
  allowOrigins: ["https://app.example"],
});

Deno.test("PROTOCOL 14: Guard allows only loopback hosts when the listener is loopback", STRICT, () => {
  for (const host of ["localhost", "localhost:80", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"]) {
    assert.equal(loopback.allowsHost(host), true, host);
  }
  for (
    const host of ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "[::1].evil", "localhost@evil"]
  ) {
    assert.equal(loopback.allowsHost(host), false, host);
  }
});

Deno.test("PROTOCOL 14: Guard allows only the configured hosts when the listener is not loopback", STRICT, () => {
  for (const host of ["mcp.example", "MCP.example:1", "api.example:8443"]) {
    assert.equal(named.allowsHost(host), true, host);
  }
  for (const host of ["api.example", "api.example:1", "localhost", "127.0.0.1"]) {
    assert.equal(named.allowsHost(host), false, host);
  }
});

Deno.test("Guard allows every host when nothing is configured beyond loopback", STRICT, () => {
  assert.equal(new Guard({ loopback: false, allowHosts: [], allowOrigins: [] }).allowsHost("x"), true);
});

Deno.test(
  "PROTOCOL 14: Guard allows an origin when it is configured, or loopback on a loopback listener",
  STRICT,
  () => {
    for (const origin of ["http://localhost", "http://localhost:6274", "https://127.0.0.1:1", "http://[::1]:3"]) {
      assert.equal(loopback.allowsOrigin(origin), true, origin);
      assert.equal(named.allowsOrigin(origin), false, origin);
    }
    assert.equal(named.allowsOrigin("https://app.example"), true);
    for (
      const origin of [
        "null",
        "",
        "file://",
        "https://app.example.evil",
        "http://localhost.evil",
        "http://a@localhost",
        "http://app.example",
      ]
    ) {
      assert.equal(loopback.allowsOrigin(origin), false, origin);
      assert.equal(named.allowsOrigin(origin), false, origin);
    }
  },
);

Deno.test("CORS fields name the one origin and expose the session id", STRICT, () => {
  const fields = corsFields("https://app.example");
  assert.equal(fields[fields.indexOf("access-control-allow-origin") + 1], "https://app.example");
  assert.match(fields[fields.indexOf("access-control-expose-headers") + 1]!, /mcp-session-id/);
  const preflight = preflightFields("https://app.example", "mcp-session-id, x-tenant");
  assert.equal(preflight[preflight.indexOf("access-control-allow-headers") + 1], "mcp-session-id, x-tenant");
});
