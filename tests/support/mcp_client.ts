// The official clients behind one face, so that a scenario is written once and run with each. The clients themselves
// are unmodified: what differs is only how their APIs are called.
import type { ClientKind, Handlers, RpcNotification, SdkClient } from "./mcp_client_contract.ts";
import { connectV1 } from "./mcp_client_v1.ts";
import { connectV2 } from "./mcp_client_v2.ts";
import { Wire } from "./mcp_wire.ts";
import { until } from "./until.ts";

export const LEGACY_CLIENTS: readonly ClientKind[] = ["v1", "v2"];

/**
 * For tests that use a client. Nothing is sanitised: when a server ends several streams at once, both clients start a
 * reconnection timer for each but keep, and on close clear, only the last; timers count as ops and as resources.
 */
export const CLIENT_SANITIZERS = { sanitizeOps: false, sanitizeResources: false } as const;

export interface ConnectOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly wire?: Wire;
}

/** A connected client and everything it was told. */
export class Connected implements AsyncDisposable {
  readonly client: SdkClient;
  readonly wire: Wire;
  readonly notifications: RpcNotification[];

  private constructor(client: SdkClient, wire: Wire, notifications: RpcNotification[]) {
    this.client = client;
    this.wire = wire;
    this.notifications = notifications;
  }

  static async to(url: string, kind: ClientKind, options: ConnectOptions): Promise<Connected> {
    const wire = options.wire ?? new Wire();
    const heard: RpcNotification[] = [];
    const handlers: Handlers = { onNotification: (notification) => void heard.push(notification) };
    const connect = kind === "v1" ? connectV1 : connectV2;
    return new Connected(await connect(url, { kind, handlers, wire, headers: options.headers ?? {} }), wire, heard);
  }

  /** The first notification of `method` that fits, past or to come. */
  async heard(
    method: string,
    fits: (params: Record<string, unknown>) => boolean = () => true,
  ): Promise<RpcNotification> {
    const find = () => this.notifications.find((one) => one.method === method && fits({ ...one.params }));
    await until(() => find() !== undefined, () => `${method}; heard ${JSON.stringify(this.notifications)}`);
    return find()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** Connects an unmodified official client and completes its handshake. */
export function connectClient(kind: ClientKind, url: string, options: ConnectOptions = {}): Promise<Connected> {
  return Connected.to(url, kind, options);
}
