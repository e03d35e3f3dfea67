import assert from "node:assert/strict";
import { claimAt, clientOf, holdsAudience, type Members, scopesOf } from "../../../lib/identity/claims.ts";
import { STRICT } from "../../support/strict.ts";

const CLIENTS: readonly [string, Members, string | undefined][] = [
  ["client_id", { client_id: "app" }, "app"],
  ["azp", { azp: "app" }, "app"],
  ["cid", { cid: "app" }, "app"],
  ["appid", { appid: "app" }, "app"],
  ["two names that agree", { client_id: "app", azp: "app" }, "app"],
  ["a blank or null name beside another", { client_id: " ", azp: null, cid: "app" }, "app"],
  ["no name", { sub: "alice" }, undefined],
  ["names after prototypes", {}, undefined],
];

for (const [what, members, client] of CLIENTS) {
  Deno.test(`I6: the client of ${what}`, STRICT, () => assert.equal(clientOf(members), client));
}

for (
  const [what, members] of [
    ["two clients", { client_id: "a", azp: "b" }],
    ["two clients by names of servers' own", { cid: "a", appid: "b" }],
    ["a list", { cid: ["a"] }],
    ["a number", { azp: 7 }],
    ["a lone surrogate", { client_id: "\ud800" }],
  ] as const
) {
  Deno.test(`I7: ${what} is no client, and is refused`, STRICT, () => {
    const answer = clientOf(members);
    assert.ok(typeof answer === "object" && answer.kind === "invalid");
  });
}

const SCOPES: readonly [string, Members, readonly string[], readonly string[]][] = [
  ["text", { scope: "read  write" }, [], ["read", "write"]],
  ["a list in scope", { scope: ["read", "write", 1, ""] }, [], ["read", "write"]],
  ["text in scp", { scp: "read write" }, [], ["read", "write"]],
  ["scp behind an empty scope", { scope: "", scp: ["write"] }, [], ["write"]],
  ["scope before scp", { scope: "read read", scp: ["write"] }, [], ["read"]],
  ["roles only where configured", { roles: ["admin"] }, [], []],
  ["roles", { scope: "read", roles: ["admin"] }, ["roles"], ["read", "admin"]],
  ["roles by path", { realm_access: { roles: ["admin"] } }, ["realm_access.roles"], ["admin"]],
  ["roles under a name with dots", { "https://a.example/roles": ["admin"] }, ["https://a.example/roles"], ["admin"]],
  ["what is neither text nor list", { scope: { read: true }, scp: 7, roles: null }, ["roles"], []],
];

for (const [what, members, further, scopes] of SCOPES) {
  Deno.test(`I6: scopes of ${what}`, STRICT, () => assert.deepEqual(scopesOf(members, further), scopes));
}

Deno.test("I6: no claim is found in a prototype", STRICT, () => {
  for (const name of ["constructor", "constructor.name", "__proto__", "a.length", "list.0"]) {
    assert.equal(claimAt({ a: "text", list: ["x"] }, name), undefined, name);
  }
});

Deno.test("I6: with and without the slash that ends it, an audience is one resource, and no other is", STRICT, () => {
  for (const aud of ["https://h/mcp", "https://h/mcp/", ["x", "https://h/mcp/"]]) {
    assert.ok(holdsAudience(aud, ["https://h/mcp"]));
    assert.ok(holdsAudience(aud, ["https://h/mcp/"]));
  }
  for (
    const aud of ["https://h/mcp//", "https://h/MCP", "https://h/mcp/x", "https://h", "", null, [], [["https://h/mcp"]]]
  ) {
    assert.equal(holdsAudience(aud, ["https://h/mcp"]), false, JSON.stringify(aud));
  }
});
