// The three shapes of the client library behind one: commands go by their first key, messages come by channel.
// Only here is the library named; whoever does not share a store does not load it.
import { createClient, createCluster, createSentinel } from "@redis/client";
import { Pause, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { slotOf } from "./key_slot.ts";
import type { RedisTarget } from "./redis_target.ts";

export interface RedisClient {
  /** Starts connecting, and goes on trying for ever. Settles with the first success; never rejects for being refused. */
  connect(): Promise<unknown>;
  /** @throws whatever the library does */
  send(key: string, args: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** Whether there is a connection that messages come by. */
  hears(): boolean;
  /** Who is asked about a key: one node of a cluster may be silent while the others answer. */
  placeOf(key: string): string;
  /** Of a cluster: asks any of its nodes who has what by now, which may be somebody else than whoever is waited for. */
  lookAround(): void;
  destroy(): void;
}

export interface RedisClientOptions {
  readonly target: RedisTarget;
  /** Asked whenever a connection is to be let in. Must not reject. */
  readonly password: (() => Promise<string | undefined>) | undefined;
  /** PEM certificates a server over TLS is trusted by; undefined: the system's. */
  readonly caCerts: readonly string[] | undefined;
  readonly connectTimeoutMs: number;
  /** A connection that nothing goes over for so long is none: pings see to it that something does. */
  readonly silenceMs: number;
  /** Tries to connect once only: for whoever just looks. Default: for ever. */
  readonly once?: boolean | undefined;
  /** Commands that may wait for their answers. */
  readonly maxWaiting: number;
  /**
   * A connection has come up: what was missed meanwhile can be asked for.
   * @param place undefined where it is to all there is; else whether that one is of any use is to be seen
   */
  readonly onReady: (place?: string) => void;
  /** @param isAll whether nothing at all can be asked because of it */
  readonly onFault: (fault: unknown, isAll: boolean) => void;
}

/** Longest pause between two attempts to connect. */
const MAX_PAUSE_MS = 1000;
/** Of the longest silence there may be: the next ping waits for the answer to this one. */
const PINGED_AFTER = 0.3;

/** Whoever is asked who has what is waited for so long. */
const LOOK_MS = 3000;
/** A thousand keys are in as many slots, and a node of a cluster has more than one in a thousand. */
const KEYS_TRIED = 1000;

/** Of a store that is asked as a whole. */
const WHOLE = "";

export function createRedisClient(options: RedisClientOptions): RedisClient {
  const { target, onFault } = options;
  const onReady = () => options.onReady();
  const onWholeFault = (fault: unknown) => onFault(fault, true);
  const placeOf = () => WHOLE;
  const lookAround = () => {};
  switch (target.kind) {
    case "single": {
      const [node] = target.nodes;
      const client = createClient({ ...nodeOptions(options), socket: { ...socketOptions(options), ...node } });
      client.on("ready", onReady).on("error", onWholeFault);
      return {
        connect: () => client.connect(),
        send: (_key, args) => client.sendCommand([...args]),
        subscribe: (channel, listener) => client.subscribe(channel, listener),
        hears: () => client.isReady,
        ...{ placeOf, lookAround },
        destroy: () => client.destroy(),
      };
    }
    case "cluster":
      return createClusterClient(options);
    case "sentinel": {
      const sentinel = createSentinel({
        name: target.master ?? "mymaster",
        sentinelRootNodes: target.nodes.map((node) => ({ ...node })),
        nodeClientOptions: { ...nodeOptions(options), socket: socketOptions(options) },
        sentinelClientOptions: { socket: socketOptions(options), maintNotifications: "disabled" },
        scanInterval: 1000,
      });
      sentinel.on("error", onWholeFault).on("client-error", onWholeFault).on("topology-change", onReady);
      return {
        connect: () => sentinel.connect(),
        send: (_key, args) => sentinel.sendCommand(false, [...args]),
        subscribe: (channel, listener) => sentinel.subscribe(channel, listener),
        hears: () => sentinel.isReady,
        ...{ placeOf, lookAround },
        destroy: () => sentinel.destroy(),
      };
    }
  }
}

/** Of its nodes one may be away, from the start on, too: it is asked for nothing that another one has. */
function createClusterClient(options: RedisClientOptions): RedisClient {
  const { target, connectTimeoutMs, onReady, onFault } = options;
  const socket = socketOptions(options);
  const cluster = createCluster({
    // Asked who has what, and nothing else: the next one is, where it does not say.
    rootNodes: target.nodes.map((node) => ({ socket: { ...socket, socketTimeout: connectTimeoutMs, ...node } })),
    defaults: { ...nodeOptions(options), socket },
    // Else it is ready once all of its nodes are, which may be never.
    minimizeConnections: true,
  });
  cluster.on("error", (fault) => onFault(fault, false)).on("node-error", (fault) => onFault(fault, false));
  cluster.on("node-ready", ({ host, port }) => onReady(`${host}:${port}`));
  const placeOf = (key: string) => cluster.slots[slotOf(key)]?.master.address ?? WHOLE;
  /** Asked last, and not answered yet. */
  let looked: { readonly atMs: number } | undefined;
  let round = 0;
  const lookAround = () => {
    const atMs = performance.now();
    // Who is asked may be gone himself, or lead to one who is: then there is no answer for long, and another is asked.
    if (!cluster.isReady || (looked !== undefined && atMs - looked.atMs < LOOK_MS)) return;
    const look = looked = { atMs };
    const send = (key: string, args: string[]) => cluster.sendCommand(key, false, args);
    askAround({ nodes: cluster.masters, round: round++, placeOf, send }).catch(() => {}).finally(() => {
      if (looked === look) looked = undefined;
    });
  };
  const pause = new Pause(SYSTEM_TIMERS);
  let mayTry = true;
  const connect = async (): Promise<unknown> => {
    // The library gives up where none of them says who has what.
    for (let tries = 0;; tries++) {
      try {
        return await cluster.connect();
      } catch (fault) {
        if (options.once !== true && mayTry) await pause.wait(pauseMs(tries));
        if (options.once === true || !mayTry) throw fault;
        onFault(fault, true);
      }
    }
  };
  return {
    connect,
    send: (key, args) => cluster.sendCommand(key, false, [...args]),
    subscribe: (channel, listener) => cluster.subscribe(channel, listener),
    hears: () => cluster.pubSubNode?.client.isReady === true,
    ...{ placeOf, lookAround },
    destroy: () => {
      mayTry = false;
      pause.close();
      cluster.destroy();
    },
  };
}

interface Asking {
  readonly nodes: readonly { readonly address: string }[];
  /** Each time another one: who is asked may be gone himself. */
  readonly round: number;
  readonly placeOf: (key: string) => string;
  readonly send: (key: string, args: string[]) => Promise<unknown>;
}

/**
 * Asks a node for a key that another one has. He says who does, and the library, which has connected to that one for as long
 * as it has known him alone, then asks for all of the slots anew.
 */
async function askAround({ nodes, round, placeOf, send }: Asking): Promise<void> {
  const asked = nodes[round % nodes.length];
  const own = keyAt((place) => place === asked?.address, placeOf);
  const foreign = keyAt((place) => place !== asked?.address, placeOf);
  if (own !== undefined && foreign !== undefined) await send(own, ["TYPE", foreign]);
}

/** A key whose place will do, if there are many such. */
function keyAt(willDo: (place: string) => boolean, placeOf: (key: string) => string): string | undefined {
  for (let i = 0; i < KEYS_TRIED; i++) if (willDo(placeOf(String(i)))) return String(i);
  return undefined;
}

/** Before another attempt to connect. */
function pauseMs(tries: number): number {
  return Math.min(MAX_PAUSE_MS, 25 * 2 ** Math.min(tries, 10));
}

function nodeOptions({ target, password, maxWaiting, silenceMs }: RedisClientOptions) {
  return {
    RESP: 2 as const,
    // What cannot be sent now is refused now: whoever asks has something to do instead.
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxWaiting,
    pingInterval: PINGED_AFTER * silenceMs,
    maintNotifications: "disabled" as const,
    disableClientInfo: true,
    name: "signet",
    ...credentialsOf(target, password),
    ...(target.kind === "cluster" ? {} : { database: target.database }),
  };
}

/** Those in force at the moment, by name; nothing where anybody is let in. */
function credentialsOf({ username }: RedisTarget, password: RedisClientOptions["password"]) {
  if (username === undefined && password === undefined) return {};
  const credentials = async () => {
    const current = await password?.();
    return {
      ...(username === undefined ? {} : { username }),
      ...(current === undefined ? {} : { password: current }),
    };
  };
  return { credentialsProvider: { type: "async-credentials-provider" as const, credentials } };
}

function socketOptions({ target, caCerts, connectTimeoutMs, silenceMs, once }: RedisClientOptions) {
  const common = {
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    reconnectStrategy: once === true ? false as const : pauseMs,
  };
  if (!target.tls) return common;
  return { ...common, tls: true as const, ...(caCerts === undefined ? {} : { ca: [...caCerts] }) };
}
