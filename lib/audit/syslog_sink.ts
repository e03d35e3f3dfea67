// An audit log to a syslog collector (RFC 5424): a message a line, facility 13 (log audit), severity informational. By UDP a
// datagram a message (RFC 5426), which nobody acknowledges, cut where none is as long; by TCP and unix stream sockets with
// counted octets (RFC 6587 §3.4.1), tried again where the connection fails. A message may then come twice; its number tells.
import type { Socket as DatagramSocket } from "node:dgram";
import type { Socket } from "node:net";
import { faultCode } from "../platform/faults/system_fault.ts";
import { joinBytes } from "../platform/memory/join_bytes.ts";
import { connectTcp, createSocket } from "../platform/runtime/builtin.ts";
import type { AuditSink } from "./sink.ts";

export type SyslogTarget =
  | { readonly transport: "udp" | "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

export interface SyslogOptions {
  readonly target: SyslogTarget;
  /** This machine's name, and the process. */
  readonly hostname: string;
  readonly pid: number;
}

/** 13 · 8 + 6. */
const PRIORITY = 110;
const CONNECT_TIMEOUT_MS = 5000;
/** What is longer than the system sends as a datagram is cut to so many bytes, which every system does. */
const MOST_OF_CUT = 8192;
const LF = 0x0a;
const TIME = /"time":"([^"]{24})"/;

const encoder = new TextEncoder();

/** One way of sending messages; it may be used again after a failure. */
interface Transport {
  /** @throws what the system says */
  send(message: Uint8Array): Promise<void>;
  close(): void;
}

export class SyslogSink implements AuditSink {
  readonly kind = "syslog";
  readonly #header: string;
  readonly #transport: Transport;

  constructor({ target, hostname, pid }: SyslogOptions) {
    const host = /^[\x21-\x7e]{1,255}$/.test(hostname) ? hostname : "-";
    this.#header = `${host} signet ${pid} audit - `;
    this.#transport = target.transport === "udp" ? new Datagrams(target) : new Stream(target);
  }

  async write(bytes: Uint8Array): Promise<number> {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(LF, at);
      if (end === -1) break; // of a batch that is whole there is none
      try {
        await this.#transport.send(this.#message(bytes.subarray(at, end)));
      } catch (error) {
        if (at > 0) return at;
        throw error;
      }
      at = end + 1;
    }
    return at;
  }

  close(): Promise<void> {
    this.#transport.close();
    return Promise.resolve();
  }

  #message(line: Uint8Array): Uint8Array {
    const time = TIME.exec(new TextDecoder().decode(line.subarray(0, 80)))?.[1] ?? "-";
    const head = encoder.encode(`<${PRIORITY}>1 ${time} ${this.#header}`);
    return joinBytes([head, line]);
  }
}

class Datagrams implements Transport {
  readonly #target: { readonly hostname: string; readonly port: number };
  #socket: DatagramSocket | undefined;

  constructor(target: { readonly hostname: string; readonly port: number }) {
    this.#target = target;
  }

  /** Else one line, whose length clients have a hand in, would keep all behind it from being sent, for ever. */
  async send(message: Uint8Array): Promise<void> {
    try {
      await this.#sendWhole(message);
    } catch (fault) {
      if (faultCode(fault) !== "EMSGSIZE" || message.length <= MOST_OF_CUT) throw fault;
      await this.#sendWhole(beginningOf(message));
    }
  }

  #sendWhole(message: Uint8Array): Promise<void> {
    const { hostname, port } = this.#target;
    this.#socket ??= this.#open();
    const socket = this.#socket;
    return new Promise((resolve, reject) =>
      socket.send(message, port, hostname, (error) => error ? reject(error) : resolve())
    );
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #open(): DatagramSocket {
    const socket = createSocket(this.#target.hostname.includes(":") ? "udp6" : "udp4");
    // Nobody listens there yet, or any more: the next message is another try.
    socket.on("error", () => {});
    socket.unref();
    return socket;
  }
}

/** Without half a character at its end. */
function beginningOf(message: Uint8Array): Uint8Array {
  let end = MOST_OF_CUT;
  while ((message[end]! & 0xc0) === 0x80) end--;
  return message.subarray(0, end);
}

class Stream implements Transport {
  readonly #target: Exclude<SyslogTarget, { transport: "udp" }> | { readonly hostname: string; readonly port: number };
  #socket: Socket | undefined;

  constructor(target: SyslogTarget) {
    this.#target = target;
  }

  async send(message: Uint8Array): Promise<void> {
    const socket = this.#socket ??= await this.#connect();
    const head = encoder.encode(`${message.length} `);
    const framed = joinBytes([head, message]);
    await new Promise<void>((resolve, reject) => {
      const gone = () => reject(new Error("sending to syslog: found the connection ended"));
      socket.once("close", gone);
      socket.write(framed, (error) => {
        socket.off("close", gone);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Promise<Socket> {
    const target = this.#target;
    return new Promise((resolve, reject) => {
      const socket = "path" in target ? connectTcp({ path: target.path }) : connectTcp({
        host: target.hostname,
        port: target.port,
      });
      const timer = setTimeout(
        () => socket.destroy(new Error("connecting to syslog: found no answer in time")),
        CONNECT_TIMEOUT_MS,
      );
      socket.once("connect", () => {
        clearTimeout(timer);
        resolve(socket);
      });
      socket.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once("close", () => {
        clearTimeout(timer);
        if (this.#socket === socket) this.#socket = undefined;
        reject(new Error("sending to syslog: found the connection ended"));
      });
      socket.resume(); // nothing is to be said there
    });
  }
}
