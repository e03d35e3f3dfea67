import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { load, problemLines, warningsOf } from "../sources.ts";

const BEARER = ["--principal", "bearer"];
const JWT = ["--principal", "jwt", "--jwt-issuer", "https://i", "--jwt-jwks", "https://i/keys"];
const RESOURCE = ["--resource", "https://m.example/mcp", "--authorization-server", "https://i"];

const lines = (...argv: string[]) => problemLines({ argv });

Deno.test("I4: the principal header is one of its own, and no session remembers it", STRICT, async () => {
  const proxy = ["--principal", "header", "--trusted-proxy", "10.0.0.1"];
  assert.deepEqual(await problemLines({ argv: [...proxy, "--principal-header", "Authorization"] }), [
    "--principal-header: authorization has another meaning",
  ]);
  assert.deepEqual(
    await problemLines({ argv: [...proxy, "--principal-header", "x-user", "--seal-header", "x-user"] }),
    [
      "--seal-header: x-user is the --principal-header",
    ],
  );
});

Deno.test("I4: headers that tell identities are no fields of HTTP's, of Signet's, nor each other", STRICT, async () => {
  for (const name of ["mcp-session-id", "Content-Length", "authorization", "Cookie", "origin"]) {
    for (const flag of ["--identity-user-header", "--identity-scopes-header"]) {
      assert.deepEqual(await lines(flag, name), [`${flag}: ${name.toLowerCase()} has another meaning`]);
    }
  }
  assert.deepEqual(await lines("--identity-user-header", "X-Signet-Scopes"), [
    "--identity-scopes-header: x-signet-scopes is the --identity-user-header",
  ]);
  const proxy = ["--principal", "header", "--trusted-proxy", "10.0.0.1", "--principal-header", "x-signet-user"];
  assert.deepEqual(await lines(...proxy), ["--identity-user-header: x-signet-user is the --principal-header"]);
  assert.deepEqual(await lines("--seal-header", "x-signet-user", "--transient-header", "x-signet-scopes"), [
    "--seal-header: x-signet-user is the --identity-user-header",
    "--transient-header: x-signet-scopes is the --identity-scopes-header",
  ]);
  assert.deepEqual(await lines("--forward-identity", "--identity-user-header", "x-user"), []);
});

Deno.test("I2: session-only makes no sense where callers may be anonymous", STRICT, async () => {
  const problem = "--session-only: callers may be anonymous, so no request ever lacks a credential";
  assert.deepEqual(await lines("--session-only"), [problem]);
  assert.deepEqual(await lines("--session-only", "--principal", "bearer,anonymous"), [problem]);
  assert.deepEqual(await lines("--session-only", "--forward-credential", "--identity-ttl", "1m", ...BEARER), []);
  assert.deepEqual(await lines("--forward-credential", "--identity-ttl", "1m", ...BEARER), [
    "--forward-credential: no credential is kept without --session-only",
    "--identity-ttl: no identity is kept without --session-only",
  ]);
});

Deno.test("O5: adoption is started with its trust model stated", STRICT, async () => {
  const warned = await warningsOf({ argv: ["--adopt", ...BEARER] });
  assert.match(warned, /belongs to the first caller who shows it/);
  assert.match(warned, /a restart forgets them/);
  assert.doesNotMatch(await warningsOf({ argv: BEARER }), /adopt/);
});

Deno.test("I5: metadata name the resource and who issues tokens for it", STRICT, async () => {
  assert.deepEqual(await lines(...RESOURCE, "--scope", "a b,c", ...BEARER), []);
  assert.deepEqual(await lines("--resource", "https://m/mcp"), [
    "--authorization-server: --resource names nobody to get a token from",
  ]);
  assert.deepEqual(await lines("--authorization-server", "https://i", "--scope", "a"), [
    "--resource: --authorization-server is for its metadata",
    "--scope: there are no metadata to name it in",
  ]);
  assert.deepEqual(await lines("--resource", "https://m/mcp?x=1", "--authorization-server", "https://i"), [
    "--resource: the URL has a query",
  ]);
});

