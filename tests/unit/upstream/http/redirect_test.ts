// lib/upstream/http/redirect.ts: which redirects stay with the same server (P6).
import assert from "node:assert/strict";
import type { ResponseHead } from "../../../../lib/http1/types.ts";
import { madeHead } from "../../../../lib/http1/wire/heads/head.ts";
import { redirectTarget } from "../../../../lib/upstream/http/redirect.ts";
import { STRICT } from "../../../support/strict.ts";

function head(status: number, location: string | undefined): ResponseHead {
  const fields = location === undefined ? [] : ["location", location];
  return madeHead(status, fields, 0);
}

const CASES: [string, string, string, string | undefined, string | undefined][] = [
  ["a path", "http://a:80", "/mcp", "/mcp/", "/mcp/"],
  ["with the query", "http://a", "/mcp?x=1", "/mcp/?x=1", "/mcp/?x=1"],
  ["relative", "http://a", "/v1/mcp", "mcp/", "/v1/mcp/"],
  ["the default port", "http://a", "/mcp", "http://a:80/mcp/", "/mcp/"],
  ["behind a proxy that ends TLS", "https://a", "/mcp", "http://a/mcp/", "/mcp/"],
  ["upgraded by name", "http://a", "/mcp", "https://a/mcp/", "/mcp/"],
  ["another case", "http://a", "/mcp", "HTTP://A/mcp/", "/mcp/"],
  ["a fragment", "http://a", "/mcp", "/mcp/#x", "/mcp/"],
  ["another scheme and port", "http://a:8080", "/mcp", "https://a:8080/mcp/", undefined],
  ["another host", "http://a", "/mcp", "http://b/mcp/", undefined],
  ["a host behind credentials", "http://a", "/mcp", "http://a@b/mcp/", undefined],
  ["a longer host", "http://a", "/mcp", "http://a.b/mcp/", undefined],
  ["a backslash", "http://a", "/mcp", "\\\\b\\mcp", undefined],
  ["no location", "http://a", "/mcp", undefined, undefined],
  ["itself", "http://a", "/mcp", "http://a/mcp", undefined],
  ["ftp", "http://a", "/mcp", "ftp://a/mcp/", undefined],
];

for (const [what, base, target, location, wanted] of CASES) {
  Deno.test(`P6: a redirect to ${what} is ${wanted === undefined ? "refused" : "followed"}`, STRICT, () => {
    assert.equal(redirectTarget(base, target, head(307, location)), wanted);
    assert.equal(redirectTarget(base, target, head(308, location)), wanted);
    assert.equal(redirectTarget(base, target, head(302, location)), undefined);
  });
}
