// Where connections come from: TCP, or TLS over TCP.
// A TLS listener takes a new certificate without refusing anybody: a second socket on the same port (SO_REUSEPORT, which
// needs Deno's `--unstable-net`) accepts beside the first for a moment, then alone; what the kernel has queued on the first
// in the very moment it closes is reset. Without the flag the port is closed for some milliseconds.
import { systemFault } from "../../platform/faults/system_fault.ts";
import { readTextFile } from "../../platform/files/files.ts";
import { NETWORK } from "../../platform/sockets.ts";
import type { Incoming, KeyPair, Listener, ListenTarget } from "../../platform/sockets/socket.ts";
import { pause, SYSTEM_TIMERS } from "../../platform/time/timers.ts";

/** What to listen on. `hostname` is a name or an IP address; port 0 asks for any free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: TlsFiles;
  /** Other processes of this program listen on the same port (SO_REUSEPORT): whoever starts them sees to that. */
  readonly shared?: boolean;
  /** See `ServerConnection.inner`. */
  readonly inner?: boolean;
}

/** PEM files; read when the listener opens and at every {@link Http1Listener.reload}. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Accepted extends Incoming {
  readonly secure: boolean;
  readonly inner: boolean;
}

/** How long both sockets of a port accept when a certificate changes, ms. */
const HANDOVER_MS = 250;
/** How often, and after which pause (ms), a port just closed is asked for again. */
const REOPEN_TRIES = 200;
const REOPEN_PAUSE_MS = 5;

export class Http1Listener {
  /** The port is the real one where 0 was asked for. */
  readonly address: ListenAddress;
  #current: Listener;
  readonly #retiring = new Map<Listener, ReturnType<typeof setTimeout>>();
  #onAccept: ((accepted: Accepted) => void) | undefined;
  #closed = false;

  private constructor(address: ListenAddress, listener: Listener) {
    this.address = address;
    this.#current = listener;
  }

  /** @throws a fault of the system (AddrInUse …); another error for files that hold no certificate or key */
  static async open(wanted: ListenAddress): Promise<Http1Listener> {
    const { hostname, port, tls, shared = false } = wanted;
    if (tls === undefined) {
      const listener = NETWORK.listen({ transport: "tcp", hostname, port, shared });
      return new Http1Listener({ ...wanted, port: listener.port }, listener);
    }
    const keyPair = await readKeyPair(tls);
    if (shared) {
      return new Http1Listener(wanted, NETWORK.listen({ transport: "tcp", hostname, port, shared, tls: keyPair }));
    }
    // SO_REUSEPORT would let a second process share the port unnoticed: ask for it alone first.
    const probe = NETWORK.listen({ transport: "tcp", hostname, port });
    const alone = probe.port;
    probe.close();
    const listener = await reopen({ transport: "tcp", hostname, port: alone, shared: true, tls: keyPair });
    return new Http1Listener({ ...wanted, port: alone }, listener);
  }

  get secure(): boolean {
    return this.address.tls !== undefined;
  }

  /** Hands every connection to `onAccept` from now on. To be called once. */
  accept(onAccept: (accepted: Accepted) => void): void {
    this.#onAccept = onAccept;
    this.#current.accept(this.#take);
  }

  /**
   * Reads the certificate and key again; new connections get them, established ones live on. Does nothing without TLS.
   * @throws if they cannot be read or used: the ones in use stay
   */
  async reload(): Promise<void> {
    const { hostname, port, tls } = this.address;
    if (tls === undefined || this.#closed) return;
    const keyPair = await readKeyPair(tls);
    if (this.#closed) return;
    const last = this.#current;
    checkKeyPair(hostname, keyPair);
    if (!NETWORK.sharesPorts) last.close();
    this.#current = await reopen({ transport: "tcp", hostname, port, shared: true, tls: keyPair });
    if (this.#closed) return this.#current.close();
    if (this.#onAccept !== undefined) this.#current.accept(this.#take);
    if (NETWORK.sharesPorts) this.#retire(last);
  }

  #retire(listener: Listener): void {
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
    this.#current.close();
    for (const [listener, timer] of this.#retiring) {
      clearTimeout(timer);
      listener.close();
    }
    this.#retiring.clear();
  }

  readonly #take = (incoming: Incoming): void => {
    if (this.#closed) return incoming.socket.close();
    const { socket, remoteAddress, remotePort } = incoming;
    this.#onAccept!({ socket, remoteAddress, remotePort, secure: this.secure, inner: this.address.inner === true });
  };
}

async function readKeyPair({ certFile, keyFile }: TlsFiles): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readTextFile(certFile), readTextFile(keyFile)]);
  return { cert, key };
}

/** Opens a port that has just been closed: the system lets go of it a moment later. */
async function reopen(target: ListenTarget): Promise<Listener> {
  for (let tries = 1;; tries++) {
    try {
      return NETWORK.listen(target);
    } catch (cause) {
      if (systemFault(cause) !== "AddrInUse" || tries === REOPEN_TRIES) throw cause;
      await pause(REOPEN_PAUSE_MS, SYSTEM_TIMERS);
    }
  }
}

/** @throws if the certificate and key cannot be used; tried on a port of its own */
function checkKeyPair(hostname: string, tls: KeyPair): void {
  NETWORK.listen({ transport: "tcp", hostname, port: 0, tls }).close();
}
