// No authentication: every caller is one and the same principal, so binding sessions to it protects nothing (O6).
import type { Identification, Principal, PrincipalSource } from "./principal.ts";

const PRINCIPAL: Principal = Object.freeze({
  source: "anonymous",
  issuer: "signet:anonymous",
  subject: "anonymous",
  scopes: Object.freeze([]),
  expiresAtMs: Infinity,
});

const EVERYONE: Identification = Object.freeze({ kind: "principal", principal: PRINCIPAL });

/** Allowed on loopback, or by an explicit `--unsafe-anonymous`; whoever wires it checks that. */
export class AnonymousSource implements PrincipalSource {
  readonly name = "anonymous";
  readonly fields: readonly string[] = [];

  identify(): Identification {
    return EVERYONE;
  }
}
