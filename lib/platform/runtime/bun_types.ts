// The part of Bun in use, typed by hand: the program is checked by Deno, which knows nothing of it.

/** A pipe to a child's stdin. What is written is taken at once or when the promise settles; rejects if the pipe breaks. */
export interface BunFileSink {
  write(bytes: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  end(error?: Error): number | Promise<number>;
}

export interface BunSubprocess {
  readonly pid: number;
  readonly stdin: BunFileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly exited: Promise<number>;
  readonly exitCode: number | null;
  readonly signalCode: string | null;
}

/** What Bun's socket is told to hold, and its handlers call. */
export interface BunSocketEvents {
  arrived(piece: Uint8Array): void;
  endArrived(): void;
  wasClosed(cause: unknown): void;
  drained(): void;
  established(): void;
  notEstablished(cause: unknown): void;
}

export interface BunTcpSocket {
  data: BunSocketEvents | undefined;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** How many bytes the kernel took, 0 if none now, -1 if closed. */
  write(bytes: Uint8Array, from: number, length: number): number;
  /** Closes both directions at once, with a farewell over TLS. */
  close(): void;
  /** Ends our direction. */
  shutdown(): void;
  /** Resets the connection. */
  terminate(): void;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): boolean;
}

export interface BunHandlers {
  open(socket: BunTcpSocket): void;
  data(socket: BunTcpSocket, piece: Uint8Array): void;
  end(socket: BunTcpSocket): void;
  close(socket: BunTcpSocket, cause?: unknown): void;
  drain(socket: BunTcpSocket): void;
  error(socket: BunTcpSocket, cause: unknown): void;
  handshake?(socket: BunTcpSocket, ok: boolean, cause: unknown): void;
  connectError?(socket: BunTcpSocket, cause: unknown): void;
}

interface BunAddress {
  readonly hostname?: string;
  readonly port?: number;
  readonly unix?: string;
  readonly reusePort?: boolean;
  readonly tls?: {
    readonly cert?: string;
    readonly key?: string;
    readonly ca?: string[];
    readonly serverName?: string;
    readonly ALPNProtocols?: string;
  };
}

export interface BunTcpListener {
  readonly port: number;
  stop(): void;
}

export interface BunRuntime {
  readonly CryptoHasher: {
    hash(algorithm: string, data: string | Uint8Array): Uint8Array;
    hash(algorithm: string, data: string | Uint8Array, encoding: string): string;
    /** Writes it to the beginning of `into`. */
    hash(algorithm: string, data: string | Uint8Array, into: Uint8Array): Uint8Array;
  };
  listen(options: BunAddress & { socket: BunHandlers; allowHalfOpen: boolean }): BunTcpListener;
  /** `data` is that of the socket from the beginning. */
  connect(
    options: BunAddress & { socket: BunHandlers; data: BunSocketEvents; allowHalfOpen: boolean },
  ): Promise<BunTcpSocket>;
  /** Takes a descriptor that is open. */
  connect(options: { fd: number; socket: BunHandlers }): Promise<BunTcpSocket>;
  spawn(command: string[], options: {
    env: Readonly<Record<string, string>>;
    stdin: "pipe";
    stdout: "pipe";
    stderr: "pipe";
    detached: boolean;
    cwd?: string;
    uid?: number;
    gid?: number;
  }): BunSubprocess;
}

/** To be called only where `RUNTIME` is "bun". */
export function bun(): BunRuntime {
  return (globalThis as unknown as { Bun: BunRuntime }).Bun;
}
