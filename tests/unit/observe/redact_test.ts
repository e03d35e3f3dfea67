import assert from "node:assert/strict";
import { redactPath, redactUrl, withoutPassword, withoutUserInfo } from "../../../lib/observe/redact.ts";

Deno.test("P1: an address is shown without what may be a credential in it, wherever it stands", () => {
  const key = "sk-0123456789abcdef0123456789";
  assert.equal(redactUrl(`https://user:${key}@a.example:8443/mcp?key=${key}#${key}`), "https://a.example:8443/mcp");
  assert.equal(redactUrl(`https://a.example/mcp/${key}/sse`), "https://a.example/mcp/…/sse");
  assert.equal(redactPath("/.well-known/oauth-protected-resource/mcp"), "/.well-known/oauth-protected-resource/mcp");
  assert.equal(redactUrl(key), "(not a URL)");
  // A query that was joined wrongly, and a parameter of a path's segment (RFC 3986 §3.3).
  assert.equal(redactPath("/mcp&api_key=abc/x"), "/mcp&api_key=…/x");
  assert.equal(redactPath("/mcp%3Ftoken=abc&b=c"), "/mcp%3Ftoken=…&b=…");
  assert.equal(redactPath("/mcp%3ftoken%3Dabc"), "/mcp%3ftoken%3D…");
  assert.equal(redactUrl("https://a.example/mcp;jsessionid=abc"), "https://a.example/mcp;jsessionid=…");
});

Deno.test("user info goes wherever an address begins, up to the last sign that could end it", () => {
  const cases: readonly (readonly [address: string, bare: string, named: string])[] = [
    ["https://u:s3cret@h/p", "https://h/p", "https://u:…@h/p"],
    ["https://u:s3@cret@h:1/p", "https://h:1/p", "https://u:…@h:1/p"],
    ["https://a@b:s3cret@h", "https://h", "https://a@b:…@h"],
    ["jdbc:postgresql://u:s3cret@h/db", "jdbc:postgresql://h/db", "jdbc:postgresql://u:…@h/db"],
    ["files+https://u:s3cret@h/p", "files+https://h/p", "files+https://u:…@h/p"],
    ["https://proxy/https://u:s3cret@h/p", "https://proxy/https://h/p", "https://proxy/https://u:…@h/p"],
    ["users://alice@example.com/mail", "users://example.com/mail", "users://alice@example.com/mail"],
    ["users://alice@h:8080/a@b", "users://h:8080/a@b", "users://alice@h:8080/a@b"],
    ["file:///home/a@b/c", "file:///home/a@b/c", "file:///home/a@b/c"],
    ["https://h:80/a:b@c", "https://h:80/a:b@c", "https://h:80/a:b@c"],
    ["mailto:a@b", "mailto:a@b", "mailto:a@b"],
  ];
  for (const [address, bare, named] of cases) {
    assert.equal(withoutUserInfo(address), bare);
    assert.equal(withoutPassword(address), named);
  }
  assert.equal(redactPath("/proxy/https://u:s3cret@h/p"), "/proxy/https://h/p");
  assert.equal(redactUrl("jdbc:postgresql://u:s3cret@h/db"), "jdbc://postgresql://h/db");
});
