// What a socket is to whoever owns it, and how sockets come to be. Types only: see platform/sockets.ts.

/** Who a socket belongs to. */
export interface SocketOwner {
  /** Memory to put the next bytes in. It comes back by one of the calls below. */
  takeMemory(): Uint8Array;
  /** The first `count` bytes (at least one) of `memory`, which was lent, have arrived. */
  onBytes(memory: Uint8Array, count: number): void;
  /**
   * Where a runtime hands over what has arrived in memory of its own: whether the owner keeps `piece` as it is, which is
   * its from then on. If not, nothing has happened, and the bytes come by `onBytes`, as far as lent memory holds them.
   * @param isFull whether more may have arrived that is not in it
   */
  takeWhole?(piece: Uint8Array, isFull: boolean): boolean;
  /** The peer has sent its last byte. */
  onEnd(memory: Uint8Array | undefined): void;
  /** Nothing more will come: the connection broke, or was closed from here. */
  onReadFailed(cause: unknown, memory: Uint8Array | undefined): void;
  /** The last of what `write` has said was taken waits yet: until `over` it counts as being written. */
  onHeld?(over: Promise<void>): void;
  /** Of what `write` has said was taken, the last `count` bytes never left, and nothing more will. */
  onUnsent?(count: number, cause: unknown): void;
}

export interface Socket {
  /** Whether `write` mostly answers at once, with all that it was given. */
  readonly takesAtOnce: boolean;
  /**
   * Whether more may have arrived than a read brings that leaves memory free, as where TLS is deciphered record by record.
   * Default: no.
   */
  readonly mayHoldBack?: boolean;
  /** Whether something has come that the owner has not been given, or the end, of which he may know. Default: no. */
  readonly hasEarly?: boolean;
  /** To be called once, before anything else. */
  own(owner: SocketOwner): void;
  /**
   * Asks for input: exactly one of the owner's `onBytes`, `onEnd` and `onReadFailed` follows, none unasked. Not to be
   * called again before. Without it the peer's end goes unnoticed, and what the peer sends waits in the system.
   */
  read(): void;
  /**
   * Writes a part of `bytes` from `from` to `to`, which must not change until it is known how many were taken (at least
   * one, if there are any). One write at a time. @throws (as a rejection) if the peer takes no more, or the socket is
   * closed
   */
  write(bytes: Uint8Array, from: number, to: number): number | Promise<number>;
  /** Sends the end of our stream, to be called when nothing is being written; input goes on. */
  closeWrite(): Promise<void>;
  /** Drops the socket; what the system has taken already is still sent. Calling it again does nothing. */
  close(): void;
}

/** A connection that has come in. */
export interface Incoming {
  readonly socket: Socket;
  /** Empty for unix sockets. */
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface Listener {
  /** The real one where 0 was asked for; 0 for unix sockets. */
  readonly port: number;
  /** Hands every connection over, those that came before, too. To be called once. */
  accept(onIncoming: (incoming: Incoming) => void): void;
  /** Stops accepting. Connections live on. Calling it again does nothing. */
  close(): void;
}

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export type ListenTarget =
  | {
    readonly transport: "tcp";
    readonly hostname: string;
    readonly port: number;
    readonly tls?: KeyPair;
    /** SO_REUSEPORT: others that ask for it too may listen on the same port. Only where {@link Network.sharesPorts}. */
    readonly shared?: boolean;
  }
  | { readonly transport: "unix"; readonly path: string };

export type ConnectTarget =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | {
    readonly transport: "tls";
    readonly hostname: string;
    readonly port: number;
    /** The name the certificate must have; default: `hostname`. */
    readonly serverName?: string;
    /** PEM texts of authorities trusted besides the well-known ones. */
    readonly caCerts?: readonly string[];
  }
  | { readonly transport: "unix"; readonly path: string };

export interface Network {
  /** Whether two listeners may have one port, so that the second can take over from the first. */
  readonly sharesPorts: boolean;
  /** @throws a fault of the system (AddrInUse …); another error if the key pair cannot be used */
  listen(target: ListenTarget): Listener;
  /** Settles when the connection stands, with TLS: when the peer has proven who it is. @throws a fault of the system */
  connect(target: ConnectTarget, signal: AbortSignal): Promise<Socket>;
}
