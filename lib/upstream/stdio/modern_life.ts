// The process behind one principal's stateless requests: which era it speaks is found out once for all, by asking it as a
// client would (MCP 2026-07-28, "Discovery"); a server of the sessions' era is then given a handshake of Signet's own.
import { SignetError } from "../../errors.ts";
import { HttpError } from "../../http1/types.ts";
import { isJsonObject, type JsonObject } from "../../mcp/json_rpc.ts";
import { META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION } from "../../mcp/modern.ts";
import {
  type Era,
  isLegacyRevision,
  isModernRevision,
  LEGACY_REVISIONS,
  MODERN_REVISIONS,
} from "../../mcp/revisions.ts";
import type { Credential, CredentialSource } from "../credentials/credential.ts";
import type { Bridge } from "./bridge.ts";
import { encodeJson, type Identity } from "../../mcp/between_eras.ts";
import type { CallerKeys } from "../../session/caller.ts";
import type { Message, Peer } from "./peer.ts";
import { ServerLife } from "./server_life.ts";
import type { StartGate } from "./start_gate.ts";

/** What is known of the command by now: the same for every principal. */
export interface EraMemo {
  era: Era | undefined;
}

export interface ModernLifeOptions {
  readonly gate: StartGate;
  readonly bridge: Bridge;
  readonly caller: CallerKeys;
  readonly memo: EraMemo;
  readonly credentials: CredentialSource | undefined;
  readonly facts: () => Readonly<Record<string, string | number>>;
}

/** A server that ignores what it does not know is taken for one of the sessions' era after this long, in ms. */
const MAX_PROBE_MS = 20_000;

const CLIENT = { name: "signet", version: "1" };
const MODERN = MODERN_REVISIONS.at(-1)!;
const LEGACY = LEGACY_REVISIONS.at(-1)!;

const DISCOVER = encodeJson({
  jsonrpc: "2.0",
  id: 0,
  method: "server/discover",
  params: {
    _meta: { [META_PROTOCOL_VERSION]: MODERN, [META_CLIENT_INFO]: CLIENT, [META_CLIENT_CAPABILITIES]: {} },
  },
});

/** No capabilities: nobody is there whom the server could ask. */
const INITIALIZE = encodeJson({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: LEGACY, capabilities: {}, clientInfo: CLIENT },
});
const INITIALIZED = encodeJson({ jsonrpc: "2.0", method: "notifications/initialized" });

function speaksModern({ value: { result } }: Message): boolean {
  if (!isJsonObject(result) || !Array.isArray(result.supportedVersions)) return false;
  return result.supportedVersions.some((version) => typeof version === "string" && isModernRevision(version));
}

export class ModernLife {
  onMessage: (message: Message, peer: Peer) => Promise<void> | undefined = () => undefined;
  readonly #options: ModernLifeOptions;
  /** How many subscriptions want to know of a resource. */
  readonly #watched = new Map<string, number>();
  /** Every one there was, until nothing of it is left. */
  readonly #lives = new Set<ServerLife>();
  #stopped = false;
  #life: ServerLife | undefined;
  #starting: Promise<ServerLife> | undefined;

  constructor(options: ModernLifeOptions) {
    this.#options = options;
  }

  get era(): Era | undefined {
    return this.#options.memo.era;
  }

