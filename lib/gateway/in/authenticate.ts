// Who is calling: asked of the authenticator, remembered on the connection. Clients send the same credential with every
// request of a connection, so the memo saves the digest and the look-up; it is no better than the answer it keeps.
import { type ErrorDetail, SignetError } from "../../errors.ts";
import type { ResponseHead } from "../../http1/types.ts";
import { combinedValue, detachText } from "../../http1/wire/fields/fields.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import type { Challenger } from "../../identity/challenges/challenge.ts";
import {
  believedFrom,
  believedUntil,
  type Identification,
  isInTerm,
  type Principal,
  type Term,
} from "../../identity/principal.ts";
import type { Caller } from "../../session/caller.ts";
import type { OwnerBook } from "../../session/owner.ts";
import { CHANGING_FIELDS, type Inbound } from "../inbound.ts";

interface ConnectionMemo extends Term {
  /** Who proved it: a reload brings another, with other keys and other demands. */
  readonly provedBy: Authentication;
  readonly credential: string;
  readonly caller: Caller;
}

/** Who is asked about, and as of when. */
interface Question {
  readonly inbound: Inbound;
  readonly credential: string | undefined;
  readonly nowMs: number;
}

/** What the connection remembers that its caller has sent, if anything. */
export function credentialOn({ exchange }: Inbound): string | undefined {
  return (exchange.connection.memo as ConnectionMemo | undefined)?.credential;
}

/** Stands for a field that is not there, which is not the same as an empty one. No field value holds it. */
const ABSENT = "\0";

export interface AuthenticationOptions {
  readonly authenticator: Authenticator;
  readonly owners: OwnerBook;
  readonly challenger: Challenger;
  /** Whether Signet's challenges take the place of the upstream's: where Signet itself tells callers apart. */
  readonly replaceChallenges: boolean;
  /** Scopes every caller must have; none if empty. */
  readonly requiredScopes: readonly string[];
  /** Hears that the MCP server says where to log in, and Signet does not. */
  readonly onLostClient?: () => void;
  /** Who asks when no credential was sent (I2); undefined answers 401. */
  readonly withoutCredential?: (inbound: Inbound, nowMs: number) => Caller | undefined | Promise<Caller | undefined>;
}

