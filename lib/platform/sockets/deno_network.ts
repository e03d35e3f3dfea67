// The network by Deno: a read at a time into lent memory, posted as soon as it is asked for.
// (In Deno a TLS socket closed before its handshake is done stays open until the peer closes it: a time-out frees
// everything but the descriptor. TLS from hostile networks belongs to an ingress.)
import type { ConnectTarget, Incoming, Listener, ListenTarget, Network, Socket, SocketOwner } from "./socket.ts";

/** The part of `Deno.Conn` in use. */
export interface DenoConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** How long an accept that failed (out of file descriptors) waits for the next try, ms. */
const ACCEPT_PAUSE_MS = 50;

export class DenoSocket implements Socket {
  readonly mayHoldBack: boolean;
  readonly #connection: DenoConnection;
  #owner!: SocketOwner;
  #memory: Uint8Array | undefined;

  constructor(connection: DenoConnection) {
    this.#connection = connection;
    // One of TLS: it deciphers 4 KiB at a time, and hands out what is whole of them.
    this.mayHoldBack = "handshake" in connection;
  }

  get takesAtOnce(): boolean {
    return false;
  }

  own(owner: SocketOwner): void {
    this.#owner = owner;
  }

  read(): void {
    const memory = this.#memory = this.#owner.takeMemory();
    this.#connection.read(memory).then(this.#onRead, this.#onReadFailed);
  }

  readonly #onRead = (count: number | null): void => {
    const memory = this.#memory!;
    this.#memory = undefined;
    if (count === null) this.#owner.onEnd(memory);
    else this.#owner.onBytes(memory, count);
  };

  readonly #onReadFailed = (cause: unknown): void => {
    const memory = this.#memory;
    this.#memory = undefined;
    this.#owner.onReadFailed(cause, memory);
  };

  write(bytes: Uint8Array, from: number, to: number): Promise<number> {
    return this.#connection.write(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // Closed already, by the runtime after a failed handshake or by an earlier call: that is what was wanted.
    }
  }
}

class DenoListener implements Listener {
  readonly port: number;
  readonly #listener: Deno.Listener<Deno.Conn, Deno.Addr>;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(listener: Deno.Listener<Deno.Conn, Deno.Addr>) {
    this.#listener = listener;
    this.port = listener.addr.transport === "tcp" ? listener.addr.port : 0;
  }

  accept(onIncoming: (incoming: Incoming) => void): void {
    this.#listener.accept().then((connection) => {
      // One that had been accepted when the listener closed has been refused by nobody.
      onIncoming(incomingOf(connection));
      if (!this.#closed) this.accept(onIncoming);
    }, (cause) => {
      if (this.#closed || cause instanceof Deno.errors.BadResource) return;
      this.#pause = setTimeout(() => this.accept(onIncoming), ACCEPT_PAUSE_MS);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#listener.close();
  }
}

function incomingOf(connection: Deno.Conn): Incoming {
  const { remoteAddr } = connection;
  const overTcp = remoteAddr.transport === "tcp";
  // Small writes (one event of a stream) must not wait for the acknowledgement of the one before.
  if ("setNoDelay" in connection) {
    try {
      (connection as Deno.TcpConn).setNoDelay(true);
    } catch {
      // Reset between accept and here: the first read will tell.
    }
  }
  return {
    socket: new DenoSocket(connection),
    remoteAddress: overTcp ? remoteAddr.hostname : "",
    remotePort: overTcp ? remoteAddr.port : 0,
  };
}

function listen(target: ListenTarget): Listener {
  if (target.transport === "unix") return new DenoListener(Deno.listen({ transport: "unix", path: target.path }));
  const { hostname, port, tls, shared } = target;
  // Asking for it at all, without the flag it needs, ends the process.
  const sharing = shared && denoNetwork.sharesPorts ? { reusePort: true } : {};
  if (tls === undefined) return new DenoListener(Deno.listen({ hostname, port, ...sharing }));
  return new DenoListener(Deno.listenTls({ hostname, port, ...sharing, ...tls }));
}

async function connect(target: ConnectTarget, signal: AbortSignal): Promise<Socket> {
  if (target.transport === "unix") {
    return new DenoSocket(keepUnless(signal, await Deno.connect({ transport: "unix", path: target.path })));
  }
  const connection = await Deno.connect({ hostname: target.hostname, port: target.port, signal });
  keepUnless(signal, connection);
  connection.setNoDelay(true);
  return new DenoSocket(target.transport === "tls" ? await secure(connection, target, signal) : connection);
}

function keepUnless<T extends Deno.Conn>(signal: AbortSignal, connection: T): T {
  if (!signal.aborted) return connection;
  connection.close();
  throw new Error("connecting: it was aborted");
}

async function secure(
  connection: Deno.TcpConn,
  target: ConnectTarget & { transport: "tls" },
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
  const tls = await Deno.startTls(connection, {
    hostname: target.serverName ?? target.hostname,
    caCerts: [...(target.caCerts ?? [])],
    alpnProtocols: ["http/1.1"],
  });
  const close = () => {
    try {
      tls.close();
    } catch {
      // Both the time-out and the failure may close it.
    }
  };
  signal.addEventListener("abort", close);
  try {
    await tls.handshake();
    return keepUnless(signal, tls);
  } catch (cause) {
    close();
    throw cause;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

export const denoNetwork: Network = {
  // What else `--unstable-net` brings tells whether the flag is there.
  sharesPorts: "Deno" in globalThis && "listenDatagram" in Deno,
  listen,
  connect,
};
