import fc from "fast-check";
import assert from "node:assert/strict";
import { upstreamAddress, wireOf } from "../../../../lib/config/values/upstream_address.ts";
import { parseEndpoint } from "../../../../lib/http1/wire/endpoint.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemOf, valueOf } from "../parsed.ts";

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
