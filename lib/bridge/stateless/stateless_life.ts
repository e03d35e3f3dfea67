// The peer behind one principal's stateless requests: which era it speaks is found out once for all, by asking it as a
// client would (MCP 2026-07-28, "Discovery"); a server of the sessions' era is then given a handshake of Signet's own.
import { SignetError } from "../../errors.ts";
import { HttpError } from "../../http1/types.ts";
import type { ClientSelf, Identity } from "../../mcp/eras/between_eras.ts";
import { META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION } from "../../mcp/eras/modern.ts";
import {
  type Era,
  isLegacyRevision,
  isModernRevision,
  LEGACY_REVISIONS,
  MODERN_REVISIONS,
} from "../../mcp/eras/revisions.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { isHeardAt, type LogLevel } from "../../mcp/log_levels.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { settlesWithin, type Timers } from "../../platform/time/timers.ts";
import type { OwnerKey } from "../../session/caller.ts";
import { INITIALIZED } from "../peer/handshake.ts";
import { type Carrier, type Message, NO_CARRIER, NOBODY, type Peer } from "../peer/peer.ts";
import type { OpenPeers, Parting, PeerSource } from "../peer/peer_source.ts";
import { levelText, subscribeText, unsubscribeText } from "../peer/remembered.ts";
import type { Gate } from "../request.ts";

/** What is known of the command by now: the same for every principal. */
export interface EraMemo {
  era: Era | undefined;
  /** Whether it was said beforehand: then no peer is asked for the other. */
  readonly isGiven: boolean;
}

export interface StatelessLifeOptions {
  readonly gate: Gate;
  readonly owner: OwnerKey;
  readonly memo: EraMemo;
  readonly open: OpenPeers;
  /** Who a server of the sessions' era is told that its client is. */
  readonly client: ClientSelf;
  /** See `PeerEvents`. */
  readonly unusedSinceMs: () => number | undefined;
  readonly onDoomed: () => void;
  /** See `PeerEvents.onRefused`. */
  readonly onRefused: () => void;
  readonly timers: Timers;
}

/** A call waits so long for the server to know what its client wants to hear of, in ms. */
const LEVEL_MS = 2000;

/** Where no client has said who it is. */
export const CLIENT = { name: "signet", version: "1" };
const ASKED_FOR = ["elicitation", "sampling", "roots"] as const;
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

/** A handshake of the sessions' era, in its client's name. */
export function initializeOf({ clientInfo, capabilities }: ClientSelf): Uint8Array {
  const params = { protocolVersion: LEGACY, capabilities, clientInfo };
  return encodeJson({ jsonrpc: "2.0", id: 0, method: "initialize", params });
}

function speaksModern({ value: { result } }: Message): boolean {
  if (!isJsonObject(result) || !Array.isArray(result.supportedVersions)) return false;
  return result.supportedVersions.some((version) => typeof version === "string" && isModernRevision(version));
}

export class StatelessLife {
  onMessage: (message: Message, peer: Peer, about?: number) => Promise<void> | undefined = () => undefined;
  /** A peer has ended, wanted or not. */
  onLost: () => void = () => {};
  /** Another peer, or another session, has taken an earlier one's place. */
  onReplaced: () => void = () => {};
  readonly #options: StatelessLifeOptions;
  /** How many subscriptions want to know of a resource. */
  readonly #watched = new Map<string, number>();
  /** Every one there was, until nothing of it is left. */
  readonly #sources = new Set<PeerSource>();
  #level: LogLevel | undefined;
  #leveling: Promise<unknown> | undefined;
  #stopped = false;
  #source: PeerSource | undefined;
  #era: Era | undefined;
  #starting: Promise<PeerSource> | undefined;

  constructor(options: StatelessLifeOptions) {
    this.#options = options;
  }

  /** Of the peer that it has: another caller's may be of another one since. */
  get era(): Era | undefined {
    return this.#era ?? this.#options.memo.era;
  }

  /** What the client behind it can be asked for. */
  get capabilities(): JsonObject {
    return this.#options.client.capabilities;
  }

