// The life of one session's server over all the processes it takes: the first start with the client's own handshake, a
// new process after a crash (docs/behaviour.md B5) or for a new credential (B4), with the handshake said again.
// Only the current process counts: the end of an earlier one changes nothing (B3).
import {
  brief,
  type Handshake,
  handshakeOfSuccessor,
  handshakeToKeep,
  readHandshake,
  versionIn,
} from "../../bridge/peer/handshake.ts";
import type { Carrier, Message } from "../../bridge/peer/peer.ts";
import {
  type PeerEvents,
  type PeerSource,
  type Resumed,
  type Stopping,
  withoutWord,
} from "../../bridge/peer/peer_source.ts";
import { SignetError } from "../../errors.ts";
import { HttpError } from "../../http1/types.ts";
import type { JsonObject } from "../../platform/json.ts";
import { Pause, settlesWithin } from "../../platform/time/timers.ts";
import type { CallerKeys } from "../../session/caller.ts";
import { Backoff } from "../backoff.ts";
import { type Credential, CredentialRejectedError, type CredentialSource } from "../credentials/credential.ts";
import type { CredentialHolder } from "../credentials/rotation.ts";
import type { ProcessExit } from "./process.ts";
import { greetProcess } from "./process_greeting.ts";
import { type ProcessHost, resolvePrograms, startProcess } from "./process_host.ts";
import { ProcessPeer } from "./process_peer.ts";
import type { Slot, Yielding } from "./slots.ts";
import { explainStart, keepsFailing, neverBegan, notStarted, notUnderstood } from "./start_fault.ts";

export interface ServerLifeOptions {
  readonly host: ProcessHost;
  /** Whose places it takes. */
  readonly caller: CallerKeys;
  /** Names the session in the log. */
  readonly facts: () => Readonly<Record<string, string | number>>;
  /** Where the variables come from that the server authenticates itself with; undefined if it needs none. */
  readonly credentials: CredentialSource | undefined;
  readonly events: PeerEvents;
}

/** A request waits this long for a restart that is held back, in ms; beyond, it is refused. */
const MAX_WAIT_MS = 2000;
/** Calls of a process that has been replaced may go on for so long, in ms. */
const DRAIN_MS = 5 * 60_000;

export class ServerLife implements PeerSource {
  readonly #options: ServerLifeOptions;
  readonly #backoff: Backoff;
  readonly #peers = new Set<ProcessPeer>();
  readonly #spawning = new Set<Promise<ProcessPeer>>();
  /** Those whose end is wanted. */
  readonly #retired = new WeakSet<ProcessPeer>();
  readonly #holder: CredentialHolder | undefined;
  /**
   * For another of its principal's to take its place (M5): the session goes on with a new process when it is used
   * again.
   */
  readonly #yielding: Yielding = {
    unusedSinceMs: () => {
      if (this.#stopped) return -Infinity; // on its way out already
      return this.#peer === undefined || this.#starting !== undefined
        ? undefined
        : this.#options.events.unusedSinceMs();
    },
    give: () => this.#options.events.onDoomed(),
  };
  #handshakeText: Uint8Array | undefined;
  #handshake: Handshake | undefined;
  #credential: Credential | undefined;
  #peer: ProcessPeer | undefined;
  #starting: Promise<ProcessPeer> | undefined;
  /** How the process ended that did so last. */
  #lastExit: ProcessExit | undefined;
  #confirmed = false;
  #stopped = false;
  /** Before the next start. */
  readonly #pause: Pause;

