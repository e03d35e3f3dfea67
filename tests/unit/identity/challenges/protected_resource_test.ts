import assert from "node:assert/strict";
import {
  describeProtectedResource,
  type ProtectedResourceConfig,
} from "../../../../lib/identity/challenges/protected_resource.ts";
import { STRICT } from "../../../support/strict.ts";

const ISSUER = "https://issuer.example";
const describe = (resource: string, rest: Partial<ProtectedResourceConfig> = {}) =>
  describeProtectedResource({ resource, authorizationServers: [ISSUER], ...rest });

Deno.test(
  "I5: metadata stands at the well-known path inserted before the resource's own (RFC 9728 §3.1)",
  STRICT,
  () => {
    const well = "/.well-known/oauth-protected-resource";
    const cases: [string, string, string, string[]][] = [
      ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp", `https://mcp.example.com${well}/mcp`, [
        `${well}/mcp`,
        well,
      ]],
      ["https://mcp.example.com/a/b/", "https://mcp.example.com/a/b/", `https://mcp.example.com${well}/a/b/`, [
        `${well}/a/b/`,
        well,
      ]],
      ["https://mcp.example.com/", "https://mcp.example.com", `https://mcp.example.com${well}`, [well]],
      ["HTTPS://MCP.Example.com:443", "https://mcp.example.com", `https://mcp.example.com${well}`, [well]],
      [
        "https://mcp.example.com:8443/mcp",
        "https://mcp.example.com:8443/mcp",
        `https://mcp.example.com:8443${well}/mcp`,
        [`${well}/mcp`, well],
      ],
      ["http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp", `http://127.0.0.1:8080${well}/mcp`, [
        `${well}/mcp`,
        well,
      ]],
    ];
    for (const [given, resource, metadataUrl, paths] of cases) {
      const described = describe(given);
      assert.deepEqual([described.resource, described.metadataUrl, described.paths], [resource, metadataUrl, paths]);
      assert.equal(JSON.parse(described.document).resource, resource);
    }
  },
);

Deno.test("I5: the document says what is configured and nothing else", STRICT, () => {
  assert.deepEqual(JSON.parse(describe("https://mcp.example.com/mcp").document), {
    resource: "https://mcp.example.com/mcp",
    authorization_servers: [ISSUER],
    bearer_methods_supported: ["header"],
  });
  const full = describe("https://mcp.example.com/mcp", {
    // An issuer is compared as text: its trailing slash stays.
    authorizationServers: [`${ISSUER}/`, "https://other.example/tenant"],
    scopes: ["mcp:read", "mcp:write"],
    name: "Tools “R” us",
    documentation: "https://docs.example/mcp",
  });
  assert.deepEqual(JSON.parse(full.document), {
    resource: "https://mcp.example.com/mcp",
    authorization_servers: [`${ISSUER}/`, "https://other.example/tenant"],
    scopes_supported: ["mcp:read", "mcp:write"],
    bearer_methods_supported: ["header"],
    resource_name: "Tools “R” us",
    resource_documentation: "https://docs.example/mcp",
  });
});

Deno.test("I5: what cannot stand in the document is refused with what is wanted", STRICT, () => {
  const cases: [string, Partial<ProtectedResourceConfig>, RegExp][] = [
    ["mcp.example.com", {}, /no URL of https in the resource URI/],
    ["ftp://mcp.example.com", {}, /no URL of https/],
    ["http://mcp.example.com/mcp", {}, /plain http beyond loopback/],
    ["https://mcp.example.com/mcp#", {}, /fragment/],
    ["https://user@mcp.example.com/mcp", {}, /user info/],
    ["https://mcp.example.com/mcp?a=b", {}, /query/],
    ["https://mcp.example.com/mcp", { authorizationServers: [] }, /at least one issuer/],
    [
      "https://mcp.example.com/mcp",
      { authorizationServers: ["issuer"] },
      /no URL of https in the authorization server/,
    ],
    ["https://mcp.example.com/mcp", { authorizationServers: ["http://issuer.example"] }, /plain http/],
    ["https://mcp.example.com/mcp", { authorizationServers: [`${ISSUER}?x`] }, /query/],
    ["https://mcp.example.com/mcp", { scopes: ["a b"] }, /RFC 6749/],
    ["https://mcp.example.com/mcp", { scopes: [""] }, /RFC 6749/],
    ["https://mcp.example.com/mcp", { documentation: "docs" }, /in the documentation URL/],
  ];
  for (const [resource, rest, expected] of cases) {
    assert.throws(() => describe(resource, rest), (fault: unknown) => {
      assert.ok(fault instanceof RangeError);
      assert.match(fault.message, expected);
      return true;
    });
  }
  assert.equal(describe("http://mcp.example.com/mcp", { unsafeHttp: true }).resource, "http://mcp.example.com/mcp");
});
