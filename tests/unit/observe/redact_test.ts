import assert from "node:assert/strict";
import { redactPath, redactUrl } from "../../../lib/observe/redact.ts";

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
