// Where connections come from: TCP, TLS over TCP, or a unix socket.
// A TLS listener takes a new certificate without refusing anybody: a second socket on the same port (SO_REUSEPORT, which
// needs Deno's `--unstable-net`) accepts beside the first for a moment, then alone. Without the flag the port is closed
// for some milliseconds. (In Deno a TLS socket closed before its handshake is done stays open until the peer closes it:
// a time-out frees everything but the descriptor. TLS from hostile networks belongs to an ingress.)
import type { Socket } from "../wire/connection.ts";

/** What to listen on. */
export type ListenAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number; readonly tls?: TlsFiles }
  | { readonly transport: "unix"; readonly path: string };

/** PEM files; read when the listener opens and at every {@link Http1Listener.reload}. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Accepted {
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
}

type AnyListener = Deno.Listener<Deno.Conn, Deno.Addr>;

/** How long an accept that failed (out of file descriptors) waits for the next try, ms. */
const ACCEPT_PAUSE_MS = 50;
/** How long both sockets of a port accept when a certificate changes, ms. */
const HANDOVER_MS = 250;
/** How often, and after which pause (ms), a port just closed is asked for again. */
const REOPEN_TRIES = 200;
const REOPEN_PAUSE_MS = 5;
/** Asking for SO_REUSEPORT without the flag ends the process; what else the flag brings tells whether it is there. */
const canReusePort = "listenDatagram" in Deno;

export class Http1Listener {
  /** The port is the real one where 0 was asked for. */
  readonly address: ListenAddress;
  #current: AnyListener;
  readonly #retiring = new Map<AnyListener, ReturnType<typeof setTimeout>>();
  #onAccept: ((accepted: Accepted) => void) | undefined;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(address: ListenAddress, listener: AnyListener) {
    this.address = address;
    this.#current = listener;
  }

  /** @throws Deno.errors.AddrInUse and other faults of the system; TypeError for files that hold no certificate or key */
  static async open(wanted: ListenAddress): Promise<Http1Listener> {
    if (wanted.transport === "unix") {
      removeStaleSocket(wanted.path);
      return new Http1Listener(wanted, Deno.listen({ transport: "unix", path: wanted.path }));
    }
    const { hostname, port, tls } = wanted;
    if (tls === undefined) {
      const listener = Deno.listen({ hostname, port });
      return new Http1Listener({ ...wanted, port: listener.addr.port }, listener);
    }
    const keyPair = await readKeyPair(tls);
    // SO_REUSEPORT would let a second process share the port unnoticed: ask for it alone first.
    const probe = Deno.listen({ hostname, port });
    const alone = probe.addr.port;
    probe.close();
    const listener = await reopen({ hostname, port: alone, reusePort: canReusePort, ...keyPair });
    return new Http1Listener({ ...wanted, port: alone }, listener);
  }

  get secure(): boolean {
    return this.address.transport === "tcp" && this.address.tls !== undefined;
  }

  /** Hands every connection to `onAccept` from now on. To be called once. */
  accept(onAccept: (accepted: Accepted) => void): void {
    this.#onAccept = onAccept;
    this.#run(this.#current);
  }

  /**
   * Reads the certificate and key again; new connections get them, established ones live on. Does nothing without TLS.
   * @throws if they cannot be read or used: the ones in use stay
   */
  async reload(): Promise<void> {
    const { address } = this;
    if (address.transport === "unix" || address.tls === undefined || this.#closed) return;
    const keyPair = await readKeyPair(address.tls);
    if (this.#closed) return;
    const { hostname, port } = address;
    const last = this.#current;
    const options = { hostname, port, reusePort: canReusePort, ...keyPair };
    if (!canReusePort) {
      checkKeyPair(options);
      last.close();
    }
    this.#current = await reopen(options);
    if (this.#closed) return this.#current.close();
    if (this.#onAccept !== undefined) this.#run(this.#current);
    if (canReusePort) this.#retire(last);
  }

  #retire(listener: AnyListener): void {
    const timer = setTimeout(() => {
      this.#retiring.delete(listener);
      listener.close();
    }, HANDOVER_MS);
    this.#retiring.set(listener, timer);
  }

  /** Stops accepting. Connections live on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    try {
      this.#current.close();
    } catch {
      // Closed by a reload that is under way.
    }
    for (const [listener, timer] of this.#retiring) {
      clearTimeout(timer);
      listener.close();
    }
    this.#retiring.clear();
    if (this.address.transport === "unix") removeStaleSocket(this.address.path);
  }

  #run(listener: AnyListener): void {
    listener.accept().then((conn) => {
      this.#take(conn);
      this.#run(listener);
    }, (cause) => this.#onAcceptFailed(listener, cause));
  }

  #take(conn: Deno.Conn): void {
    if (this.#closed) return conn.close();
    const { remoteAddr } = conn;
    const overTcp = remoteAddr.transport === "tcp";
    // Small writes (one event of a stream) must not wait for the acknowledgement of the one before.
    if ("setNoDelay" in conn) {
      try {
        (conn as Deno.TcpConn).setNoDelay(true);
      } catch {
        // Reset between accept and here: the first read will tell.
      }
    }
    this.#onAccept!({
      socket: conn,
      remoteAddress: overTcp ? remoteAddr.hostname : "",
      remotePort: overTcp ? remoteAddr.port : 0,
      secure: this.secure,
    });
  }

  #onAcceptFailed(listener: AnyListener, cause: unknown): void {
    if (this.#closed || (listener !== this.#current && !this.#retiring.has(listener))) return;
    if (cause instanceof Deno.errors.BadResource) return;
    this.#pause = setTimeout(() => this.#run(listener), ACCEPT_PAUSE_MS);
  }
}

async function readKeyPair({ certFile, keyFile }: TlsFiles): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([Deno.readTextFile(certFile), Deno.readTextFile(keyFile)]);
  return { cert, key };
}

type TlsOptions = Deno.ListenTlsOptions & Deno.TlsCertifiedKeyPem;

/** Opens a port that has just been closed: the system lets go of it a moment later. */
async function reopen(options: TlsOptions): Promise<AnyListener> {
  for (let tries = 1;; tries++) {
    try {
      return Deno.listenTls(options);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse) || tries === REOPEN_TRIES) throw cause;
      await new Promise((resolve) => setTimeout(resolve, REOPEN_PAUSE_MS));
    }
  }
}

/** @throws if the certificate and key cannot be used; tried on a port of its own */
function checkKeyPair(options: TlsOptions): void {
  Deno.listenTls({ ...options, port: 0 }).close();
}

/** A socket file survives the process that made it; anything but a socket is left alone, so that listening fails. */
function removeStaleSocket(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch {
    // None there, or not ours to remove: listening will tell.
  }
}