  get identity(): Identity {
    const { capabilities, serverInfo, instructions } = (this.#life?.handshake ?? {}) as JsonObject;
    return { capabilities: isJsonObject(capabilities) ? capabilities : {}, serverInfo, instructions };
  }

  get pids(): number[] {
    return [...this.#lives].flatMap(({ pids }) => pids);
  }

  get credential(): Credential | undefined {
    return this.#life?.credential;
  }

  /** The process that takes requests; started first, if it has to be. @throws SignetError as `ServerLife.initialize` */
  async peer(): Promise<Peer> {
    if (this.#life === undefined) {
      this.#starting ??= this.#start().finally(() => this.#starting = undefined);
      this.#life = await this.#starting;
    }
    return await this.#life.peer;
  }

  /** One subscription more, or less, wants to know of a resource; the server is asked for the first and the last. */
  watchResource(uri: string, change: 1 | -1): void {
    const before = this.#watched.get(uri) ?? 0;
    const after = before + change;
    if (after === 0) this.#watched.delete(uri);
    else this.#watched.set(uri, after);
    if (before !== 0 && after !== 0) return;
    const method = after === 0 ? "resources/unsubscribe" : "resources/subscribe";
    const text = encodeJson({ jsonrpc: "2.0", id: 0, method, params: { uri } });
    this.#life?.remember(`subscription ${uri}`, after === 0 ? undefined : text);
    const peer = this.#life?.peer;
    if (peer === undefined || peer instanceof Promise) return void (peer as Promise<Peer> | undefined)?.catch(() => {});
    peer.request(method, { uri }).catch(() => {}); // its absence is the server's business; nothing depends on it
  }

  replace(): Promise<void> {
    return this.#life?.replace() ?? Promise.resolve();
  }

  /** Ends it, whatever it is about to do. Settles when nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#lives].map((life) => life.stop()));
  }

  async #start(): Promise<ServerLife> {
    const { gate, caller: { owner } } = this.#options;
    gate.assertOpen(owner);
    try {
      const life = await this.#greet();
      gate.succeed(owner);
      return life;
    } catch (error) {
      gate.fail(owner, error);
      throw error;
    }
  }

  async #greet(): Promise<ServerLife> {
    const { memo } = this.#options;
    if (memo.era !== "legacy") {
      const life = await this.#discover();
      if (life !== undefined) return life;
    }
    const life = this.#newLife(this.#options.bridge);
    try {
      const { value } = await life.initialize(INITIALIZE);
      assertLegacy(value);
      (await life.peer).send(INITIALIZED);
      life.confirm();
    } catch (error) {
      void life.stop();
      throw error;
    }
    memo.era = "legacy";
    return life;
  }

  /** Asks a new process what it speaks; undefined if that is not the modern era. @throws SignetError at a limit */
  async #discover(): Promise<ServerLife | undefined> {
    const { bridge, memo } = this.#options;
    const startTimeoutMs = memo.era === "modern"
      ? bridge.limits.startTimeoutMs
      : Math.min(bridge.limits.startTimeoutMs, MAX_PROBE_MS);
    const life = this.#newLife({ ...bridge, limits: { ...bridge.limits, startTimeoutMs } });
    try {
      if (speaksModern(await life.initialize(DISCOVER))) {
        memo.era = "modern";
        return life;
      }
    } catch (error) {
      // A server that cannot bear the question, or does not answer it, may still be one of the sessions' era.
      const mayBe = error instanceof SignetError && PASSING.has(error.code) && memo.era === undefined;
      if (!mayBe) {
        void life.stop();
        throw error;
      }
    }
    await life.stop(); // its place is needed for the next
    this.#lives.delete(life);
    return undefined;
  }

  #newLife(bridge: Bridge): ServerLife {
    const { caller, credentials, facts } = this.#options;
    if (this.#stopped) throw new HttpError("aborted", "starting the MCP server: nobody wants it any more");
    const life = new ServerLife({
      bridge,
      caller,
      credentials,
      facts,
      onMessage: (message, peer) => this.onMessage(message, peer),
      onLost: () => {},
      onReplaced: () => {},
    });
    this.#lives.add(life);
    return life;
  }
}

const PASSING: ReadonlySet<string> = new Set(["upstream_unreachable", "upstream_timeout", "upstream_invalid"]);

function assertLegacy({ result }: JsonObject): void {
  const version = isJsonObject(result) ? result.protocolVersion : undefined;
  if (typeof version === "string" && isLegacyRevision(version)) return;
  throw new SignetError("upstream_invalid", {
    facts: { attempted: "initialize", found: typeof version === "string" ? version : "no revision" },
    remedy: "the MCP server speaks no revision that Signet knows",
  });
}
