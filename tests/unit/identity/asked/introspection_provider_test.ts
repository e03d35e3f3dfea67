// The introspection source against a real authorization server: what it sends is understood, what comes back is read.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";
import { SignetError } from "../../../../lib/errors.ts";
import {
  type ClientCredentials,
  clientSecretBasic,
  clientSecretPost,
  IntrospectionSource,
} from "../../../../lib/identity/asked/introspection.ts";
import { Authenticator } from "../../../../lib/identity/authenticator.ts";
import { STRICT } from "../../../support/strict.ts";
import { withToken } from "../fakes.ts";

const SECRET = "a-secret-of-the-resource-server";
const MAX_AGE_MS = 60_000;

interface Server {
  readonly issuer: string;
  source(credentials: ClientCredentials): IntrospectionSource;
  issueToken(): Promise<string>;
  revokeToken(token: string): Promise<void>;
}

async function withServer(body: (server: Server) => Promise<void>): Promise<void> {
  const http = createServer((request, response) => callback(request, response)).listen(0, "127.0.0.1");
  await once(http, "listening");
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { callback } = startProvider(issuer);
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const post = (path: string, form: Record<string, string>) =>
    fetch(`${issuer}${path}`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`basic:${SECRET}`)}` },
      body: new URLSearchParams(form),
      client,
    });
  try {
    await body({
      issuer,
      source: (credentials) =>
        new IntrospectionSource({
          endpoint: `${issuer}/token/introspection`,
          unsafeHttp: true,
          issuer,
          client: credentials,
          // A token of the client credentials grant has no `sub`.
          subjectClaim: "client_id",
          maxAgeMs: MAX_AGE_MS,
          fetch: (url, init) => fetch(url, { ...init, client }),
        }),
      issueToken: async () =>
        (await (await post("/token", { grant_type: "client_credentials", scope: "mcp:read" })).json()).access_token,
      revokeToken: async (token) => await (await post("/token/revocation", { token })).body?.cancel(),
    });
  } finally {
    client.close();
    http.closeAllConnections();
    http.close();
    await once(http, "close");
  }
}

function startProvider(issuer: string) {
  const common = { redirect_uris: [], response_types: [], grant_types: ["client_credentials"], scope: "mcp:read" };
  const provider = new Provider(issuer, {
    scopes: ["mcp:read"],
    clients: [
      { ...common, client_id: "basic", client_secret: SECRET, token_endpoint_auth_method: "client_secret_basic" },
      { ...common, client_id: "post", client_secret: SECRET, token_endpoint_auth_method: "client_secret_post" },
    ] as never,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
    ttl: { ClientCredentials: 600 },
  });
  return { callback: provider.callback() };
}

Deno.test(
  "I1: a real server's token is a principal by every way to authenticate the client",
  STRICT,
  () =>
    withServer(async (server) => {
      const token = await server.issueToken();
      const ways = [
        clientSecretBasic("basic", SECRET),
        clientSecretPost("post", SECRET),
      ];
      for (const credentials of ways) {
        const answer = await server.source(credentials).identify(withToken(token), Date.now());
        assert.ok(answer.kind === "principal", credentials.clientId);
        const { issuer, subject, scopes } = answer.principal;
        assert.deepEqual([issuer, subject, scopes], [server.issuer, "basic", ["mcp:read"]], credentials.clientId);
      }
    }),
);

Deno.test(
  "I1: a token revoked at a real server is refused as soon as the answer's age is up",
  STRICT,
  () =>
    withServer(async (server) => {
      const authenticator = new Authenticator([server.source(clientSecretBasic("basic", SECRET))]);
      const token = await server.issueToken();
      const nowMs = Date.now();
      const kind = async (atMs: number) => (await authenticator.identify(withToken(token), atMs)).kind;
      assert.equal(await kind(nowMs), "principal");
      await server.revokeToken(token);
      assert.equal(await kind(nowMs + MAX_AGE_MS - 1), "principal");
      assert.equal(await kind(nowMs + MAX_AGE_MS), "invalid");
    }),
);

Deno.test(
  "I1: a real server's refusal of Signet's own credentials is a 503, never a 401 for the caller",
  STRICT,
  () =>
    withServer(async (server) => {
      const token = await server.issueToken();
      await assert.rejects(
        async () => await server.source(clientSecretBasic("basic", "wrong")).identify(withToken(token), Date.now()),
        (fault: unknown) => fault instanceof SignetError && fault.code === "identity_unavailable",
      );
      const unknown = await server.source(clientSecretBasic("basic", SECRET)).identify(
        withToken("unknown"),
        Date.now(),
      );
      assert.equal(unknown.kind, "invalid");
    }),
);
