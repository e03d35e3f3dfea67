// The three shapes of the client library behind one: commands go by their first key, messages come by channel.
// Only here is the library named; whoever does not share a store does not load it.
import { createClient, createCluster, createSentinel } from "@redis/client";
import type { RedisTarget } from "./redis_target.ts";

export interface RedisClient {
  /** Starts connecting, and goes on trying for ever. Settles with the first success; never rejects for being refused. */
  connect(): Promise<unknown>;
  /** @throws whatever the library does */
  send(key: string, args: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  destroy(): void;
}

export interface RedisClientOptions {
  readonly target: RedisTarget;
  readonly password: string | undefined;
  /** PEM certificates a server over TLS is trusted by; undefined: the system's. */
  readonly caCerts: readonly string[] | undefined;
  readonly connectTimeoutMs: number;
  /** A connection that nothing goes over for so long is none: pings see to it that something does. */
  readonly silenceMs: number;
  /** Tries to connect once only: for whoever just looks. Default: for ever. */
  readonly once?: boolean | undefined;
  /** Commands that may wait for their answers. */
  readonly maxWaiting: number;
  /** A connection has come up: what was missed meanwhile can be asked for. */
  readonly onReady: () => void;
  readonly onFault: (fault: unknown) => void;
}

/** Longest pause between two attempts to connect. */
const MAX_PAUSE_MS = 1000;
/** Of the longest silence there may be: the next ping waits for the answer to this one. */
const PINGED_AFTER = 0.3;

export function createRedisClient(options: RedisClientOptions): RedisClient {
  const { target, onReady, onFault } = options;
  switch (target.kind) {
    case "single": {
      const [node] = target.nodes;
      const client = createClient({ ...nodeOptions(options), socket: { ...socketOptions(options), ...node } });
      client.on("ready", onReady).on("error", onFault);
      return {
        connect: () => client.connect(),
        send: (_key, args) => client.sendCommand([...args]),
        subscribe: (channel, listener) => client.subscribe(channel, listener),
        destroy: () => client.destroy(),
      };
    }
    case "cluster": {
      const cluster = createCluster({
        rootNodes: target.nodes.map((node) => ({ socket: { ...socketOptions(options), ...node } })),
        defaults: { ...nodeOptions(options), socket: socketOptions(options) },
      });
      cluster.on("error", onFault).on("node-error", onFault).on("node-ready", onReady);
      return {
        connect: () => cluster.connect(),
        send: (key, args) => cluster.sendCommand(key, false, [...args]),
        subscribe: (channel, listener) => cluster.subscribe(channel, listener),
        destroy: () => cluster.destroy(),
      };
    }
    case "sentinel": {
      const sentinel = createSentinel({
        name: target.master ?? "mymaster",
        sentinelRootNodes: target.nodes.map((node) => ({ ...node })),
        nodeClientOptions: { ...nodeOptions(options), socket: socketOptions(options) },
        sentinelClientOptions: { socket: socketOptions(options), maintNotifications: "disabled" },
        scanInterval: 1000,
      });
      sentinel.on("error", onFault).on("client-error", onFault).on("topology-change", onReady);
      return {
        connect: () => sentinel.connect(),
        send: (_key, args) => sentinel.sendCommand(false, [...args]),
        subscribe: (channel, listener) => sentinel.subscribe(channel, listener),
        destroy: () => sentinel.destroy(),
      };
    }
  }
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
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(password === undefined ? {} : { password }),
    ...(target.kind === "cluster" ? {} : { database: target.database }),
  };
}

function socketOptions({ target, caCerts, connectTimeoutMs, silenceMs, once }: RedisClientOptions) {
  const common = {
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    reconnectStrategy: once === true
      ? false as const
      : (retries: number) => Math.min(MAX_PAUSE_MS, 25 * 2 ** Math.min(retries, 10)),
  };
  if (!target.tls) return common;
  return { ...common, tls: true as const, ...(caCerts === undefined ? {} : { ca: [...caCerts] }) };
}
