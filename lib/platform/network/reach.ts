// Whether an address can be reached, step by step, for whoever has to say which step failed: its name, a connection, TLS.
// Sends nothing.
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { connectTcp, connectTls, isIP } from "../runtime/builtin.ts";
import { addressesOf } from "./name_service.ts";

export interface ReachTarget {
  /** A name or an address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly secure: boolean;
  /** Certificates (PEM) that are trusted in place of the system's. */
  readonly caCerts?: readonly string[];
}

export interface PeerCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** Why it is not trusted; undefined if it is. */
  readonly problem: string | undefined;
}

/** What came of one of a name's addresses; `code` where nobody took the connection. */
export interface Attempted {
  readonly address: string;
  readonly code: string | undefined;
}

export interface Reached {
  /** All that were tried: at least one of them was reached. */
  readonly attempts: readonly Attempted[];
  /** Undefined without TLS. */
  readonly certificate: PeerCertificate | undefined;
}

export class ReachError extends Error {
  override readonly name = "ReachError";
  readonly step: "name" | "connection" | "tls";
  /** The system's: `ECONNREFUSED`. */
  readonly code: string;
  /** Of a connection that nobody took: all that were tried. */
  readonly attempts: readonly Attempted[];
  /** Where it is taken on this machine's loopback, by an address that the name does not have. */
  readonly elsewhere: string | undefined;

  constructor(step: ReachError["step"], code: string, attempts: readonly Attempted[] = [], elsewhere?: string) {
    super(`reaching an address: found ${code} at its ${step}`);
    this.step = step;
    this.code = code;
    this.attempts = attempts;
    this.elsewhere = elsewhere;
  }
}

/** More of a name's addresses are not tried. */
const MOST = 16;
const LOOPBACK = ["127.0.0.1", "::1"];

/** Tries each address of the name. @throws ReachError */
export async function reach(target: ReachTarget, timeoutMs: number): Promise<Reached> {
  const { hostname, port, secure } = target;
  const addresses = isIP(hostname) !== 0 ? [hostname] : (await resolve(hostname, timeoutMs)).slice(0, MOST);
  const attempts = await tryAll(addresses, port, timeoutMs);
  const reached = attempts.find(({ code }) => code === undefined);
  if (reached === undefined) {
    const others = addresses.every((address) => LOOPBACK.includes(address)) ? LOOPBACK : [];
    const found = await tryAll(others.filter((address) => !addresses.includes(address)), port, timeoutMs);
    const elsewhere = found.find(({ code }) => code === undefined)?.address;
    throw new ReachError("connection", attempts[0]?.code ?? "ENOTFOUND", attempts, elsewhere);
  }
  const certificate = secure ? await certificateOf(target, reached.address, timeoutMs) : undefined;
  return { attempts, certificate };
}

function tryAll(addresses: readonly string[], port: number, timeoutMs: number): Promise<Attempted[]> {
  return Promise.all(addresses.map(async (address) => {
    const connect = () => connectTcp({ host: address, port });
    const code = await hold(connect, "connect", { step: "connection", timeoutMs })
      .then(() => undefined, (error) => codeOf(error));
    return { address, code };
  }));
}

async function resolve(hostname: string, timeoutMs: number): Promise<readonly string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ReachError("name", "ETIMEDOUT")), timeoutMs);
  });
  try {
    return await Promise.race([addressesOf(hostname), late]);
  } catch (error) {
    throw error instanceof ReachError ? error : new ReachError("name", codeOf(error));
  } finally {
    clearTimeout(timer);
  }
}

async function certificateOf(
  { hostname, port, caCerts }: ReachTarget,
  address: string,
  timeoutMs: number,
): Promise<PeerCertificate> {
  // Whoever is not trusted is looked at all the same: nothing is sent.
  const options = {
    ...{ host: address, port, rejectUnauthorized: false },
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(caCerts === undefined ? {} : { ca: [...caCerts] }),
  };
  let certificate: PeerCertificate | undefined;
  await hold(() => connectTls(options), "secureConnect", {
    ...{ step: "tls", timeoutMs },
    look: (socket) => certificate = describe(socket as TLSSocket),
  });
  return certificate!;
}

function describe(socket: TLSSocket): PeerCertificate {
  const { subject, issuer, valid_to } = socket.getPeerCertificate();
  const { authorized, authorizationError } = socket;
  return {
    subject: nameIn(subject),
    issuer: nameIn(issuer),
    expiresAtMs: Date.parse(valid_to),
    problem: authorized
      ? undefined
      : String((authorizationError as { code?: unknown } | null)?.code ?? authorizationError),
  };
}

function nameIn(names: unknown): string {
  const { CN, O } = (names ?? {}) as { CN?: unknown; O?: unknown };
  return String([CN, O].flat().find((name) => name !== undefined) ?? "(unnamed)");
}

interface Holding {
  readonly step: ReachError["step"];
  readonly timeoutMs: number;
  readonly look?: (socket: Socket) => void;
}

/** Connects, looks, and hangs up. */
function hold(connect: () => Socket, ready: string, { step, timeoutMs, look }: Holding): Promise<void> {
  return new Promise((fulfil, reject) => {
    const socket = connect();
    const timer = setTimeout(() => settle(new ReachError(step, "ETIMEDOUT")), timeoutMs);
    const settle = (error?: ReachError) => {
      clearTimeout(timer);
      socket.destroy();
      if (error === undefined) fulfil();
      else reject(error);
    };
    socket.once(ready, () => {
      try {
        look?.(socket);
        settle();
      } catch (error) {
        settle(new ReachError(step, codeOf(error)));
      }
    });
    socket.on("error", (error) => settle(new ReachError(step, codeOf(error))));
    socket.once("close", () => settle(new ReachError(step, "ECONNRESET")));
  });
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === "string" ? code : String(message ?? error).slice(0, 100);
}
