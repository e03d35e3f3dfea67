import assert from "node:assert/strict";
import {
  loadSecrets,
  parseAdminToken,
  parseClientSecret,
  parseTokenSecrets,
} from "../../../../lib/config/named/secrets.ts";
import { ConfigError } from "../../../../lib/errors.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemLines, sourcesOf, warningsOf } from "../sources.ts";

const A = btoa("a".repeat(32));
const B = btoa("b".repeat(33));
const SHORT = btoa("hunter2".repeat(4));

function problemsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.doesNotMatch(error.message, /hunter2|aHVudGVyMg/);
    return error.problems.map(({ place, problem }) => `${place}: ${problem}`);
  }
  return [];
}

Deno.test("T4: token secrets are read one a line, the first one first", STRICT, () => {
  const secrets = parseTokenSecrets(`# since March\n${A}\r\n\n  ${B}  # old\n`, "tokens");
  const macs = secrets.map((secret) => secret.mac("x"));
  const [a, b] = [parseTokenSecrets(A, "t")[0]!.mac("x"), parseTokenSecrets(B, "t")[0]!.mac("x")];
  assert.deepEqual(macs, [a, b]);
  assert.notDeepEqual(a, b);
});

Deno.test("T4: every token secret that is none is told by its line, and not shown", STRICT, () => {
  const text = `${A}\n${SHORT}\nhunter2 hunter2 hunter2 hunter2 hunter2 hunter2\n${A}\n`;
  assert.deepEqual(problemsOf(() => parseTokenSecrets(text, "tokens")), [
    "tokens:2: the secret has 28 bytes, at least 32 are wanted",
    "tokens:3: the secret is not base64",
    "tokens:4: the secret stands on line 1 already",
  ]);
  assert.deepEqual(problemsOf(() => parseTokenSecrets("\n# nothing\n", "tokens")), [
    "tokens: the file holds no token secret",
  ]);
});

Deno.test("an admin token is one line a header field can carry, and prints as nothing", STRICT, () => {
  const token = parseAdminToken(`${A}\n`, "admin");
  assert.equal(token.authorization(), `Bearer ${A}`);
  assert.equal(`${token} ${JSON.stringify({ token })}`, 'AdminToken(hidden) {"token":"AdminToken(hidden)"}');
  assert.doesNotMatch(Deno.inspect(token), new RegExp(A.slice(0, 8)));
  for (const text of ["hunter2", "", "hunter2 hunter2 hunter2 hunter2 hunter2", `${A}\n${B}`, "hunter2é".repeat(5)]) {
    const found = problemsOf(() => parseAdminToken(text, "admin"));
    assert.equal(found.length, 1, text);
    assert.match(found[0]!, /^admin: the admin token (has \d+ characters|holds characters)/);
  }
});

Deno.test("a client secret is whatever one line the authorization server gave", STRICT, () => {
  assert.equal(parseClientSecret(" hunter2 with blanks\n", "secret"), "hunter2 with blanks");
  assert.deepEqual(problemsOf(() => parseClientSecret(" \n", "secret")), ["secret: the file holds no client secret"]);
  assert.deepEqual(problemsOf(() => parseClientSecret("a\nb", "secret")), [
    "secret: the file holds more than one line",
  ]);
});

Deno.test("loadSecrets gives what is configured, and every problem at once", STRICT, async () => {
  const files = { tokens: `${A}\n${B}`, admin: A, client: "s" };
  const { readTextFile } = sourcesOf({ files });
  const found = await loadSecrets(
    { tokenSecretFile: "tokens", adminTokenFile: "admin", introspectionSecretFile: "client" },
    { readTextFile },
  );
  assert.deepEqual([found.tokenSecrets.length, found.adminToken?.authorization(), found.introspectionSecret], [
    2,
    `Bearer ${A}`,
    "s",
  ]);
  const nothing = { tokenSecretFile: undefined, adminTokenFile: undefined, introspectionSecretFile: undefined };
  assert.deepEqual(await loadSecrets(nothing, { readTextFile }), {
    tokenSecrets: [],
    adminToken: undefined,
    introspectionSecret: undefined,
    credentialSecret: undefined,
    storePassword: undefined,
    memberTokens: {},
    stdioSecrets: {},
  });
  const wrong = loadSecrets({ tokenSecretFile: "client", adminTokenFile: "none", introspectionSecretFile: "client" }, {
    readTextFile,
    places: new Map([["adminTokenFile", "signet.yaml:3 (admin-token-file)"]]),
  });
  await assert.rejects(wrong, (error: ConfigError) => {
    const lines = error.problems.map(({ place, problem }) => `${place}: ${problem}`);
    assert.deepEqual(lines, [
      "client:1: the secret has 0 bytes, at least 32 are wanted",
      "signet.yaml:3 (admin-token-file): there is no such file",
    ]);
    return true;
  });
});

Deno.test("P3: loading settings examines the secrets they name, and who can read them", STRICT, async () => {
  const argv = ["--principal", "token", "--token-secret-file", "tokens", "--admin-token-file", "admin"];
  assert.deepEqual(await problemLines({ argv, files: { tokens: SHORT, admin: "short" } }), [
    "tokens:1: the secret has 28 bytes, at least 32 are wanted",
    "admin: the admin token has 5 characters, at least 32 are wanted",
  ]);
  const warned = await warningsOf({ argv, files: { tokens: A, admin: A }, modes: { tokens: 0o644, admin: 0o640 } });
  assert.match(warned, /--token-secret-file: other users can read tokens/);
  assert.match(warned, /--admin-token-file: other users can read admin/);
});
