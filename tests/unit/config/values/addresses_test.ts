import fc from "fast-check";
import assert from "node:assert/strict";
import {
  cidr,
  endpointPath,
  hostName,
  httpUrl,
  jwksSource,
  listenAddress,
  listenAddressOrOff,
  origin,
} from "../../../../lib/config/values/addresses.ts";
import { advertisedAddress } from "../../../../lib/config/values/store_address.ts";
import { upstreamAddress } from "../../../../lib/config/values/upstream_address.ts";
import { Guard } from "../../../../lib/gateway/in/guard.ts";
import { cidrProblem } from "../../../../lib/platform/network/cidr.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemOf, valueOf } from "../parsed.ts";

Deno.test("listenAddress reads names, IPv4 and bracketed IPv6", STRICT, () => {
  assert.deepEqual(valueOf(listenAddress, "127.0.0.1:8080"), { hostname: "127.0.0.1", port: 8080 });
  assert.deepEqual(valueOf(listenAddress, "[::1]:0"), { hostname: "::1", port: 0 });
  assert.deepEqual(valueOf(listenAddress, "LocalHost:65535"), { hostname: "localhost", port: 65535 });
  assert.equal(listenAddress.format({ hostname: "::1", port: 80 }), "[::1]:80");
});

Deno.test("listenAddress refuses what could not be bound", STRICT, () => {
  const texts = ["", "8080", ":8080", "127.0.0.1", "::1:80", "[::1]", "[127.0.0.1]:80", "256.0.0.1:80", "1.2.3:80"];
  for (const text of [...texts, "a b:80", "-a:80", "http://a:80", "a:80/", "a:-1", "a:", "[::g]:80", "a:080800"]) {
    assert.match(problemOf(listenAddress, text), /Write HOST:PORT/, text);
  }
  assert.match(problemOf(listenAddress, "a:65536"), /port 65536 does not exist/);
  assert.equal(valueOf(listenAddressOrOff, "off"), "off");
  assert.match(problemOf(listenAddressOrOff, "none"), /not an address/);
});

Deno.test("endpointPath takes only what arrives unchanged in a request target", STRICT, () => {
  for (const text of ["/", "/mcp", "/a/b-c_d~e/", "/a%20b"]) assert.equal(valueOf(endpointPath, text), text);
  for (const text of ["", "mcp", "http://a/mcp", "//a/mcp", "/a/../b", "/./a", "/a b", "/a?b", "/a#b", "/é", "/a\\b"]) {
    assert.match(problemOf(endpointPath, text), /does not begin with|not a plain path/, text);
  }
});

Deno.test("httpUrl and jwksSource refuse credentials, other schemes and blanks", STRICT, () => {
  assert.equal(valueOf(httpUrl, "https://Auth.Example/keys"), "https://auth.example/keys");
  for (const text of ["", "auth.example", "file:///etc/passwd", "https://u:p@a/", "https://a/#k", "https://"]) {
    problemOf(httpUrl, text);
  }
  assert.deepEqual(valueOf(jwksSource, "https://a/k"), { kind: "url", url: "https://a/k" });
  assert.deepEqual(valueOf(jwksSource, "./keys.json"), { kind: "file", path: "./keys.json" });
  for (const text of ["", "file:///keys.json", "https://u:p@a/"]) problemOf(jwksSource, text);
});

Deno.test("cidr accepts what the trusted-proxy list accepts, and nothing else", STRICT, () => {
  const part = fc.constantFrom("10", "010", "0", "255", "256", "");
  const ipv4 = fc.tuple(part, part, part, part).map((parts) => parts.join("."));
  const ipv6 = fc.oneof(fc.ipV6(), fc.constantFrom("::", "fd00::", "::ffff:1.2.3.4", "1::2::3", ":", "fe80::1%eth0"));
  const length = fc.constantFrom("", "/0", "/8", "/32", "/33", "/128", "/129", "/", "/x", "/-1");
  const texts = fc.tuple(fc.oneof(ipv4, ipv6, fc.string()), length).map(([address, prefix]) => address + prefix);
  fc.assert(
    fc.property(texts, (text) => {
      const parsed = cidr.parse(text);
      assert.equal("value" in parsed, cidrProblem(text) === undefined, text);
      if ("value" in parsed) assert.equal(cidrProblem(parsed.value), undefined, parsed.value);
    }),
    { numRuns: 500 },
  );
});

Deno.test("M4: hostName takes names with and without a port, as the guard compares them", STRICT, () => {
  for (const text of ["MCP.example", "mcp.example:8443", "10.0.0.1", "[fd00::1]:80", "my_host"]) {
    const guard = new Guard({ loopback: false, allowHosts: [valueOf(hostName, text)], allowOrigins: [] });
    assert.equal(guard.allowsHost(text), true, text);
  }
  for (const text of ["", "https://a", "a/b", "a b", "a:99999", "*.example", "a,b", "[::1", "fd00::1"]) {
    problemOf(hostName, text);
  }
  assert.match(problemOf(hostName, "*"), /--unsafe-listen/);
});

Deno.test("M4: origin takes what browsers send, as the guard compares it", STRICT, () => {
  const sent: [string, string][] = [
    ["https://app.example", "https://app.example"],
    ["HTTPS://App.Example:443", "https://app.example"],
    ["http://localhost:5173", "http://localhost:5173"],
    ["vscode-webview://Abc", "vscode-webview://abc"],
  ];
  for (const [text, header] of sent) {
    const guard = new Guard({ loopback: false, allowHosts: ["a"], allowOrigins: [valueOf(origin, text)] });
    assert.equal(guard.allowsOrigin(header), true, text);
  }
  for (const text of ["", "app.example", "https://a/", "https://a/b", "https://u@a", "https://a?b", "https://"]) {
    problemOf(origin, text);
  }
  for (const text of ["*", "null"]) assert.match(problemOf(origin, text), /every page/);
});

Deno.test("port 0 is nothing to connect to, in any address that is", STRICT, () => {
  for (const url of ["http://127.0.0.1:0/mcp", "https://mcp.example:00/mcp"]) {
    assert.match(problemOf(upstreamAddress, url), /port is 0.*Name the port/);
    assert.match(problemOf(httpUrl, url), /port is 0/);
  }
  assert.match(problemOf(upstreamAddress, "a=sse+http://127.0.0.1:0/sse"), /port is 0/);
  assert.match(problemOf(advertisedAddress, "http://10.0.0.7:0"), /nobody can be reached there/);
});
