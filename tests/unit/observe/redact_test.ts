import assert from "node:assert/strict";
import { redactPath, redactUrl } from "../../../lib/observe/redact.ts";

Deno.test("P1: an address is shown without what may be a credential in it, wherever it stands", () => {
  const key = "sk-0123456789abcdef0123456789";
  assert.equal(redactUrl(`https://user:${key}@a.example:8443/mcp?key=${key}#${key}`), "https://a.example:8443/mcp");
  assert.equal(redactUrl(`https://a.example/mcp/${key}/sse`), "https://a.example/mcp/…/sse");
  assert.equal(redactPath("/.well-known/oauth-protected-resource/mcp"), "/.well-known/oauth-protected-resource/mcp");
  assert.equal(redactUrl(key), "(not a URL)");
});
