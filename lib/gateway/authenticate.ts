// Who is calling: asked of the authenticator, remembered on the connection. Clients send the same credential with every
// request of a connection, so the memo saves the digest and the look-up; it is no better than the answer it keeps.
import { SignetError } from "../errors.ts";
import type { Challenger } from "../identity/challenge.ts";
import type { Authenticator } from "../identity/authenticator.ts";
import type { Identification, Principal } from "../identity/principal.ts";
import type { Inbound } from "./inbound.ts";

interface ConnectionMemo {
  readonly credential: string;
  readonly principal: Principal;
  readonly epoch: number;
  readonly provedAtMs: number;
}

export interface AuthenticationOptions {
  readonly authenticator: Authenticator;
  readonly challenger: Challenger;
}

export class Authentication {
  readonly #options: AuthenticationOptions;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /** The caller; a promise only where somebody has to be asked. @throws SignetError `unauthenticated`, `identity_unavailable` */
  authenticate(inbound: Inbound): Principal | Promise<Principal> {
    const { authenticator } = this.#options;
    const credential = this.#credentialOf(inbound);
    const memo = inbound.exchange.connection.memo as ConnectionMemo | undefined;
    const nowMs = inbound.receivedAtMs;
    if (
      memo !== undefined && memo.credential === credential && memo.epoch === authenticator.epoch &&
      nowMs < memo.principal.expiresAtMs && nowMs - memo.provedAtMs < authenticator.maxAgeMs
    ) return memo.principal;
    const identified = authenticator.identify(inbound, nowMs);
    if (identified instanceof Promise) return identified.then((answer) => this.#accept(answer, inbound, credential));
    return this.#accept(identified, inbound, credential);
  }

  /** Everything in the request that the answer depends on. */
  #credentialOf(inbound: Inbound): string | undefined {
    const names = this.#options.authenticator.fields;
    if (names === undefined) return undefined; // an answer that may change with anything else is not remembered
    if (names.length === 1 && names[0] === "authorization") return inbound.authorization ?? "";
    return names.map((name) => inbound.get(name) ?? "").join("\n");
  }

  #accept(answer: Identification, inbound: Inbound, credential: string | undefined): Principal {
    if (answer.kind !== "principal") throw this.#refusal(answer);
    const { principal } = answer;
    if (credential !== undefined) {
      const memo: ConnectionMemo = {
        credential,
        principal,
        epoch: this.#options.authenticator.epoch,
        provedAtMs: inbound.receivedAtMs,
      };
      inbound.exchange.connection.memo = memo;
    }
    return principal;
  }

  #refusal(answer: Exclude<Identification, { kind: "principal" }>): SignetError {
    const { challenger } = this.#options;
    if (answer.kind === "none") {
      return new SignetError("unauthenticated", { challenge: challenger.bare, facts: { reason: "no credential" } });
    }
    const { error, reason } = answer;
    return new SignetError("unauthenticated", {
      challenge: challenger.failed({ error, description: reason }),
      facts: { reason },
    });
  }
}
