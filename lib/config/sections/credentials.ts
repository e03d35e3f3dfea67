// The credential Signet itself presents to the MCP server, in place of whatever the client sent under that name (B4).
import { rowsOf } from "../setting.ts";
import { httpUrl } from "../values/addresses.ts";
import { choice, file, replacedFile, scope, string } from "../values/kinds.ts";
import { credentialName } from "../values/variables.ts";

/** Where it comes from. */
const CREDENTIAL_SOURCES = ["command", "client-credentials", "refresh-token", "token-exchange"] as const;

const rows = rowsOf("Credentials");

export const CREDENTIALS = {
  credential: rows.optional(choice(CREDENTIAL_SOURCES, "SOURCE"), {
    name: "credential",
    doc:
      "How Signet gets a credential for the MCP server, renewed ahead of its end: command, client-credentials, refresh-token or, for stdio only, token-exchange",
  }),
  credentialName: rows.optional(credentialName, {
    name: "credential-name",
    doc:
      "Where the access token goes: a header of an HTTP server (default authorization, as a Bearer token), a variable of a stdio one",
  }),
  credentialCommand: rows.optional({ ...string, metavar: "PROGRAM" }, {
    name: "credential-command",
    doc:
      'A program that prints {"values": {"NAME": "…"}, "expires_in": SECONDS}, names being headers or variables; run without arguments and without a shell',
  }),
  credentialTokenUrl: rows.optional(httpUrl, {
    name: "credential-token-url",
    doc: "The authorization server's token endpoint",
  }),
  credentialClientId: rows.optional(string, { name: "credential-client-id", doc: "Signet's client id there" }),
  credentialClientSecretFile: rows.optional(file, {
    name: "credential-client-secret-file",
    doc: "Its client secret, alone in a file; a public client has none",
  }),
  credentialClientAuth: rows.one(choice(["basic", "post"]), {
    name: "credential-client-auth",
    default: "basic",
    doc: "How the secret is presented",
  }),
  credentialScopes: rows.many(scope, { name: "credential-scope", doc: "A scope to ask for" }),
  credentialAudience: rows.optional(string, { name: "credential-audience", doc: "The audience to ask for" }),
  credentialResource: rows.optional(httpUrl, {
    name: "credential-resource",
    doc: "The resource to ask for (RFC 8707)",
  }),
  credentialRefreshTokenFile: rows.optional(replacedFile, {
    name: "credential-refresh-token-file",
    doc:
      "The refresh token, alone in a file; Signet replaces the file when it is given a new one, so that its folder has to be writable",
  }),
} as const;
