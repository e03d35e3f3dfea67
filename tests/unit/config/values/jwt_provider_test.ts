import assert from "node:assert/strict";
import { jwtProvider } from "../../../../lib/config/values/jwt_provider.ts";
import { STRICT } from "../../../support/strict.ts";
import { load, problemLines } from "../sources.ts";

const ENTRA =
  "issuer=https://e/v2.0 jwks=https://e/keys audience=api://mcp client=app scope-claim=roles subject-claim=oid";
const COGNITO = "issuer=https://c jwks=https://c/keys allow-no-audience=true client=a client=b";
const JWT = ["--principal", "jwt"];
const KEYS = '{"keys":[{"kty":"EC"}]}';

Deno.test("I6: issuers by flag, in order, beside the one of the single settings or without it", STRICT, async () => {
  const { settings } = await load({ argv: [...JWT, "--jwt-provider", ENTRA, "--jwt-provider", COGNITO] });
  assert.deepEqual(settings.jwtProviders.map(({ issuer, audiences, clients }) => [issuer, audiences, clients]), [
    ["https://e/v2.0", ["api://mcp"], ["app"]],
    ["https://c", [], ["a", "b"]],
  ]);
  assert.deepEqual(settings.jwtProviders.map(({ subjectClaim, scopeClaims }) => [subjectClaim, scopeClaims]), [
    ["oid", ["roles"]],
    ["sub", []],
  ]);
  const single = ["--jwt-issuer", "https://i", "--jwt-audience", "https://m/mcp", "--jwt-jwks", "https://i/keys"];
  assert.deepEqual(await problemLines({ argv: [...JWT, ...single, "--jwt-provider", ENTRA] }), []);
});

Deno.test("I6: issuers in a file are mappings, and in a variable lines", STRICT, async () => {
  const yaml = `
principal: jwt
jwt-provider:
  - issuer: https://e/v2.0
    jwks: keys.json
    audience: [api://mcp, "api://mcp,2"]
  - {issuer: https://c, jwks: https://c/keys, allow-no-audience: true, client: a}
`;
  const files = { "signet.yaml": yaml, "keys.json": KEYS };
  const { settings } = await load({ argv: ["--config", "signet.yaml"], files });
  assert.deepEqual(settings.jwtProviders.map(({ issuer }) => issuer), ["https://e/v2.0", "https://c"]);
  assert.deepEqual(settings.jwtProviders[0]!.audiences, ["api://mcp", "api://mcp,2"]);
  assert.deepEqual(settings.jwtProviders[0]!.jwks, { kind: "file", path: "keys.json" });
  const env = { SIGNET_PRINCIPAL: "jwt", SIGNET_JWT_PROVIDER: `${ENTRA}\n${COGNITO}` };
  assert.equal((await load({ env })).settings.jwtProviders.length, 2);
  const broken = yaml.replace("audience: [", "audiences: [");
  assert.deepEqual(
    await problemLines({ argv: ["--config", "signet.yaml"], files: { ...files, "signet.yaml": broken } }),
    [
      'signet.yaml:4 (jwt-provider): "audiences" says nothing about an issuer',
    ],
  );
});

for (
  const [text, problem] of [
    ["https://e", /not of the form name=value/],
    ["issuer=https://e audience=a", /jwks is missing/],
    ["jwks=https://e/keys audience=a", /issuer is missing/],
    ["issuer=https://e jwks=https://e/keys", /audience is missing/],
    ["issuer=https://e jwks=https://e/keys allow-no-audience=true", /no client is named/],
    ["issuer=https://e jwks=https://e/keys allow-no-audience=yes audience=a", /neither true nor false/],
    ["issuer=https://e issuer=https://f jwks=https://e/keys audience=a", /issuer is given 2 times/],
    ["issuer=https://e jwks=ftp://e/keys audience=a", /not an http or https URL/],
    ['{"issuer":"https://e","jwks":{"a":1},"audience":"a"}', /neither a value nor a list/],
    ['{"issuer":"https://e","jwks":"","audience":"a"}', /blank/],
    ["{", /no JSON/],
  ] as const
) {
  Deno.test(`P3: ${text} is no issuer`, STRICT, () => {
    const parsed = jwtProvider.parse(text);
    assert.ok("problem" in parsed);
    assert.match(parsed.problem, problem);
  });
}

Deno.test("P3: what the form of an issuer shows is read as the same", STRICT, () => {
  for (const text of [ENTRA, COGNITO]) {
    const parsed = jwtProvider.parse(text);
    assert.ok("value" in parsed);
    assert.deepEqual(jwtProvider.parse(jwtProvider.format(parsed.value)), parsed);
  }
});

Deno.test("I6: what issuers demand of each other", STRICT, async () => {
  const lines = (...argv: string[]) => problemLines({ argv: [...JWT, ...argv], files: { "keys.json": "{}" } });
  assert.deepEqual(await lines("--jwt-provider", ENTRA, "--jwt-provider", `${ENTRA} client=b`), [
    "--jwt-provider: the issuer https://e/v2.0 is set up twice",
  ]);
  assert.deepEqual(await lines("--jwt-provider", ENTRA, "--jwt-client", "app"), [
    "--jwt-client: it is about --jwt-issuer, which is not set",
  ]);
  assert.deepEqual(await lines("--jwt-provider", ENTRA.replaceAll("https", "http")), [
    "--jwt-provider: the key set would be fetched over plain http, so whoever is on the way could mint tokens",
  ]);
  assert.deepEqual(await lines("--jwt-provider", ENTRA.replace("https://e/keys", "keys.json")), [
    '--jwt-provider: reading a key set: found no array "keys" (RFC 7517 §5)',
  ]);
  const single = ["--jwt-issuer", "https://i", "--jwt-jwks", "https://i/keys", "--jwt-allow-no-audience"];
  assert.deepEqual(await lines(...single), [
    "--jwt-allow-no-audience: no client is named whose tokens may lack an audience",
  ]);
  assert.deepEqual(await lines(...single, "--jwt-client", "app"), []);
  assert.deepEqual(await problemLines({ argv: ["--principal", "bearer", "--jwt-provider", ENTRA] }), [
    "--jwt-provider: no --principal jwt uses it",
  ]);
});

Deno.test("I6: a source named twice is a mistake that is told", STRICT, async () => {
  for (const argv of [["--principal", "jwt,jwt"], ["--principal", "jwt", "--principal", "jwt"]]) {
    const lines = await problemLines({ argv: [...argv, "--jwt-provider", ENTRA] });
    assert.deepEqual(lines, ["--principal: jwt is named twice"]);
  }
});

Deno.test("I7: --bind-client-id beside sources that name no client", STRICT, async () => {
  const bound = ["--bind-client-id", "--principal"];
  assert.deepEqual(await problemLines({ argv: [...bound, "bearer"] }), [
    "--bind-client-id: no configured source tells OAuth clients, so every caller would be refused",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--bind-client-id"] }), [
    "--bind-client-id: no configured source tells OAuth clients, so every caller would be refused",
  ]);
  const { warnings } = await load({ argv: [...bound, "jwt,bearer", "--jwt-provider", ENTRA] });
  assert.match(warnings.join("\n"), /refuses every caller by bearer/);
});
