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
  upstreamAddress,
  wireOf,
} from "../../../../lib/config/values/addresses.ts";
import { advertisedAddress } from "../../../../lib/config/values/store_address.ts";
import { Guard } from "../../../../lib/gateway/in/guard.ts";
import { parseEndpoint } from "../../../../lib/http1/wire/endpoint.ts";
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

Deno.test("upstreamAddress reads http, https and unix sockets, with and without a name", STRICT, () => {
  assert.deepEqual(valueOf(upstreamAddress, "http://127.0.0.1:3000/mcp"), {
    name: "",
    required: false,
    command: [],
    url: "http://127.0.0.1:3000/mcp",
    hostname: "127.0.0.1",
    port: 3000,
  });
  assert.deepEqual(valueOf(upstreamAddress, "weather=HTTPS://MCP.Example/a?b=c,d"), {
    name: "weather",
    required: false,
    command: [],
    url: "https://mcp.example/a?b=c,d",
    hostname: "mcp.example",
    port: 443,
  });
  assert.deepEqual(valueOf(upstreamAddress, "http://[::1]/"), {
    name: "",
    required: false,
    command: [],
    url: "http://[::1]/",
    hostname: "::1",
    port: 80,
  });
  assert.equal(valueOf(upstreamAddress, "http+unix://%2Frun%2Fmcp.sock/mcp").url, "http+unix://%2Frun%2Fmcp.sock/mcp");
  assert.equal(valueOf(upstreamAddress, "http://a/b?x=http://c").name, "");
});

Deno.test("upstreamAddress reads members: required ones, and commands word by word without a shell", STRICT, () => {
  assert.deepEqual(valueOf(upstreamAddress, "github!=https://mcp.example/").required, true);
  const memory = valueOf(upstreamAddress, "memory=stdio:npx -y 'a b' \"c d\"");
  assert.deepEqual(memory.command, ["npx", "-y", "a b", "c d"]);
  assert.deepEqual(valueOf(upstreamAddress, upstreamAddress.format(memory)), memory);
  assert.match(problemOf(upstreamAddress, "memory=stdio: "), /no command/);
  assert.match(problemOf(upstreamAddress, "memory=stdio:a 'b"), /not closed/);
});

Deno.test("upstreamAddress refuses other schemes, fragments and credentials, and quotes none", STRICT, () => {
  assert.match(problemOf(upstreamAddress, "ftp://a/"), /"ftp:\/\/" is no way/);
  assert.match(problemOf(upstreamAddress, "127.0.0.1:3000"), /has no scheme/);
  for (
    const text of [
      "1a=http://h/mcp",
      "my.server=http://h/mcp",
      "=http://h/mcp",
      `${"a".repeat(33)}=stdio:x`,
      "é!=http://h/",
    ]
  ) {
    assert.match(problemOf(upstreamAddress, text), /before = is no name.*Write NAME=URL/s, text);
  }
  assert.match(problemOf(upstreamAddress, "npx -y server"), /holds blanks.*Put a command behind --/s);
  assert.match(problemOf(upstreamAddress, "localhost:3000/mcp"), /has no scheme/);
  assert.match(problemOf(upstreamAddress, "http://a/#x"), /fragment/);
  assert.match(problemOf(upstreamAddress, "http+unix://run/mcp"), /no absolute socket path/);
  assert.match(problemOf(upstreamAddress, "http+unix://%2F%zz/mcp"), /no absolute socket path/);
  for (const text of ["http://user:hunter2@a/", "http://hunter2@a/", "hunter2://[/", "a=hunter2"]) {
    assert.doesNotMatch(problemOf(upstreamAddress, text).replace('"hunter2://"', ""), /hunter2/, text);
  }
});

Deno.test(
  "upstreamAddress accepts nothing the upstream's own parser refuses, and reads the same address",
  STRICT,
  () => {
    const scheme = fc.constantFrom("http://", "https://", "HTTP+unix://", "http+unix://", "ftp://", "");
    const host = fc.constantFrom(
      "a",
      "127.0.0.1",
      "[::1]",
      "%2Frun%2Fs",
      "%2f%",
      "run",
      "u:p@a",
      "",
      "%2Fa%00b",
      "a:b",
    );
    const rest = fc.constantFrom("", "/", "/mcp", ":80/x", ":8080", "?a=b", "/a#b", "#", ":99999", "/é", "//b/c");
    const texts = fc.oneof(fc.tuple(scheme, host, rest).map((parts) => parts.join("")), fc.webUrl());
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = upstreamAddress.parse(text);
        if (!("value" in parsed)) return;
        const { endpoint } = parseEndpoint(parsed.value.url);
        if (endpoint.transport === "unix") assert.deepEqual([parsed.value.hostname, parsed.value.port], ["", 0]);
        else assert.deepEqual([parsed.value.hostname, parsed.value.port], [endpoint.hostname, endpoint.port]);
      }),
      { numRuns: 1000 },
    );
  },
);

Deno.test("upstreamAddress separates a list only before the next URL", STRICT, () => {
  const text = "a=http://a/?x=1,2, b=https://b/,http+unix://%2Fs/m http://c/";
  assert.deepEqual(text.split(upstreamAddress.separator!), [
    "a=http://a/?x=1,2",
    "b=https://b/",
    "http+unix://%2Fs/m",
    "http://c/",
  ]);
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

Deno.test("upstreamAddress takes the stream of a server of HTTP+SSE, under a key of its own", STRICT, () => {
  const found = valueOf(upstreamAddress, "old=sse+HTTP://Host:3001/sse?x=1");
  assert.deepEqual(found, {
    ...{ name: "old", required: false, command: [], hostname: "host", port: 3001 },
    url: "sse+http://host:3001/sse?x=1",
  });
  assert.deepEqual(wireOf(found), { isSse: true, url: "http://host:3001/sse?x=1" });
  assert.equal(upstreamAddress.format(found), "old=sse+http://host:3001/sse?x=1");
  assert.deepEqual(wireOf({ url: "http://host/mcp" }), { isSse: false, url: "http://host/mcp" });
  for (
    const text of [
      "sse+http://user:pass@host/sse",
      "sse+https://host/sse#x",
      "sse+ftp://host/",
      "sse+sse+http://h/",
      "sse://h/",
    ]
  ) {
    assert.match(problemOf(upstreamAddress, text), /credentials|fragment|no way to reach|not a URL/, text);
  }
});

Deno.test("port 0 is nothing to connect to, in any address that is", STRICT, () => {
  for (const url of ["http://127.0.0.1:0/mcp", "https://mcp.example:00/mcp"]) {
    assert.match(problemOf(upstreamAddress, url), /port is 0.*Name the port/);
    assert.match(problemOf(httpUrl, url), /port is 0/);
  }
  assert.match(problemOf(upstreamAddress, "a=sse+http://127.0.0.1:0/sse"), /port is 0/);
  assert.match(problemOf(advertisedAddress, "http://10.0.0.7:0"), /nobody can be reached there/);
});
