// `WWW-Authenticate` for 401 and 403: RFC 6750 §3, RFC 9728 §5.1. Everything in it comes from the configuration and
// from constants, never from the request (docs/behaviour.md I5).

export interface ChallengeConfig {
  readonly realm?: string;
  /** Scopes to ask for, blank-separated. */
  readonly scope?: string;
  /** URL of the protected resource metadata. */
  readonly resourceMetadata?: string;
}

export interface ChallengeError {
  readonly error: "invalid_request" | "invalid_token" | "insufficient_scope";
  /** Characters RFC 6750 §3 does not allow are replaced. */
  readonly description?: string;
  /** Instead of the configured one: what this request would need. */
  readonly scope?: string;
}

// RFC 6750 §3: error_description and scope know no quote, no backslash, nothing outside printable ASCII.
const UNSAFE = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/g;

/** RFC 9110 §5.6.4 quoted-string. @throws TypeError on control characters and on anything beyond ASCII */
function quote(name: string, value: string): string {
  if (/[^\x20-\x7e]/.test(value)) {
    throw new TypeError(`building a challenge: ${name} holds a character outside printable ASCII`);
  }
  return `${name}="${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Builds challenges of one configuration. */
export class Challenger {
  readonly #realm: string[];
  readonly #scope: string | undefined;
  readonly #metadata: string[];
  /** For a request that carried no credential: without an error code, as RFC 6750 §3.1 wants. */
  readonly bare: string;
  /** Whether no metadata are pointed at. */
  readonly leadsNowhere: boolean;

  /** @throws TypeError on a value that cannot stand in a header field */
  constructor(config: ChallengeConfig = {}) {
    this.#realm = config.realm === undefined ? [] : [quote("realm", config.realm)];
    this.#scope = config.scope;
    this.#metadata = config.resourceMetadata === undefined ? [] : [quote("resource_metadata", config.resourceMetadata)];
    this.leadsNowhere = config.resourceMetadata === undefined;
    this.bare = this.#join([], config.scope);
  }

  /** For a credential that does not hold, or does not reach. */
  failed(failure: ChallengeError): string {
    const parts = [quote("error", failure.error)];
    if (failure.description !== undefined) {
      parts.push(quote("error_description", failure.description.replace(UNSAFE, "?")));
    }
    return this.#join(parts, failure.scope ?? this.#scope);
  }

  #join(error: readonly string[], scope: string | undefined): string {
    const parts = [...this.#realm, ...error];
    if (scope !== undefined && scope !== "") parts.push(quote("scope", scope.replace(UNSAFE, "?")));
    parts.push(...this.#metadata);
    return parts.length === 0 ? "Bearer" : `Bearer ${parts.join(", ")}`;
  }
}
