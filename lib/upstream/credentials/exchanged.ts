// A credential that the caller's own token is exchanged for (RFC 8693): always the one presented last, since the one that a
// session was opened with ends, and a caller who has refreshed it goes on (docs/behaviour.md B4, O2).
import type { Fields } from "../../http1/types.ts";
import { detachText, fieldValue } from "../../http1/wire/fields/fields.ts";
import type { CredentialSource } from "./credential.ts";

/** @param exchange makes the source; it is given the token to exchange, which throws where none has been presented */
export function exchangedCredential(
  opening: Fields,
  exchange: (subjectToken: () => string) => CredentialSource,
): CredentialSource {
  let presented: string | undefined;
  const subjectToken = () => {
    const token = presented === undefined ? undefined : tokenIn(presented);
    if (token === undefined) throw new Error("exchanging the caller's token: the request carries none");
    return token;
  };
  let source = exchange(subjectToken);
  const hear = (fields: Fields) => {
    const value = fieldValue(fields, "authorization");
    if (value === undefined || value === presented || tokenIn(value) === undefined) return;
    presented = detachText(value);
    // What the token before was refused for says nothing of this one.
    if (source.peek() === undefined) source = exchange(subjectToken);
  };
  hear(opening);
  return {
    current: () => source.current(),
    refresh: () => source.refresh(),
    peek: () => source.peek(),
    hear,
  };
}

function tokenIn(authorization: string): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}