export class Authentication {
  readonly #options: AuthenticationOptions;
  /** Whether answers depend on nothing that changes from one request with a head to the next. */
  readonly #hangsOnHead: boolean;
  /** What each caller has sent last, so that all of his connections remember it as one text. */
  readonly #sent = new WeakMap<Caller, string>();

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    this.#hangsOnHead = options.authenticator.fields?.every((name) => !CHANGING_FIELDS.includes(name)) ?? false;
  }

  /**
   * The caller as of `nowMs`; a promise only where somebody has to be asked.
   * @throws SignetError `unauthenticated`, `insufficient_scope`, `identity_unavailable`
   */
  authenticate(inbound: Inbound, nowMs = inbound.receivedAtMs): Caller | Promise<Caller> {
    const { facts } = inbound;
    const memo = inbound.exchange.connection.memo as ConnectionMemo | undefined;
    const isBelieved = memo !== undefined && memo.provedBy === this && isInTerm(memo, nowMs);
    // The very head it was found to be about before: what it depends on has not changed.
    if (isBelieved && facts.proof === memo) return memo.caller;
    const credential = this.#credentialOf(inbound);
    if (isBelieved && credential !== undefined && memo.credential === credential) {
      if (this.#hangsOnHead) facts.proof = memo;
      return memo.caller;
    }
    return this.#identify({ inbound, credential, nowMs });
  }

  #identify(question: Question): Caller | Promise<Caller> {
    const identified = this.#options.authenticator.identify(question.inbound, question.nowMs);
    return identified instanceof Promise
      ? identified.then((answer) => this.#accept(answer, question))
      : this.#accept(identified, question);
  }

  /** Everything in the request that the answer depends on. */
  #credentialOf(inbound: Inbound): string | undefined {
    const names = this.#options.authenticator.fields;
    if (names === undefined) return undefined; // an answer that may change with anything else is not remembered
    // On a replica's connection everybody comes, and what some say is believed by where they come from.
    if (inbound.hop !== undefined) {
      return [inbound.remoteAddress, ...names.map((name) => inbound.get(name) ?? ABSENT)].join("\n");
    }
    if (names.length === 1 && names[0] === "authorization") return inbound.authorization ?? ABSENT;
    return names.map((name) => inbound.get(name) ?? ABSENT).join("\n");
  }

  #accept(answer: Identification, asked: Question): Caller | Promise<Caller> {
    const { inbound, credential, nowMs } = asked;
    if (answer.kind === "none") {
      // Never remembered: on the same connection another session would find it.
      const lent = inbound.authorization === undefined ? this.#options.withoutCredential?.(inbound, nowMs) : undefined;
      const require = (caller: Caller | undefined): Caller => {
        if (caller === undefined) throw this.#refusal(answer, inbound);
        return caller;
      };
      return lent instanceof Promise ? lent.then(require) : require(lent);
    }
    if (answer.kind === "invalid") throw this.#refusal(answer, inbound);
    const { principal } = answer;
    const caller = this.#options.owners.callerOf(principal);
    inbound.provenAs ??= caller; // whoever lacks a scope has a name all the same
    this.#requireScopes(principal);
    inbound.exchange.connection.trusted = true;
    if (credential !== undefined) {
      const memo: ConnectionMemo = {
        provedBy: this,
        credential: this.#keep(caller, credential),
        caller,
        fromMs: believedFrom(principal, nowMs),
        untilMs: believedUntil(principal, nowMs, this.#options.authenticator.maxAgeMs),
      };
      inbound.exchange.connection.memo = memo;
    }
    return caller;
  }

  #keep(caller: Caller, credential: string): string {
    const last = this.#sent.get(caller);
    if (last === credential) return last;
    const own = detachText(credential);
    this.#sent.set(caller, own);
    return own;
  }

  /**
   * The challenge for a refusal by the upstream of a caller Signet knows; undefined where the upstream's own stands, or
   * where a 403 is not about scopes.
   * @param upstreams all of the upstream's own, as one
   */
  challengeFor(status: 401 | 403, upstreams: string | undefined): string | undefined {
    const { replaceChallenges, challenger } = this.#options;
    if (!replaceChallenges) return undefined;
    if (status === 401) {
      // It says where to log in, and neither it nor its address may leave: clients are lost unless Signet says it.
      if (challenger.leadsNowhere && upstreams?.includes("resource_metadata")) this.#options.onLostClient?.();
      return challenger.failed({ error: "invalid_token", description: "the MCP server refused it" });
    }
    if (upstreams === undefined || !wantsScopes(upstreams)) return undefined;
    const description = "the MCP server wants a wider scope";
    const [, quoted, bare] = /\bscope=(?:"([^"]*)"|([^\s",]+))/.exec(upstreams) ?? [];
    const wanted = (quoted ?? bare ?? "").split(" ").filter((scope) => scope !== "");
    if (wanted.length === 0) return challenger.failed({ error: "insufficient_scope", description });
    // All that the operation needs, Signet's own demands included (MCP 2026-07-28, "Runtime Insufficient Scope Errors"):
    // clients of SDK 1.x ask for exactly the scopes named, and would come back with a token that is refused here.
    const scope = [...new Set([...this.#options.requiredScopes, ...wanted])].join(" ");
    return challenger.failed({ error: "insufficient_scope", description, scope });
  }

  /**
   * What a client hears whose credential a server has refused, where no answer of the server's can say so: nothing but that
   * makes it bring another one. Undefined for a refusal that is about something else.
   */
  refusedBehind(
    { status, fields }: Pick<ResponseHead, "status" | "fields">,
    detail: ErrorDetail,
  ): SignetError | undefined {
    const upstreams = combinedValue(fields, "www-authenticate");
    const isScopes = status === 403 && upstreams !== undefined && wantsScopes(upstreams);
    if (status !== 401 && !isScopes) return undefined;
    const challenge = this.challengeFor(isScopes ? 403 : 401, upstreams) ?? upstreams;
    return new SignetError(isScopes ? "insufficient_scope" : "unauthenticated", {
      ...(isScopes ? {} : { publicMessage: "Unauthorized: the MCP server refused the credential" }),
      ...(challenge === undefined ? {} : { challenge }),
      ...detail,
    });
  }

  /** For a caller who could do it with more scopes: they and all that Signet demands are named (see `challengeFor`). */
  lacksScopes(wanted: readonly string[], facts: Readonly<Record<string, string>>): SignetError {
    const { requiredScopes, challenger } = this.#options;
    const scope = [...new Set([...requiredScopes, ...wanted])].join(" ");
    const description = "the token's scope does not reach";
    const challenge = challenger.failed({ error: "insufficient_scope", description, scope });
    return new SignetError("insufficient_scope", { challenge, facts: { ...facts, wanted: scope } });
  }

  #requireScopes(principal: Principal): void {
    const { source, scopes } = principal;
    if (this.#options.requiredScopes.every((scope) => scopes.includes(scope))) return;
    throw this.lacksScopes([], { source, found: scopes.join(" ").slice(0, 256) || "(none)" });
  }

  /** The reason stands in the challenge and in the message: most clients show one of them, and not the same. */
  #refusal(answer: Exclude<Identification, { kind: "principal" }>, { authorization }: Inbound): SignetError {
    const { challenger, authenticator } = this.#options;
    if (answer.kind === "none") {
      const reason = "no credential";
      const looked = authenticator.fields?.includes("authorization") ?? true;
      return new SignetError("unauthenticated", {
        publicMessage: `Unauthorized: ${reason}`,
        challenge: challenger.bare,
        facts: { reason, ...(looked ? unreadAuthorization(authorization) : {}) },
      });
    }
    const { error, reason, facts } = answer;
    return new SignetError("unauthenticated", {
      publicMessage: `Unauthorized: ${reason}`,
      challenge: challenger.failed({ error, description: reason }),
      facts: { reason, ...facts },
    });
  }
}

function wantsScopes(challenge: string): boolean {
  return /\berror="?insufficient_scope/.test(challenge);
}

/** For the log: its scheme, and nothing of what may be a token that was sent without one. */
function unreadAuthorization(authorization = ""): { found: string; wanted: string } | undefined {
  if (authorization === "" || /^bearer\b/i.test(authorization)) return undefined;
  const [, scheme] = /^([A-Za-z][\w-]{0,20}) +\S/.exec(authorization) ?? [];
  return {
    found: scheme === undefined ? "Authorization without a scheme" : `Authorization: ${scheme} …`,
    wanted: "Authorization: Bearer TOKEN",
  };
}
