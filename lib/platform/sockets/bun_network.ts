// The network by Bun: `Bun.listen` and `Bun.connect`, with half-open connections as HTTP needs them.
// Bun's accept spins when the process is out of file descriptors: process/descriptors.ts has the bound against that.
import { systemError } from "../faults/system_fault.ts";
import { throwLater } from "../faults/uncaught.ts";
import { trustedAuthorities } from "../runtime/builtin.ts";
import { bun, type BunHandlers, type BunTcpListener, type BunTcpSocket } from "../runtime/bun_types.ts";
import { type PendingAttempts, pendingAttempts, probe } from "./bun_pending.ts";
import { BunSocket } from "./bun_socket.ts";
import type { ConnectTarget, Incoming, Listener, ListenTarget, Network, Socket } from "./socket.ts";

/** What a handler of ours throws is a fault of Signet's: as loud as anywhere else, and nothing to do with Bun's `error`. */
function ours<T>(handler: (socket: BunTcpSocket, fact: T, cause?: unknown) => void): typeof handler {
  return (socket, fact, cause) => {
    try {
      handler(socket, fact, cause);
    } catch (fault) {
      throwLater(fault);
    }
  };
}

/** The same for both directions; who opens differs. */
const HANDLERS = {
  data: ours<Uint8Array>((socket, piece) => socket.data?.arrived(piece)),
  end: ours<void>((socket) => socket.data?.endArrived()),
  close: ours<unknown>((socket, cause) => socket.data?.wasClosed(cause)),
  drain: ours<void>((socket) => socket.data?.drained()),
  // What the peer has done to the connection: a TLS record that is not one, a second handshake.
  error: ours<unknown>((socket, cause) => {
    socket.data?.wasClosed(cause);
    socket.terminate();
  }),
} as const;

class BunListener implements Listener {
  readonly port: number;
  readonly #listener: BunTcpListener;
  readonly #early: Incoming[] = [];
  #onIncoming: ((incoming: Incoming) => void) | undefined;
  #closed = false;

