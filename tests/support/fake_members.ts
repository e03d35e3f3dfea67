// Members of a router without servers: peers in memory, on a clock that a test moves.
import type { PeerEvents } from "../../lib/bridge/peer/peer_source.ts";
import { ByteAccount } from "../../lib/http1/byte_account.ts";
import { Breaker } from "../../lib/upstream/several/members/breaker.ts";
import { type Member, newCounts } from "../../lib/upstream/several/members/member.ts";
import { PageCache } from "../../lib/upstream/several/members/page_cache.ts";
import { Refusal } from "../../lib/upstream/several/members/refusal.ts";
import { Visible } from "../../lib/upstream/several/members/visible.ts";
import { Router } from "../../lib/upstream/several/router.ts";
import { callerKeys } from "./callers.ts";
import { FakePeers, messageOf } from "./fake_peer.ts";
import { FakeTimers } from "./fake_timers.ts";
import { freshRing } from "./signet.ts";
import { SILENT_LOG } from "./silent_log.ts";

type Json = Record<string, unknown>;

/** One that answers a handshake, unless it is down. */
export class FakeReach {
  readonly peers: FakePeers[] = [];
  isDown = false;
  /** Says nothing to a handshake. */
  isSilent = false;
  capabilities: Json = { tools: { listChanged: true }, prompts: {}, resources: {} };

  open(events: PeerEvents): FakePeers {
    const peers = new FakePeers(events);
    if (this.isSilent) peers.initialize = () => new Promise(() => {});
    else if (this.isDown) peers.initialize = () => Promise.reject(new Error("down"));
    else {
      const handshake = { ...peers.handshake, capabilities: this.capabilities };
      Object.assign(peers, { handshake, reply: { result: handshake } });
    }
    this.peers.push(peers);
    return peers;
  }
}

export interface FakeRouting {
  readonly timers: FakeTimers;
  readonly account: ByteAccount;
  readonly router: Router;
  /** What the router says unasked. */
  readonly told: Json[];
  /** Since when nobody uses the session; undefined while somebody does. */
  unusedSinceMs: number | undefined;
}

/** A router that has been greeted, over the members of these names. */
export async function routing(reaches: Readonly<Record<string, FakeReach>>): Promise<FakeRouting> {
  const timers = new FakeTimers();
  const account = new ByteAccount(64 * 1024 * 1024);
  account.shareLimit = 64 * 1024 * 1024;
  const ring = freshRing();
  const members = Object.entries(reaches).map(([name, reach]) => memberOf(name, reach, { timers, account }));
  const told: Json[] = [];
  const scene = { timers, account, told, unusedSinceMs: undefined as number | undefined };
  const router = new Router({
    parts: {
      members,
      account,
      separator: "_",
      maxStateLength: 4096,
      ring: () => ring,
      timers,
      newRun: () => "0".repeat(24),
      log: SILENT_LOG,
    },
    opening: { caller: callerKeys("anna"), session: "s", fields: [] },
    events: {
      onMessage: ({ value }) => void told.push(value),
      onLost: () => {},
      onReplaced: () => {},
      retell: () => [],
      unusedSinceMs: () => scene.unusedSinceMs,
      onDoomed: () => {},
    },
  });
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };
  const { line } = messageOf({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  await router.initialize(line, { fields: [] });
  return Object.assign(scene, { router });
}

function memberOf(
  name: string,
  reach: FakeReach,
  { timers, account }: { timers: FakeTimers; account: ByteAccount },
): Member {
  const all = new Visible({ allow: [], deny: [] }, { name, also: name, names: new Set([name]) });
  return {
    name,
    prefixName: name,
    url: `https://${name}.example/mcp`,
    timeoutMs: 1000,
    required: false,
    visible: { tools: all, prompts: all, resources: all },
    renames: new Map(),
    descriptions: new Map(),
    pages: new PageCache(account),
    breaker: new Breaker(timers),
    refusal: new Refusal(),
    counts: newCounts(),
    open: (_opening, events) => reach.open(events),
    carry: (fields) => [...fields],
    probe: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
