import assert from "node:assert/strict";
import { createAuthenticator } from "../../../../lib/app/parts/callers.ts";
import type { CommandContext } from "../../../../lib/cli/command.ts";
import { examineCallers } from "../../../../lib/cli/doctor/callers.ts";
import type { Finding } from "../../../../lib/cli/doctor/finding.ts";
import type { Settings } from "../../../../lib/config/schema.ts";
import { SignetError } from "../../../../lib/errors.ts";
import type { Authenticator } from "../../../../lib/identity/authenticator.ts";
import type { Identification } from "../../../../lib/identity/principal.ts";
import { STRICT } from "../../../support/strict.ts";

const SETTINGS = {
  principals: ["jwt"],
  jwtIssuer: "https://issuer.example",
  jwtAudiences: ["a"],
  jwtProviders: [],
  jwtAlgorithms: ["ES256"],
  jwtClients: [],
  jwtScopeClaims: [],
  jwtSubjectClaim: "sub",
  jwtClockSkewMs: 0,
} as unknown as Settings;

async function look(identify: () => Identification | Promise<Identification>, settings = SETTINGS): Promise<Finding[]> {
  const context = { now: () => 0 } as unknown as CommandContext;
  const make = () => Promise.resolve({ identify } as unknown as Authenticator);
  return await Array.fromAsync(
    examineCallers({ context, settings, secrets: { tokens: undefined, introspectionSecret: undefined }, make }),
  );
}

Deno.test(
  "V2: an issuer whose keys are there refuses a token that nobody has issued: that is well",
  STRICT,
  async () => {
    const [finding] = await look(() => ({ kind: "invalid", error: "invalid_token", reason: "x" }));
    assert.equal(finding!.verdict, "ok");
    assert.match(finding!.found, /answers, and refuses/);
  },
);

Deno.test("V2: an issuer whose keys are in a file is not said to answer", STRICT, async () => {
  const settings = { ...SETTINGS, jwtJwks: { kind: "file", path: "/etc/jwks.json" } } as Settings;
  const [finding] = await look(() => ({ kind: "invalid", error: "invalid_token", reason: "x" }), settings);
  assert.equal(finding!.verdict, "ok");
  assert.equal(finding!.found, "https://issuer.example: its keys are in /etc/jwks.json; nobody has to be asked");
});

Deno.test("V2: who cannot say, or takes any token, is wrong", STRICT, async () => {
  const remedy = "Check that the key set can be reached.";
  const unavailable = () =>
    Promise.reject(new SignetError("identity_unavailable", { remedy, cause: new Error("timed out") }));
  const [down] = await look(unavailable);
  assert.deepEqual([down!.verdict, down!.cure], ["fail", remedy]);
  assert.match(down!.found, /timed out/);
  const principal = { source: "jwt", issuer: "i", subject: "s", scopes: [], expiresAtMs: Infinity };
  const [open] = await look(() => ({ kind: "principal", principal }));
  assert.equal(open!.verdict, "fail");
});

Deno.test("V2: the token that is tried makes the real source fetch the issuer's keys", STRICT, async () => {
  const asked: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return Response.json({ keys: [] });
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/jwks`;
  const settings = { ...SETTINGS, jwtJwks: { kind: "url", url } } as Settings;
  const context = { now: () => Date.now() } as unknown as CommandContext;
  const secrets = { tokens: undefined, introspectionSecret: undefined };
  const [finding] = await Array.fromAsync(examineCallers({ context, settings, secrets, make: createAuthenticator }));
  assert.deepEqual(asked, ["/jwks"]);
  assert.ok(finding!.verdict === "ok" || finding!.verdict === "fail");
});

Deno.test(
  "V2: a resolver is asked about what nobody has issued, in the headers it is configured with",
  STRICT,
  async () => {
    const asked: (string | null)[] = [];
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ headers }) => {
      asked.push(headers.get("x-session"));
      return new Response(null, { status: 401 });
    });
    const resolverUrl = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/who`;
    const settings = {
      ...SETTINGS,
      ...{
        principals: ["resolver"],
        resolverUrl,
        resolverHeaders: ["x-session"],
        trustedProxies: [],
        proofMaxAgeMs: 1_000,
      },
      path: "/mcp",
      unsafeIdentityHttp: true,
    } as unknown as Settings;
    const context = { now: () => Date.now() } as unknown as CommandContext;
    const secrets = { tokens: undefined, introspectionSecret: undefined };
    const [finding] = await Array.fromAsync(examineCallers({ context, settings, secrets, make: createAuthenticator }));
    assert.deepEqual([finding!.what, finding!.verdict, asked.length], ["resolver", "ok", 1], finding!.found);
  },
);
