// Settings → where Signet's own credential for the MCP server comes from (docs/behaviour.md B4). Loaded only where one
// is wanted.
import type { Secrets } from "../../config/named/secrets.ts";
import { RESERVED_FIELDS } from "../../config/rules/rule.ts";
import type { Settings } from "../../config/schema.ts";
import type { Fields } from "../../http1/types.ts";
import { isFieldValue, isToken } from "../../http1/wire/grammar.ts";
import type { Logger } from "../../observe/log.ts";
import { outgoingFetch } from "../../platform/network/outgoing_fetch.ts";
import { environment } from "../../platform/process/environment.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { commandCredential, runCommand } from "../../upstream/credentials/command.ts";
import type { CredentialSource } from "../../upstream/credentials/credential.ts";
import { exchangedCredential } from "../../upstream/credentials/exchanged.ts";
import { CredentialedUpstream } from "../../upstream/credentials/header.ts";
import { oauthCredential, type OAuthGrant, type OAuthOptions } from "../../upstream/credentials/oauth.ts";
import { refreshTokenFile } from "../../upstream/credentials/refresh_token_file.ts";
import { Rotation } from "../../upstream/credentials/rotation.ts";
import type { Upstream } from "../../upstream/upstream.ts";

export interface CredentialParts {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly log: Logger;
}

/** An upstream whose requests all carry the credential, and the end of both. */
export function withCredential(
  inner: Upstream,
  parts: CredentialParts,
): { upstream: Upstream; close(): Promise<void> } {
  const source = credentialsOf(parts)([]);
  const upstream = new CredentialedUpstream(inner, source);
  const rotation = new Rotation({ timers: SYSTEM_TIMERS, log: parts.log });
  rotation.add(upstream);
  return {
    upstream,
    async close() {
      rotation.remove(upstream);
      await upstream.close();
    },
  };
}

/**
 * Where a session's credential comes from, by the fields of the request that opens it; one source for all, if it can
 * be.
 */
export function credentialsOf(parts: CredentialParts): (fields: Fields) => CredentialSource {
  const { settings } = parts;
  if (settings.credential === "token-exchange") return (fields) => exchangeCredential(parts, fields);
  const source = settings.credential === "command"
    ? commandCredential({
      command: settings.credentialCommand!,
      args: [],
      run: runCommand,
      timers: SYSTEM_TIMERS,
      log: parts.log,
      environment: environment(),
      ...(settings.command.length === 0 ? { problemOf: fieldProblem } : {}),
    })
    : oauthCredential(oauthOptions(parts, grantOf(parts)));
  return () => source;
}

/** A session's own: for the token its caller has presented last. */
function exchangeCredential(parts: CredentialParts, fields: Fields): CredentialSource {
  const parameters = parametersOf(parts.settings);
  return exchangedCredential(fields, (subjectToken) => {
    return oauthCredential(oauthOptions(parts, { type: "token_exchange", subjectToken, parameters }));
  });
}

/** Of a field of an HTTP server's requests: quotes neither, as either may be the secret. */
function fieldProblem(name: string, value: string): string | undefined {
  if (!isToken(name) || RESERVED_FIELDS.has(name.toLowerCase())) {
    return "a name that is no header field's, or one that belongs to HTTP or to Signet itself";
  }
  return isFieldValue(value) ? undefined : "a value that no header field can have (RFC 9110 §5.5)";
}

function grantOf({ settings, log }: CredentialParts): OAuthGrant {
  const parameters = parametersOf(settings);
  if (settings.credential === "client-credentials") return { type: "client_credentials", parameters };
  return { type: "refresh_token", token: refreshTokenFile(settings.credentialRefreshTokenFile!, { log }), parameters };
}

function parametersOf({ credentialScopes, credentialAudience, credentialResource }: Settings): Record<string, string> {
  return {
    ...(credentialScopes.length === 0 ? {} : { scope: credentialScopes.join(" ") }),
    ...(credentialAudience === undefined ? {} : { audience: credentialAudience }),
    ...(credentialResource === undefined ? {} : { resource: credentialResource }),
  };
}

function oauthOptions({ settings, secrets }: CredentialParts, grant: OAuthGrant): OAuthOptions {
  const { credentialTokenUrl, credentialClientId, credentialClientAuth, credentialName = "authorization" } = settings;
  const isBearer = settings.command.length === 0 && credentialName.toLowerCase() === "authorization";
  return {
    client: {
      tokenEndpoint: credentialTokenUrl!,
      clientId: credentialClientId!,
      authentication: credentialClientAuth,
      ...(secrets.credentialSecret === undefined ? {} : { clientSecret: secrets.credentialSecret }),
    },
    grant,
    values: (token) => ({ [credentialName]: isBearer ? `Bearer ${token}` : token }),
    timers: SYSTEM_TIMERS,
    fetch: outgoingFetch,
  };
}
