// Settings → who may call: the principal sources in the configured order, and the challenges that go with them.
import type { Settings } from "../config/schema.ts";
import { AnonymousSource } from "../identity/anonymous.ts";
import { Authenticator } from "../identity/authenticator.ts";
import { BearerSource } from "../identity/bearer.ts";
import { Challenger } from "../identity/challenge.ts";
import { CidrList } from "../identity/cidr.ts";
import { createJwtSource } from "../identity/jwt.ts";
import type { PrincipalSource } from "../identity/principal.ts";
import { TrustedHeaderSource } from "../identity/trusted_header.ts";

function jwtSource(settings: Settings): Promise<PrincipalSource> {
  const { jwtIssuer, jwtJwks } = settings;
  if (jwtIssuer === undefined || jwtJwks === undefined) {
    throw new Error("starting: want --jwt-issuer and --jwt-jwks with --principal jwt, which loading settings demands");
  }
  return createJwtSource({
    issuer: jwtIssuer,
    audiences: settings.jwtAudiences,
    jwks: jwtJwks,
    fetch,
    readTextFile: Deno.readTextFile,
    algorithms: settings.jwtAlgorithms,
    clockSkewMs: settings.jwtClockSkewMs,
  });
}

async function createSource(name: Settings["principals"][number], settings: Settings): Promise<PrincipalSource> {
  switch (name) {
    case "jwt":
      return await jwtSource(settings);
    case "header":
      return new TrustedHeaderSource({
        header: settings.principalHeader!,
        peers: new CidrList(settings.trustedProxies),
      });
    case "bearer":
      return new BearerSource();
    case "anonymous":
      return new AnonymousSource();
  }
}

/** @throws ConfigError if a key set cannot be used */
export async function createAuthenticator(settings: Settings): Promise<Authenticator> {
  return new Authenticator(await Promise.all(settings.principals.map((name) => createSource(name, settings))));
}

export function createChallenger(settings: Settings): Challenger {
  const { resourceMetadataUrl } = settings;
  return new Challenger(resourceMetadataUrl === undefined ? {} : { resourceMetadata: resourceMetadataUrl });
}