  constructor(options: ServerLifeOptions) {
    const { host, credentials } = options;
    this.#options = options;
    this.#backoff = new Backoff(host.backoff);
    this.#pause = new Pause(host.timers);
    this.#holder = credentials === undefined ? undefined : this.#holderOf(credentials);
    if (this.#holder !== undefined) host.rotation.add(this.#holder);
  }

  /** The process that takes requests now; a promise where one has to be started first. @throws SignetError */
  peerFor({ fields }: Carrier): ProcessPeer | Promise<ProcessPeer> {
    this.#options.credentials?.hear?.(fields);
    if (this.#peer?.running) return this.#peer;
    this.#starting ??= this.#restart().finally(() => this.#starting = undefined);
    return this.#starting;
  }

  get protocolVersion(): string {
    return versionIn(this.#handshake);
  }

  /** The server's answer to the handshake, as the current process gave it. */
  get handshake(): JsonObject {
    return this.#handshake?.result ?? {};
  }

  get capabilities(): JsonObject {
    return this.#handshake?.capabilities ?? {};
  }

  /**
   * Starts the first process with the client's initialize. The place for it is taken before anything is awaited (M1).
   * @returns the server's reply, which may be an error: then there is no session
   * @throws SignetError `session_limit`, `principal_limit`, `upstream_unreachable`, `upstream_timeout`,
   * `upstream_credential_missing`
   */
  async initialize(text: Uint8Array): Promise<Message> {
    this.#handshakeText = handshakeToKeep(text);
    const slot = this.#options.host.slots.reserve(this.#options.caller, this.#yielding);
    const { peer, reply } = await this.#launch(slot, text).catch((error) => {
      throw explainStart(error);
    });
    this.#handshake = readHandshake(reply);
    if (this.#handshake === undefined) void this.#retire(peer);
    else this.#peer = peer;
    return reply;
  }

  /** A process is nobody's but this one's. */
  readonly state = undefined;
  readonly place = undefined;

  /** All that a process writes is read; of another one in its place is told (`PeerEvents.onReplaced`). */
  get hearing(): number | undefined {
    return this.#peer?.running ? 1 : undefined;
  }

  /** There is nothing to go on with: the first request starts a process, which is greeted as the first one was. */
  attach({ state, protocolVersion, handshake }: Resumed): boolean {
    if (state !== undefined) return false;
    this.#handshakeText = handshake;
    this.#handshake = { result: { protocolVersion }, capabilities: {} };
    this.#confirmed = true;
    return true;
  }

  /** What it says is on its pipes, listened to or not. */
  listen(): void {}

  /** The client has confirmed the handshake: later processes get the confirmation from here. */
  confirm(): void {
    this.#confirmed = true;
  }

  /**
   * Puts a new process in the place of the current one, whose calls may end in their time (B4).
   * @throws SignetError as `initialize`, CredentialRejectedError; the current process then stays
   */
  async replace(): Promise<void> {
    const { slots, replacements } = this.#options.host;
    await replacements.take(async () => {
      const before = this.#peer;
      // Without a process there is nothing to replace: the next one gets the new credential anyway.
      if (before === undefined || this.#starting !== undefined || this.#stopped) return;
      const slot = slots.reserveReplacement(this.#options.caller, this.#yielding);
      this.#starting = this.#successor(slot).finally(() => this.#starting = undefined);
      await this.#starting;
      void this.#drain(before);
    });
  }

  seal(): undefined {}

  /** Ends every process of the session, and all that they started: they hear of it by being stopped. */
  stop(): Stopping {
    return withoutWord(this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    this.#pause.close();
    this.#peer = undefined;
    if (this.#holder !== undefined) this.#options.host.rotation.remove(this.#holder);
    await Promise.allSettled(this.#spawning);
    await Promise.all([...this.#peers].map((peer) => this.#retire(peer)));
  }

  #holderOf(source: CredentialSource): CredentialHolder {
    const credential = () => this.#peer === undefined ? undefined : this.#credential;
    return {
      source,
      // Of the process that runs; none while none does, since the next gets a new one anyway.
      get credential() {
        return credential();
      },
      apply: () => this.replace(),
      end: () => this.#options.events.onDoomed(),
      facts: this.#options.facts,
    };
  }

  async #drain(peer: ProcessPeer): Promise<void> {
    await settlesWithin(peer.idle, DRAIN_MS, this.#options.host.timers);
    await this.#retire(peer);
  }

  #retire(peer: ProcessPeer): Promise<void> {
    this.#retired.add(peer);
    return peer.stop();
  }

  /** After a crash: at once while that is rare, later if it is not. */
  async #restart(): Promise<ProcessPeer> {
    const { host } = this.#options;
    const delayMs = this.#backoff.delayMs(host.timers.now());
    if (delayMs > MAX_WAIT_MS) throw keepsFailing(this.#backoff.failures, delayMs);
    if (delayMs > 0) await this.#pause.wait(delayMs);
    this.#assertWanted();
    const peer = await this.#successor(host.slots.reserve(this.#options.caller, this.#yielding)).catch(
      (error) => {
        if (error instanceof CredentialRejectedError) this.#options.events.onDoomed();
        throw explainStart(error);
      },
    );
    host.counts.restarted++;
    host.log.info("MCP server restarted", this.#options.facts());
    return peer;
  }

  async #successor(slot: Slot): Promise<ProcessPeer> {
    const { peer, reply } = await this.#launch(slot, this.#handshakeText!);
    try {
      this.#handshake = handshakeOfSuccessor(reply, this.protocolVersion);
    } catch (error) {
      void this.#retire(peer);
      throw error;
    }
    brief(peer, { isConfirmed: this.#confirmed, requests: this.#options.events.retell() });
    this.#peer = peer;
    this.#options.events.onReplaced(this.capabilities);
    return peer;
  }

  async #launch(slot: Slot, handshake: Uint8Array): Promise<{ peer: ProcessPeer; reply: Message }> {
    const spawning = this.#spawn(slot);
    this.#spawning.add(spawning);
    let peer: ProcessPeer;
    try {
      peer = await spawning.finally(() => this.#spawning.delete(spawning));
    } catch (error) {
      slot.release();
      this.#backoff.fail(this.#options.host.timers.now());
      throw error;
    }
    void peer.gone.then(() => {
      this.#peers.delete(peer);
      slot.release();
    });
    try {
      return { peer, reply: await this.#greet(peer, handshake) };
    } catch (error) {
      void this.#retire(peer);
      throw error;
    }
  }

  async #spawn({ ready }: Slot): Promise<ProcessPeer> {
    const { host, facts, events, credentials } = this.#options;
    try {
      if (ready !== undefined) await ready;
      const programs = await resolvePrograms(host);
      const credential = await credentials?.current();
      this.#assertWanted();
      this.#credential = credential;
      const secrets = credential?.values ?? {};
      const account = host.account.shareOf(this.#options.caller.principalKey);
      const peer = new ProcessPeer({
        start: (hooks) => startProcess(host, programs, { secrets, facts, account, ...hooks }),
        maxLineBytes: host.limits.maxLineBytes,
        onMessage: events.onMessage,
        onExit: (exit, peer) => this.#lose(peer, exit),
        log: host.log,
        facts,
      });
      // In the same breath, so that whoever stops the life finds it.
      this.#peers.add(peer);
      return peer;
    } catch (cause) {
      if (cause instanceof SignetError || cause instanceof HttpError) throw cause;
      if (cause instanceof CredentialRejectedError) throw cause;
      throw notStarted(cause);
    }
  }

  #assertWanted(): void {
    if (this.#stopped) throw new HttpError("aborted", "starting the MCP server: the session has ended meanwhile");
  }

  /** Says a client's initialize to a new process. */
  #greet(peer: ProcessPeer, text: Uint8Array): Promise<Message> {
    const { timers, limits: { startTimeoutMs } } = this.#options.host;
    return greetProcess(peer, text, {
      timers,
      startTimeoutMs,
      explain: (reason) => this.#explainSilence(peer, reason),
    });
  }

  /** Why a process will not answer its greeting. */
  #explainSilence(peer: ProcessPeer, reason: string): Error {
    if (this.#stopped) return new HttpError("aborted", "starting the MCP server: not wanted any more");
    return peer.running
      ? notUnderstood(reason)
      : neverBegan(this.#lastExit ?? { code: -1, signal: null, fault: reason });
  }

  #lose(peer: ProcessPeer, exit: ProcessExit): void {
    const { host, facts, events } = this.#options;
    this.#lastExit = exit;
    if (this.#peer === peer) this.#peer = undefined;
    if (!this.#retired.has(peer)) {
      this.#backoff.fail(host.timers.now());
      host.counts.ended_unasked++;
      host.log.warn("MCP server ended", { ...facts(), ...describe(exit), failures: this.#backoff.failures });
    }
    events.onLost(peer);
  }
}

function describe({ code, signal, fault }: ProcessExit): Record<string, string | number | undefined> {
  return { exitCode: code, signal: signal ?? undefined, fault };
}
