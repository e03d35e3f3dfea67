// Whether callers can be told apart: each source that has to ask somebody is asked about a token that nobody has issued,
// by the very code that serves use. Refusing it is the right answer; not being able to say is what is wrong.
import type { CallerParts } from "../../app/parts/callers.ts";
import type { Settings } from "../../config/schema.ts";
import { SignetError } from "../../errors.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import type { CredentialView } from "../../identity/principal.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import type { CommandContext } from "../command.ts";
import { faultOf, type Finding, type Findings, timeBoxed } from "./finding.ts";

const TIMEOUT_MS = 10_000;

/** Makes the source of that name, as `serve` does. */
export type MakeAuthenticator = (settings: Settings, parts: CallerParts) => Promise<Authenticator>;

export interface CallerLook {
  readonly context: CommandContext;
  readonly settings: Settings;
  readonly secrets: CallerParts;
  readonly make: MakeAuthenticator;
}

export async function* examineCallers(look: CallerLook): Findings {
  const { settings } = look;
  for (const name of settings.principals) {
    if (name === "jwt") {
      const { jwtIssuer, jwtJwks } = settings;
      const single = jwtIssuer === undefined ? [] : [{ issuer: jwtIssuer, jwks: jwtJwks }];
      for (const { issuer, jwks } of [...single, ...settings.jwtProviders]) {
        const view = bearing(inventedJwt(look, issuer));
        const says = jwks?.kind === "file" ? `its keys are in ${jwks.path}; nobody has to be asked` : undefined;
        yield await ask(look, name, { what: "issuer", shown: issuer, view, ...(says === undefined ? {} : { says }) });
      }
    } else if (name === "introspection") {
      yield await ask(look, name, { what: "introspection", shown: "the endpoint", view: bearing(NO_TOKEN) });
    } else if (name === "resolver") {
      yield await ask(look, name, { what: "resolver", shown: "the endpoint", view: holding(settings) });
      // What is to be known of anonymous callers is among the warnings already.
    } else if (name !== "anonymous") {
      yield { verdict: "ok", what: "callers", found: `${name}: nobody has to be asked here` };
    }
  }
}

interface Asked {
  readonly what: string;
  readonly shown: string;
  /** What a caller would show. */
  readonly view: CredentialView;
  /** What is to be said when all is well. */
  readonly says?: string;
}

async function ask(look: CallerLook, name: Settings["principals"][number], asked: Asked): Promise<Finding> {
  const { context, settings, secrets, make } = look;
  const { what, shown, view, says = "answers, and refuses a credential that nobody has issued" } = asked;
  try {
    return await timeBoxed(TIMEOUT_MS, async () => {
      const authenticator = await make({ ...settings, principals: [name] }, secrets);
      const answer = await authenticator.identify(view, context.now());
      if (answer.kind === "principal") {
        const cure = "See what answers there: whoever calls with any credential would be let in.";
        return { verdict: "fail", what, found: `${shown}: takes a credential that nobody has issued`, cure };
      }
      if (answer.kind === "none") {
        return {
          verdict: "skip",
          what,
          found: `${shown}: not asked, as what it is asked about comes from proxies alone`,
        };
      }
      return { verdict: "ok", what, found: `${shown}: ${says}` };
    });
  } catch (error) {
    const detail = error instanceof SignetError ? error.detail : undefined;
    const cause = detail?.cause instanceof Error ? detail.cause.message : undefined;
    const found = `${shown}: callers cannot be told apart: ${cause ?? faultOf(error)}`;
    return { verdict: "fail", what, found, cure: detail?.remedy ?? CURES[what]! };
  }
}

const CURES: Readonly<Record<string, string>> = {
  issuer: "See whether --jwt-jwks is the issuer's jwks_uri, and reachable from here.",
  introspection: "See --introspection-url, --introspection-client-id and the secret.",
  resolver: "See --resolver-url, and what answers there.",
};

/** Nobody has issued it. */
const NO_TOKEN = "signet-doctor-no-token";

function bearing(token: string): CredentialView {
  return viewOf((name) => name === "authorization" ? `Bearer ${token}` : undefined);
}

/** What a resolver is asked about, all of it made up. */
function holding({ resolverHeaders: names, path }: Settings): CredentialView {
  const view = viewOf((name) =>
    !names.includes(name) ? undefined : name === "authorization" ? `Bearer ${NO_TOKEN}` : NO_TOKEN
  );
  // A resolver is told what is asked for, too.
  return { ...view, method: "POST", path } as CredentialView;
}

function viewOf(get: (name: string) => string | undefined): CredentialView {
  return { get, count: (name) => get(name) === undefined ? 0 : 1, remoteAddress: "127.0.0.1" };
}

/** Well-formed, under a key that nobody has: whoever judges it has to fetch the issuer's keys. */
function inventedJwt({ context, settings }: CallerLook, issuer: string): string {
  const nowS = Math.floor(context.now() / 1000);
  const [alg = "RS256"] = settings.jwtAlgorithms;
  const parts = [
    { alg, typ: "JWT", kid: "signet-doctor" },
    { iss: issuer, sub: "signet-doctor", aud: "signet-doctor", iat: nowS, exp: nowS + 60 },
  ].map((part) => encodeJson(part).toBase64({ alphabet: "base64url", omitPadding: true }));
  const signature = new Uint8Array(256).fill(1).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${parts.join(".")}.${signature}`;
}
