// Several MCP servers as one upstream (docs/behaviour.md A1–A9): the bridge's own server over a router of their peers. Its
// id of a session is made of theirs, and is sealed like any other, so that a restart or another replica goes on with the
// members' own sessions, under the same names.
import { type BridgeLimits, type BridgeParts, DEFAULT_BRIDGE_LIMITS, randomName } from "../bridge/limits.ts";
import { NO_GATE, type OwnedSince } from "../bridge/request.ts";
import { BridgeServer, type BridgeSizes } from "../bridge/server.ts";
import type { KeyRing } from "../envelope/key_ring.ts";
import { TYPICAL_ID_LENGTH, type UpstreamSessionId } from "../envelope/session_id.ts";
import { encodeSeveralId, SEVERAL_URL } from "../envelope/several_id.ts";
import { SignetError } from "../errors.ts";
import { ByteAccount } from "../http1/byte_account.ts";
import type { Logger } from "../observe/log.ts";
import { randomBytes } from "../platform/random.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/time/timers.ts";
import type { SessionCall } from "../session/lost_session.ts";
import { reasonOf } from "./several/members/breaker.ts";
import type { Member } from "./several/members/member.ts";
import type { Refusal } from "./several/members/refusal.ts";
import { Router, type RouterParts } from "./several/router.ts";
import type { HereFor, Upstream, UpstreamRequest } from "./upstream.ts";

export interface SeveralUpstreamOptions {
  /** In the order of the lists, each under a name of its own (`nameMembers`). */
  readonly members: readonly Member[];
  readonly separator: string;
  /** The longest sealed id, in characters. */
  readonly maxIdLength: number;
  /** What cursors are sealed with: those in force at the moment. */
  readonly ring: () => KeyRing;
  readonly log: Logger;
  readonly limits?: Partial<BridgeLimits>;
  readonly account?: ByteAccount;
  /** This replica among others. Default: there are none. */
  readonly here?: HereFor | undefined;
  /** See `BridgeParts`. */
  readonly onLostCall?: BridgeParts["onLostCall"];
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
}

/** Of a sealed id, in bytes: what is said of owner, client and session beside the members, as a rule. */
const BESIDE_MEMBERS = 640;
/** A member that takes too long is left out before anybody gives up waiting for all. */
const TELLING_MS = 5000;

export class SeveralUpstream implements Upstream {
  readonly name = "several";
  /** In the envelope, where a server's URL would stand: the members' own are in the session's id. */
  readonly url = SEVERAL_URL;
  /** Its conversations are in this process, wherever its members are. */
  readonly isLocal = true;
  readonly idLength: number;
  readonly initializeTimeoutMs: number;
  readonly members: readonly Member[];
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  readonly #bridge: BridgeServer;
  /** What is wrong with members, by name. */
  readonly #lastProbes = new Map<string, string>();

  constructor(options: SeveralUpstreamOptions) {
    const { members, separator, ring, log, timers = SYSTEM_TIMERS } = options;
    this.members = members;
    this.idLength = typicalLength(members, separator);
    this.initializeTimeoutMs = Math.max(...members.map(({ timeoutMs }) => timeoutMs)) + TELLING_MS;
    const parts: BridgeParts = {
      limits: { ...DEFAULT_BRIDGE_LIMITS, ...options.limits },
      account: options.account ?? new ByteAccount(),
      timers,
      random: options.random ?? randomBytes,
      here: options.here?.(this),
      onLostCall: options.onLostCall,
    };
    const newRun = () => randomName(parts, 12);
    const maxStateLength = Math.floor(options.maxIdLength * 3 / 4) - BESIDE_MEMBERS;
    const { account } = parts;
    const router: RouterParts = {
      members,
      account,
      separator,
      maxStateLength,
      ring,
      timers,
      newRun,
      log,
    };
    this.#bridge = new BridgeServer({
      parts,
      gate: NO_GATE,
      choose: (opening) => (events) => new Router({ parts: router, opening, events }),
      onEnded: (upstreamSessionId) => this.onEnded?.(upstreamSessionId),
    });
  }

  /** Everything here that grows, for metrics. */
  sizes(): BridgeSizes {
    return this.#bridge.sizes();
  }

  send(request: UpstreamRequest): SessionCall {
    return this.#bridge.send(request);
  }

  endStateless(which: OwnedSince): void {
    this.#bridge.endStateless(which);
  }

  release(upstreamSessionId: UpstreamSessionId): void {
    this.#bridge.release(upstreamSessionId);
  }

  /** Whether sessions can be opened: every required member can be reached, and one at all. @throws HttpError, SignetError */
  async probe(): Promise<void> {
    const probes = await this.probeMembers();
    const failed = probes.filter(({ error }) => error !== undefined);
    const required = failed.find(({ member }) => member.required);
    if (required !== undefined) throw required.error;
    if (failed.length === probes.length) throw failed[0]!.error;
  }

  /** What the last probe, or the last attempt to reach it, has found of each. */
  checks(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.members.map(({ prefixName, required, breaker, refusal }) => [
        `member ${prefixName}`,
        (breaker.reason ?? this.#lastProbes.get(prefixName) ?? refusedFor(refusal) ?? "connects") +
        (required ? " (required)" : ""),
      ]),
    );
  }

  /** Each by itself. */
  async probeMembers(): Promise<{ readonly member: Member; readonly error: unknown }[]> {
    return await Promise.all(this.members.map(async (member) => {
      try {
        await member.probe();
        this.#lastProbes.delete(member.prefixName);
        return { member, error: undefined };
      } catch (error) {
        this.#lastProbes.set(member.prefixName, `unreachable: ${reasonOf(error)}`);
        return { member, error: error ?? new SignetError("upstream_unreachable") };
      }
    }));
  }

  async close(): Promise<void> {
    await this.#bridge.close();
    for (const { pages } of this.members) pages.clear();
    await Promise.all(this.members.map((member) => member.close()));
  }
}

function refusedFor({ reason }: Refusal): string | undefined {
  return reason === undefined ? undefined : `refuses sessions, each new one asks again: ${reason}`;
}

/** Of the id of a session whose members give ids of usual length. */
function typicalLength(members: readonly Member[], separator: string): number {
  const state = "x".repeat(TYPICAL_ID_LENGTH);
  const sealed = members.map(({ prefixName: name, url }) => ({
    name,
    url,
    state: url.startsWith("stdio:") ? undefined : state,
  }));
  return encodeSeveralId({ run: "0".repeat(24), separator, members: sealed }).length;
}