  get identity(): Identity {
    const { capabilities, serverInfo, instructions } = (this.#source?.handshake ?? {}) as JsonObject;
    return { capabilities: isJsonObject(capabilities) ? capabilities : {}, serverInfo, instructions };
  }

  /** Whether there has been a peer that took requests. */
  get begun(): boolean {
    return this.#source !== undefined;
  }

  /** The peer that takes requests; started first, if it has to be. @throws SignetError as `PeerSource.initialize` */
  async peer(carrier: Carrier): Promise<Peer> {
    if (this.#stopped) throw notWanted();
    if (this.#source === undefined) {
      this.#starting ??= this.#start(carrier).finally(() => this.#starting = undefined);
      this.#source = await this.#starting;
    }
    return await this.#source.peerFor(carrier);
  }

  /** A client listens: as `PeerSource.listen`. */
  listen(carrier: Carrier): void {
    this.#source?.listen(carrier);
  }

  /** One subscription more, or less, wants to know of a resource; the server is asked for the first and the last. */
  watchResource(uri: string, change: 1 | -1): void {
    const before = this.#watched.get(uri) ?? 0;
    const after = before + change;
    if (after === 0) this.#watched.delete(uri);
    else this.#watched.set(uri, after);
    if (before !== 0 && after !== 0) return;
    if (after === 0 && this.#source?.isShared === true) return;
    const text = after === 0 ? unsubscribeText(uri) : subscribeText(uri);
    const peer = this.#source?.peerFor(NO_CARRIER);
    // One that is being started is told what is remembered.
    if (peer === undefined || peer instanceof Promise) return void (peer as Promise<Peer> | undefined)?.catch(() => {});
    peer.ask(text, findMember(text, "id")!, NOBODY, NO_CARRIER);
  }

  /**
   * The server is to tell what is of this level, for a client that wants to hear it: a session has one for all, the lowest
   * that was wanted in it. Settles when the server knows, or does not answer in time. Never rejects.
   */
  async wantLevel(level: LogLevel, carrier: Carrier): Promise<void> {
    if (!isJsonObject(this.identity.capabilities.logging)) return;
    if (this.#level === undefined || !isHeardAt(level, this.#level)) {
      this.#level = level;
      this.#leveling = settlesWithin(this.#tellLevel(level, carrier), LEVEL_MS, this.#options.timers);
    }
    await this.#leveling;
  }

  async #tellLevel(level: LogLevel, carrier: Carrier): Promise<void> {
    const peer = await this.#source?.peerFor(carrier);
    const text = levelText(level);
    await new Promise<void>((resolve) => {
      const onReply = () => void resolve();
      const asked = peer?.ask(text, findMember(text, "id")!, { onReply, onLost: () => resolve() }, carrier);
      // One that is not told now is told it the next time that somebody wants to hear it.
      if (asked !== undefined) return;
      this.#level = undefined;
      resolve();
    });
  }

  /** Ends it, whatever it is about to do. Settles when nothing is left. */
  async stop(how: Parting): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#sources].map((source) => source.stop(how, NO_CARRIER).gone));
  }

  async #start(carrier: Carrier): Promise<PeerSource> {
    const { gate, owner } = this.#options;
    gate.assertOpen(owner);
    try {
      const source = await this.#greet(carrier);
      gate.succeed(owner);
      return source;
    } catch (error) {
      gate.fail(owner, error);
      throw error;
    }
  }

  async #greet(carrier: Carrier): Promise<PeerSource> {
    const { memo, client } = this.#options;
    if (memo.era !== "legacy") {
      const source = await this.#discover(carrier);
      if (source !== undefined) return source;
      if (memo.isGiven) {
        throw new SignetError("upstream_invalid", {
          publicMessage: "Bad gateway: the MCP server speaks no stateless revision",
          facts: { attempted: "server/discover", found: "no revision that is known" },
        });
      }
    }
    const source = this.#newSource();
    try {
      const { value } = await source.initialize(initializeOf(client), carrier);
      assertLegacy(value);
      (await source.peerFor(carrier)).send(INITIALIZED, carrier);
      source.confirm();
      // Some servers ask on the stream that they can be listened to on, and there alone.
      if (ASKED_FOR.some((name) => isJsonObject(client.capabilities[name]))) source.listen(carrier);
    } catch (error) {
      void this.#retire(source, carrier);
      throw error;
    }
    this.#era = memo.era = "legacy";
    return source;
  }

  /** Asks a new peer what it speaks; undefined if that is not the modern era. @throws SignetError at a limit */
  async #discover(carrier: Carrier): Promise<PeerSource | undefined> {
    const { memo } = this.#options;
    const source = this.#newSource();
    try {
      if (speaksModern(await source.initialize(DISCOVER, carrier))) {
        this.#era = memo.era = "modern";
        return source;
      }
    } catch (error) {
      // A server that cannot bear the question, or does not answer it, may still be one of the sessions' era.
      const mayBe = error instanceof SignetError && PASSING.has(error.code) && memo.era === undefined;
      if (!mayBe) {
        void this.#retire(source, carrier);
        throw error;
      }
    }
    await this.#retire(source, carrier); // its place is needed for the next
    return undefined;
  }

  /** One that nothing comes of. What it has found, somebody else may go on with. */
  async #retire(source: PeerSource, carrier: Carrier): Promise<void> {
    await source.stop("leave", carrier).gone;
    this.#sources.delete(source);
  }

  /** What another peer, or session, in place of this one is to know. */
  #retold(): Uint8Array[] {
    const levels = this.#level === undefined ? [] : [levelText(this.#level)];
    return [...levels, ...[...this.#watched.keys()].map(subscribeText)];
  }

  #newSource(): PeerSource {
    const { open, unusedSinceMs, onDoomed, onRefused } = this.#options;
    if (this.#stopped) throw notWanted();
    const source = open({
      onMessage: (message, peer, about) => this.onMessage(message, peer, about),
      onLost: () => this.onLost(),
      onReplaced: () => this.onReplaced(),
      retell: () => this.#retold(),
      unusedSinceMs,
      onDoomed,
      onRefused,
    });
    this.#sources.add(source);
    return source;
  }
}

const PASSING: ReadonlySet<string> = new Set(["upstream_unreachable", "upstream_timeout", "upstream_invalid"]);

function assertLegacy({ result }: JsonObject): void {
  const version = isJsonObject(result) ? result.protocolVersion : undefined;
  if (typeof version === "string" && isLegacyRevision(version)) return;
  throw new SignetError("upstream_invalid", {
    facts: { attempted: "initialize", found: typeof version === "string" ? version : "no revision" },
    remedy: "The MCP server speaks no revision that Signet knows.",
  });
}

function notWanted(): HttpError {
  return new HttpError("aborted", "starting the MCP server: nobody wants it any more");
}
