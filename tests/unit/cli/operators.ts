// What operators' commands act on, in memory: a state file and a running Signet over one store, with secrets and keys.
import { AdminToken } from "../../../lib/admin/admin_token.ts";
import { controlRoutes } from "../../../lib/admin/control_api.ts";
import { createControl } from "../../../lib/app/operators/control.ts";
import type { Machine } from "../../../lib/cli/command.ts";
import { parseTokenSecrets } from "../../../lib/config/named/secrets.ts";
import { parseKeyRing } from "../../../lib/envelope/key_ring.ts";
import { SessionTokens } from "../../../lib/identity/tokens/tokens.ts";
import { concerns, StoredRevocations } from "../../../lib/session/revocations/revocation_store.ts";
import { createMemoryStore } from "../../../lib/store/memory/memory.ts";
import type { Store } from "../../../lib/store/store.ts";
import { Bench, TTL_MS } from "../session/fakes.ts";
import { FakeMachine, type MachineOptions, NOW_MS } from "./fake_machine.ts";

export const KEYS = `${btoa("n".repeat(32))}\n${btoa("o".repeat(32))}\n`;
export const ADMIN_TOKEN = "hunter2hunter2hunter2hunter2hunter2";
const FILES = { keys: KEYS, secrets: btoa("s".repeat(32)), admin: ADMIN_TOKEN };

/** Flags that lead to the state file, or to the Signet that runs on it. */
export const WAYS = {
  state: ["--state", "s.db"],
  admin: ["--admin", "127.0.0.1:9191", "--admin-token-file", "admin"],
} as const;
export type Way = keyof typeof WAYS;

export interface OperatorsOptions {
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the running Signet's own. */
  readonly fetch?: Machine["fetch"];
}

export class Operators {
  readonly store: Store = createMemoryStore();
  readonly ring = parseKeyRing(KEYS, "keys");
  readonly revocations = new StoredRevocations({ store: this.store, maxSessionTtlMs: TTL_MS }, 0);
  readonly bench: Bench;
  /** What the running Signet was asked: method and path. */
  readonly asked: string[] = [];
  machine: FakeMachine;
  readonly #routes;

  constructor() {
    this.bench = new Bench({ ring: this.ring, revocations: this.revocations });
    const { registry, owners } = this.bench;
    this.revocations.watch((revocation) => {
      for (const session of registry.sessions()) {
        if (concerns(revocation, session)) registry.remove(session, "revoked", NOW_MS);
      }
    });
    const now = () => NOW_MS;
    const control = createControl({
      tokens: new SessionTokens({
        store: this.store.tokens,
        secrets: parseTokenSecrets(FILES.secrets, "secrets"),
        maxPerAgent: 10,
        now,
        randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      }),
      revocations: this.revocations,
      registry,
      owners,
      ring: () => this.ring,
      now,
    });
    this.#routes = controlRoutes(control, { token: new AdminToken(ADMIN_TOKEN), loopback: false });
    this.machine = this.#machineOf({});
  }

  /** Runs a command on a machine of its own; outputs are `machine`'s. */
  async run(argv: readonly string[], options: OperatorsOptions = {}): Promise<number> {
    this.machine = this.#machineOf(options);
    return await this.machine.run(...argv);
  }

  get out(): string {
    return this.machine.stdout;
  }

  get err(): string {
    return this.machine.stderr;
  }

  /** Lines of JSON. */
  get json(): unknown[] {
    return this.out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  #machineOf(options: OperatorsOptions): FakeMachine {
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const given = { files: FILES, states: { "s.db": this.store }, fetch: this.#fetch, random, ...options };
    return new FakeMachine(given satisfies MachineOptions);
  }

  readonly #fetch: Machine["fetch"] = async (url, init) => {
    const { origin, pathname } = new URL(url);
    if (origin !== "http://127.0.0.1:9191") throw new TypeError("connection refused");
    this.asked.push(`${init.method ?? "GET"} ${pathname}`);
    const route = this.#routes.get(pathname);
    return route === undefined ? new Response("Not found", { status: 404 }) : await route(new Request(url, init), "");
  };
}
