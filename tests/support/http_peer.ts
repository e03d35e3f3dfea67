// An HTTP server as a peer, with somebody who listens to all it says and asks: for tests of the peer alone.
import { type Carrier, type Message, NO_CARRIER, type Peer } from "../../lib/bridge/peer/peer.ts";
import type { PeerEvents } from "../../lib/bridge/peer/peer_source.ts";
import { ByteAccount } from "../../lib/http1/byte_account.ts";
import type { Fields } from "../../lib/http1/types.ts";
import { findMember } from "../../lib/mcp/json/json_text.ts";
import { HttpUpstream } from "../../lib/upstream/http.ts";
import { httpPeer, type HttpPeerLife, type HttpPeerSetting } from "../../lib/upstream/peers/http_peer_life.ts";
import type { UpstreamRequest } from "../../lib/upstream/upstream.ts";
import { callerKeys } from "./callers.ts";
import { SILENT_LOG } from "./silent_log.ts";
import { until } from "./until.ts";

export type Json = Record<string, unknown>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function textOf(message: Json): Uint8Array {
  return encoder.encode(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

export function initializeText(protocolVersion = "2025-11-25"): Uint8Array {
  const clientInfo = { name: "test", version: "1" };
  return textOf({ id: "c-1", method: "initialize", params: { protocolVersion, capabilities: {}, clientInfo } });
}

/** The carrier of a client with this credential. */
export function by(credential: string): Carrier {
  return { fields: ["authorization", `Bearer ${credential}`, "x-private", "not for servers"] };
}

export const ANNA: Carrier = by("anna");

export class HttpPeerScene implements AsyncDisposable {
  readonly upstream: HttpUpstream;
  readonly account = new ByteAccount();
  readonly life: HttpPeerLife;
  readonly heard: { readonly message: Json; readonly about: number | undefined }[] = [];
  readonly lost: Peer[] = [];
  readonly replaced: Json[] = [];
  /** What went out, as the upstream was asked for it. */
  readonly sent: UpstreamRequest[] = [];
  retold: Json[] = [];
  /** Holds up whoever hands a message over. */
  hold: Promise<void> | undefined;

  constructor(
    url: string,
    setting: Partial<HttpPeerSetting> = {},
    fields: "credential" | "as set up by default" = "credential",
  ) {
    this.upstream = new HttpUpstream({ name: "there", url, account: this.account });
    const events: PeerEvents = {
      onMessage: ({ value }, _peer, about) => {
        this.heard.push({ message: value, about });
        return this.hold;
      },
      onLost: (peer) => this.lost.push(peer),
      onReplaced: (capabilities) => this.replaced.push(capabilities),
      retell: () => this.retold.map(textOf),
      unusedSinceMs: () => undefined,
      onDoomed: () => {},
    };
    const upstream = {
      name: "there",
      send: (request: UpstreamRequest) => {
        this.sent.push(request);
        return this.upstream.send(request);
      },
    };
    this.life = httpPeer({
      upstream,
      caller: callerKeys("anna"),
      session: "s",
      log: SILENT_LOG,
      account: this.account,
      ...(fields === "credential" && {
        fieldsOf: (all: Fields) => all.filter((_, at) => all[at - at % 2] === "authorization"),
      }),
      ...setting,
    })(events);
  }

  /** As for a client, whose id leads back to it. */
  async open(carrier = ANNA): Promise<Json> {
    const reply = await this.life.initialize(initializeText(), carrier);
    this.life.peer.send(textOf({ method: "notifications/initialized" }), carrier);
    this.life.confirm();
    this.life.seal();
    return reply.value;
  }

  /** Asks, and does not wait. @returns the id it got there, and what comes of it: the reply, or the reason why none comes */
  ask(
    method: string,
    params?: Json,
    carrier = ANNA,
  ): { readonly id: number | undefined; readonly outcome: Promise<Json> } {
    const text = textOf({ id: "c", method, params });
    const { promise: outcome, resolve } = Promise.withResolvers<Json>();
    const id = this.life.peer.ask(text, findMember(text, "id")!, {
      onReply: ({ line }: Message) => {
        resolve(JSON.parse(decoder.decode(line)));
        return this.hold;
      },
      onLost: ({ reason }) => resolve({ lost: reason }),
    }, carrier);
    return { id, outcome };
  }

  call(name: string, params: Json = {}, carrier = ANNA): Promise<Json> {
    return this.ask("tools/call", { name, ...params }, carrier).outcome;
  }

  /** Nothing is left once it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.life.stop("leave", NO_CARRIER).gone;
    this.upstream.close();
    await until(() => this.account.held === 0, () => `${this.account.held} bytes are held for nobody`);
  }
}

/** An event stream that a test writes. */
export class EventScript {
  readonly response: Response;
  /** The other side has closed it. */
  closed = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(headers: Record<string, string> = {}) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      cancel: () => void (this.closed = true),
    });
    this.response = new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
  }

  raw(text: string): this {
    if (!this.closed) this.#controller.enqueue(encoder.encode(text));
    return this;
  }

  event(message: Json | "", id?: string): this {
    const data = message === "" ? "" : JSON.stringify({ jsonrpc: "2.0", ...message });
    return this.raw(`${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`);
  }

  end(): Response {
    if (!this.closed) this.#controller.close();
    return this.response;
  }

  /** Breaks it off, as a server does that dies. */
  cut(): void {
    if (!this.closed) this.#controller.error(new Error("cut"));
  }
}
