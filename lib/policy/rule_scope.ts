// What the conditions of one rule read of a caller and a call, put together when the first of them asks.
import type { Principal } from "../identity/principal.ts";
import type { Scope } from "./cel.ts";
import type { ReadsOfArguments } from "./expression_reads.ts";
import type { ToolHints } from "./hints.ts";
import type { Subject } from "./subject.ts";
import type { Known } from "./verdict.ts";

export interface ScopeOf {
  readonly name: string;
  readonly asking: { readonly principal: Principal; readonly subject: Subject; readonly known: Known };
  readonly wanted: ReadsOfArguments;
  readonly serverOf: (subject: Subject) => string;
}

export class RuleScope {
  readonly #of: ScopeOf;
  #value: Scope | undefined;
  #withArguments: Scope | undefined;

  constructor(of: ScopeOf) {
    this.#of = of;
  }

  get value(): Scope {
    return this.#value ??= this.#make();
  }

  /** @throws UnreadableArguments */
  get withArguments(): Scope {
    return this.#withArguments ??= {
      ...this.value,
      args: this.#of.asking.known.args!(this.#of.wanted),
    };
  }

  #make(): Scope {
    const { name, serverOf, asking: { principal, subject, known: { hints } } } = this.#of;
    const { issuer, subject: caller, clientId: client = "", scopes, claims = {} } = principal;
    return {
      principal: { issuer, subject: caller, client, scopes, claims },
      kind: subject.kind,
      name,
      method: subject.method,
      server: serverOf(subject),
      ...(subject.kind === "tool" ? { tool: toolOf(subject.name, hints) } : {}),
    };
  }
}

/** Without hints only what does not read them is asked. */
const NO_HINTS: ToolHints = { readOnly: false, destructive: true, idempotent: false, openWorld: true };

function toolOf(name: string, hints: ToolHints = NO_HINTS): NonNullable<Scope["tool"]> {
  return { name, ...hints };
}