  constructor(target: ListenTarget) {
    const secure = target.transport === "tcp" && target.tls !== undefined;
    const socket: BunHandlers = {
      ...HANDLERS,
      open: ours<void>((raw) => this.#take(raw, new BunSocket(secure))),
      handshake: ours<boolean>((raw, ok, cause) => ok ? raw.data?.established() : raw.data?.notEstablished(cause)),
    };
    this.#listener = bun().listen({ ...addressOf(target), socket, allowHalfOpen: true });
    this.port = target.transport === "tcp" ? this.#listener.port : 0;
  }

  #take(raw: BunTcpSocket, socket: BunSocket): void {
    raw.data = socket;
    socket.opened(raw);
    const incoming = { socket, remoteAddress: raw.remoteAddress ?? "", remotePort: raw.remotePort ?? 0 };
    if (this.#onIncoming === undefined) this.#early.push(incoming);
    else this.#onIncoming(incoming);
  }

  accept(onIncoming: (incoming: Incoming) => void): void {
    this.#onIncoming = onIncoming;
    queueMicrotask(() => {
      for (const incoming of this.#early.splice(0)) onIncoming(incoming);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.stop();
    for (const { socket } of this.#early.splice(0)) socket.close();
  }
}

function addressOf(target: ListenTarget) {
  if (target.transport === "unix") return { unix: target.path };
  const { hostname, port, tls, shared } = target;
  return {
    hostname,
    port,
    ...(shared ? { reusePort: true } : {}),
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
  };
}

/** A socket on its way to somebody, and what it comes of until that has come to its end. */
class OutgoingSocket extends BunSocket {
  attempt: Attempt | undefined = undefined;
}

const attemptOf = ({ data }: BunTcpSocket): Attempt | undefined => (data as OutgoingSocket | undefined)?.attempt;

/** The same for all: handlers of its own would stay with each connection for as long as it lives. */
const OUTGOING: BunHandlers = {
  ...HANDLERS,
  open: ours<void>((raw) => attemptOf(raw)?.onOpen(raw)),
  handshake: (raw, ok, cause) => ok ? attemptOf(raw)?.onSecure() : attemptOf(raw)?.fail(cause),
  close: (raw, cause) => {
    attemptOf(raw)?.fail(cause ?? systemError("ECONNRESET", "the connection was closed during the handshake"));
    HANDLERS.close(raw, cause);
  },
  connectError: (raw, cause) => attemptOf(raw)?.fail(cause),
};

/** One attempt. Bun cannot be told to stop it: one that comes to its end too late is thrown away. */
class Attempt {
  readonly #socket: OutgoingSocket;
  readonly #secure: boolean;
  readonly #signal: AbortSignal;
  readonly #outcome = Promise.withResolvers<Socket>();
  readonly #pending: PendingAttempts;
  /** Bun has said what became of it. */
  #told = false;
  #settled = false;
  #givenUp = false;

  constructor(target: ConnectTarget, signal: AbortSignal, pending: PendingAttempts) {
    this.#pending = pending;
    this.#secure = target.transport === "tls";
    this.#signal = signal;
    this.#socket = new OutgoingSocket(this.#secure, true);
    this.#socket.attempt = this;
  }

  run(target: ConnectTarget): Promise<Socket> {
    if (this.#signal.aborted) return Promise.reject(systemError("ECANCELED", "connecting was aborted"));
    this.#signal.addEventListener("abort", this.#abort);
    this.#pending.begun();
    this.#start(target);
    return this.#outcome.promise;
  }

  #start(target: ConnectTarget): void {
    const options = { ...destinationOf(target), socket: OUTGOING, data: this.#socket, allowHalfOpen: true };
    bun().connect(options).catch((cause) => this.fail(cause));
  }

  onOpen(raw: BunTcpSocket): void {
    this.#wasTold();
    // Closed by an abort: this throws it away.
    this.#socket.opened(raw);
    if (!this.#secure) this.#succeed();
    this.#letGo();
  }

  onSecure(): void {
    this.#socket.established();
    this.#succeed();
  }

  #succeed(): void {
    if (this.#settle()) this.#outcome.resolve(this.#socket);
    this.#letGo();
  }

  fail(cause: unknown): void {
    this.#wasTold();
    const isNews = this.#settle();
    this.#letGo();
    if (!isNews) return;
    this.#socket.close();
    this.#outcome.reject(cause);
  }

  readonly #abort = (): void => {
    if (!this.#settle()) return;
    if (!this.#told) {
      this.#givenUp = true;
      this.#pending.givenUp();
    }
    this.#socket.close();
    this.#outcome.reject(systemError("ECANCELED", "connecting was aborted"));
  };

  /** Twice, for one that is refused: by an event and by a promise. */
  #wasTold(): void {
    if (this.#told) return;
    this.#told = true;
    this.#pending.ended(this.#givenUp);
  }

  /** The socket lives on without it once nothing more can come of it. */
  #letGo(): void {
    if (this.#told && this.#settled) this.#socket.attempt = undefined;
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#signal.removeEventListener("abort", this.#abort);
    return true;
  }
}

function destinationOf(target: ConnectTarget) {
  if (target.transport === "unix") return { unix: target.path };
  const { hostname, port } = target;
  if (target.transport === "tcp") return { hostname, port };
  const { serverName = hostname, caCerts = [] } = target;
  const ca = caCerts.length === 0 ? {} : { ca: [...trustedAuthorities(), ...caCerts] };
  // ALPN in its wire form: a length, then the name.
  return { hostname, port, tls: { serverName, ALPNProtocols: "\x08http/1.1", ...ca } };
}

async function connect(target: ConnectTarget, signal: AbortSignal): Promise<Socket> {
  if (pendingAttempts(target).wantsProbe) {
    await probe(target, signal);
    pendingAttempts(target).check();
  }
  return await new Attempt(target, signal, pendingAttempts(target)).run(target);
}

export const bunNetwork: Network = {
  sharesPorts: true,
  listen: (target) => new BunListener(target),
  connect,
};
