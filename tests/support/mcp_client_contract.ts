// What the official clients have in common, as the scenarios see them.

/**
 * `v1`: SDK 1.x. `v2`: SDK 2.x as it comes (legacy). `v2-auto`: SDK 2.x, probing for the modern era. `v2-modern`: the
 * same, in that era or not at all.
 */
export type ClientKind = "v1" | "v2" | "v2-auto" | "v2-modern";

export interface RpcNotification {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** What a client answers when the server asks. */
export const ANSWERS = { sample: "the model's answer", elicit: "forty-two", root: "file:///work" } as const;

export interface CallOptions {
  readonly onProgress?: (progress: number) => void;
  /** In ms; the clients' own default is a minute. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Asks for log lines of this call, as the modern era does. */
  readonly logLevel?: "debug" | "info" | "warning" | "error";
}

/** As both SDKs take them. */
export function requestOptions({ onProgress, timeoutMs, signal }: CallOptions) {
  return {
    ...(onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) }),
    ...(timeoutMs && { timeout: timeoutMs }),
    ...(signal && { signal }),
  };
}

/** Of what a tool has answered. */
export function firstText(content: unknown): string {
  return (content as { text?: string }[])[0]?.text ?? "";
}

/** The part of a client that the scenarios use. */
export interface SdkClient {
  readonly sessionId: string | undefined;
  readonly protocolVersion: string | undefined;
  /** The tool's first text. @throws what the client throws */
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<string>;
  listTools(): Promise<string[]>;
  listResources(): Promise<string[]>;
  readResource(uri: string): Promise<string>;
  subscribe(uri: string): Promise<void>;
  prompt(name: string, args: Record<string, string>): Promise<string>;
  complete(prompt: string, argument: { name: string; value: string }): Promise<string[]>;
  setLogLevel(level: "debug" | "info" | "warning" | "error"): Promise<void>;
  ping(): Promise<void>;
  /** DELETE. */
  terminate(): Promise<void>;
  close(): Promise<void>;
}

export interface Handlers {
  onNotification(notification: RpcNotification): void;
}
