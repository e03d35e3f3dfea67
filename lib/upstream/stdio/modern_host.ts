// The processes behind stateless clients: one an owner, started by its first request, ended when it has been idle for
// long enough. Two owners never share one (BEHAVIOUR.md B1, O2).
import type { Call } from "../../http1/types.ts";
import type { CredentialSource } from "../credentials/credential.ts";
import type { CredentialHolder, Rotation } from "../credentials/rotation.ts";
import type { CallerKeys, OwnerKey } from "../../session/caller.ts";
import { shortHash } from "../../observe/redact.ts";
import type { Bridge } from "./bridge.ts";
import { type EraMemo, ModernLife } from "./modern_life.ts";
import { ModernServer, type StatelessPost } from "./modern_server.ts";
import type { StartGate } from "./start_gate.ts";

export interface ModernHostOptions {
  readonly bridge: Bridge;
  readonly gate: StartGate;
  readonly rotation: Rotation;
}

interface Hosted {
  readonly owner: OwnerKey;
  readonly life: ModernLife;
  readonly server: ModernServer;
  readonly holder: CredentialHolder | undefined;
  cancelIdle: (() => void) | undefined;
}

export class ModernHost {
  readonly #options: ModernHostOptions;
  readonly #memo: EraMemo = { era: undefined };
  readonly #hosted = new Map<OwnerKey, Hosted>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: ModernHostOptions) {
    this.#options = options;
  }

  /** Owners with a process of their own. */
  get size(): number {
    return this.#hosted.size;
  }

  /** Requests in hand. */
  get calls(): number {
    return [...this.#hosted.values()].reduce((sum, { server }) => sum + server.size, 0);
  }

  get pids(): number[] {
    return [...this.#hosted.values()].flatMap(({ life }) => life.pids);
  }

  /** @param credentials for the owner's process, if this request starts it. */
  post(caller: CallerKeys, post: StatelessPost, credentials: () => CredentialSource | undefined): Call {
    const hosted = this.#hosted.get(caller.owner) ?? this.#add(caller, credentials());
    hosted.cancelIdle?.();
    hosted.cancelIdle = undefined;
    return hosted.server.post(post);
  }

  async end(): Promise<void> {
    for (const hosted of [...this.#hosted.values()]) this.#remove(hosted);
    await Promise.all(this.#ending);
  }

  #add(caller: CallerKeys, source: CredentialSource | undefined): Hosted {
    const { bridge, gate, rotation } = this.#options;
    const { limits: { highWaterBytes, stallMs, streamAfterMs, maxCalls }, timers } = bridge;
    const facts = () => ({ principal: shortHash(caller.owner) });
    const life = new ModernLife({ bridge, gate, caller, memo: this.#memo, credentials: source, facts });
    const server = new ModernServer({
      life,
      outbox: { highWaterBytes, stallMs, timers },
      streamAfterMs,
      maxCalls,
      onIdle: () => this.#restUntilNeeded(hosted),
    });
    const holder = source === undefined ? undefined : this.#holderOf(source, life, () => this.#remove(hosted));
    const hosted: Hosted = { owner: caller.owner, life, server, holder, cancelIdle: undefined };
    this.#hosted.set(caller.owner, hosted);
    if (holder !== undefined) rotation.add(holder);
    return hosted;
  }

  #holderOf(source: CredentialSource, life: ModernLife, end: () => void): CredentialHolder {
    return {
      source,
      get credential() {
        return life.credential;
      },
      apply: () => life.replace(),
      end,
      facts: () => ({}),
    };
  }

  #restUntilNeeded(hosted: Hosted): void {
    const { timers, limits } = this.#options.bridge;
    hosted.cancelIdle?.();
    if (this.#hosted.get(hosted.owner) !== hosted) return;
    // One that never began has nothing to keep: the next request tries anew.
    if (hosted.life.pids.length === 0) return this.#remove(hosted);
    hosted.cancelIdle = timers.after(limits.idleMs, () => this.#remove(hosted));
  }

  #remove(hosted: Hosted): void {
    if (this.#hosted.get(hosted.owner) !== hosted) return;
    this.#hosted.delete(hosted.owner);
    hosted.cancelIdle?.();
    if (hosted.holder !== undefined) this.#options.rotation.remove(hosted.holder);
    hosted.server.end();
    const ending = hosted.life.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
