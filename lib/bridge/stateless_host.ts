// The peers behind stateless clients: one an owner, started by its first request, ended when it has been idle for long
// enough. Two owners never share one (docs/behaviour.md B1, O2).
import type { Call } from "../http1/types.ts";
import type { FieldList } from "../http1/types.ts";
import type { CallerKeys, OwnerKey } from "../session/caller.ts";
import { type BridgeParts, outboxOptions, partsOf } from "./limits.ts";
import type { ChoosePeers, Gate } from "./request.ts";
import { type EraMemo, StatelessLife } from "./stateless_life.ts";
import { type StatelessPost, StatelessServer } from "./stateless_server.ts";

export interface StatelessHostOptions {
  readonly parts: BridgeParts;
  readonly gate: Gate;
  readonly choose: ChoosePeers;
}

/** Whose request it is; the fields are those of a request that may start a peer. */
export interface StatelessCaller {
  readonly caller: CallerKeys;
  readonly fields: FieldList;
}

interface Hosted {
  readonly owner: OwnerKey;
  readonly life: StatelessLife;
  readonly server: StatelessServer;
  cancelIdle: (() => void) | undefined;
  /** Since when it has had nothing to do, in ms since the epoch; undefined while it has. */
  restingSinceMs: number | undefined;
}

export class StatelessHost {
  readonly #options: StatelessHostOptions;
  readonly #memo: EraMemo = { era: undefined };
  readonly #hosted = new Map<OwnerKey, Hosted>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: StatelessHostOptions) {
    this.#options = options;
  }

  /** Owners with a peer of their own. */
  get size(): number {
    return this.#hosted.size;
  }

  /** Requests in hand. */
  get calls(): number {
    return [...this.#hosted.values()].reduce((sum, { server }) => sum + server.size, 0);
  }

  post(asking: StatelessCaller, post: StatelessPost): Call {
    const hosted = this.#hosted.get(asking.caller.owner) ?? this.#add(asking);
    hosted.cancelIdle?.();
    hosted.cancelIdle = undefined;
    hosted.restingSinceMs = undefined;
    return hosted.server.post(post);
  }

  async end(): Promise<void> {
    for (const hosted of [...this.#hosted.values()]) this.#remove(hosted);
    await Promise.all(this.#ending);
  }

  #add({ caller, fields }: StatelessCaller): Hosted {
    const { parts, gate, choose } = this.#options;
    const { owner } = caller;
    const open = choose({ caller, session: undefined, fields });
    // Not in the same breath: what waits for the peer is told first why there is none.
    const onDoomed = () => queueMicrotask(() => this.#remove(hosted));
    const unusedSinceMs = () => hosted.restingSinceMs;
    const life = new StatelessLife({ gate, owner, memo: this.#memo, open, unusedSinceMs, onDoomed });
    const server = new StatelessServer({
      life,
      outbox: outboxOptions(partsOf(caller, parts)),
      limits: parts.limits,
      onIdle: () => this.#restUntilNeeded(hosted),
    });
    const hosted: Hosted = { owner, life, server, cancelIdle: undefined, restingSinceMs: undefined };
    this.#hosted.set(owner, hosted);
    return hosted;
  }

  #restUntilNeeded(hosted: Hosted): void {
    const { timers, limits } = this.#options.parts;
    hosted.cancelIdle?.();
    if (this.#hosted.get(hosted.owner) !== hosted) return;
    // One that never began has nothing to keep: the next request tries anew.
    if (!hosted.life.begun) return this.#remove(hosted);
    hosted.restingSinceMs = timers.now();
    hosted.cancelIdle = timers.after(limits.idleMs, () => this.#remove(hosted));
  }

  #remove(hosted: Hosted): void {
    if (this.#hosted.get(hosted.owner) !== hosted) return;
    this.#hosted.delete(hosted.owner);
    hosted.cancelIdle?.();
    hosted.server.end();
    const ending = hosted.life.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