Deno.test("I5: metadata are served here or elsewhere, not both", STRICT, async () => {
  const elsewhere = ["--resource-metadata-url", "https://m/.well-known/oauth-protected-resource"];
  assert.deepEqual(await lines(...elsewhere, ...BEARER), []);
  assert.deepEqual(await lines(...elsewhere, ...RESOURCE), [
    "--resource-metadata-url: with --resource Signet serves the metadata itself, and challenges point there",
  ]);
});

Deno.test("I5: an issuer keeps its spelling, for it is compared to the letter", STRICT, async () => {
  const argv = ["--resource", "https://m/mcp"];
  for (const issuer of ["https://I.example", "https://i.example/", "https://i.example/tenant"]) {
    const { settings } = await load({ argv: [...argv, "--authorization-server", issuer] });
    assert.deepEqual(settings.authorizationServers, [issuer]);
  }
  for (const issuer of ["i.example", "ftp://i", "https://i?x", "https://u:p@i", "https://i#x"]) {
    const found = await lines(...argv, "--authorization-server", issuer);
    assert.match(found.join(), /^--authorization-server: (this is not|the URL has|the URL holds)/, issuer);
  }
});

Deno.test(
  "I6: the audience wanted is the resource published, to the letter, by every source that wants one",
  STRICT,
  async () => {
    const told = (flag: string, of = "") =>
      `${flag}: no audience${of} is https://m.example/mcp, which --resource publishes and clients ask for tokens for`;
    const other = ["https://m.example/mcp/", "urn:other", "https://M.example/mcp"];
    for (const audience of other) {
      assert.deepEqual(await lines(...RESOURCE, ...JWT, "--jwt-audience", audience), [told("--jwt-audience")]);
    }
    const both = ["--jwt-audience", "urn:other", "--jwt-audience", "https://m.example/mcp"];
    assert.deepEqual(await lines(...RESOURCE, ...JWT, ...both), []);
    const root = ["--resource", "https://m.example", "--authorization-server", "https://i"];
    assert.deepEqual(await lines(...root, ...JWT, "--jwt-audience", "https://m.example"), []);
    const provider = (rest: string) => ["--jwt-provider", `issuer=https://e jwks=https://e/keys ${rest}`];
    const also = [...JWT, "--jwt-audience", "https://m.example/mcp"];
    assert.deepEqual(await lines(...RESOURCE, ...also, ...provider("audience=api://x")), [
      told("--jwt-provider", " of https://e"),
    ]);
    assert.deepEqual(await lines(...RESOURCE, ...also, ...provider("allow-no-audience=true client=a")), []);
  },
);

Deno.test("I5: what clients would find out one by one is warned of", STRICT, async () => {
  const moved = { argv: [...RESOURCE, ...BEARER, "--path", "/v1"] };
  assert.match(await warningsOf(moved), /--resource has the path \/mcp and this endpoint \/v1/);
  const root = { argv: ["--resource", "https://m", "--authorization-server", "https://i", "--path", "/", ...BEARER] };
  assert.doesNotMatch(await warningsOf(root), /--resource has the path/);
});

Deno.test("I5: an OAuth server's clients that could not find out where to log in are warned of", STRICT, async () => {
  const needs = ["--jwt-audience", "https://m.example/mcp"];
  for (const source of [BEARER, [...JWT, ...needs]]) {
    const found = await warningsOf({ argv: source });
    assert.match(found, /cannot find out where to log in.*Set --resource to .* and --authorization-server/);
    const elsewhere = ["--resource-metadata-url", "https://m.example/.well-known/oauth-protected-resource/mcp"];
    for (const named of [RESOURCE, elsewhere]) {
      assert.doesNotMatch(await warningsOf({ argv: [...source, ...named] }), /where to log in/);
    }
  }
  assert.doesNotMatch(await warningsOf({ argv: [] }), /where to log in/);
});
