// Clients of the transport before Streamable HTTP (HTTP+SSE of 2024-11-05), served at a path of their own: a GET opens a
// stream, whose first event names where messages go. Ids, owners and limits are those of any other session.
import { SignetError } from "../../errors.ts";
import { CHUNKED, HttpError } from "../../http1/types.ts";
import type { Caller } from "../../session/caller.ts";
import { holdBody } from "../in/body.ts";
import { corsFieldsFor, preflightFields } from "../in/guard.ts";
import type { Inbound } from "../inbound.ts";
import { explainCut } from "../out/explain_cut.ts";
import type { GatewayParts, Handle, LegacyDoor } from "../parts.ts";
import { type Answered, assertOwner, LegacyChannel } from "./channel.ts";

/** Below the path of the streams. */
const MESSAGES = "/messages";
/** Of an answer to a message these go to the client: a login, a time to wait. */
const PASSED_ON: ReadonlySet<string> = new Set(["www-authenticate", "retry-after", "content-type"]);

const encoder = new TextEncoder();

export class LegacyClients implements LegacyDoor {
  readonly path: string;
  readonly #messages: string;
  /** By the random name that only the stream's client knows. */
  readonly #channels = new Map<string, LegacyChannel>();

  /** @param path of the streams, as `--legacy-sse` has it */
  constructor(path: string) {
    this.path = path;
    this.#messages = `${path === "/" ? "" : path}${MESSAGES}`;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#channels.size;
  }

  serves(path: string): boolean {
    return path === this.path || path === this.#messages;
  }

  preflight(inbound: Inbound): Promise<void> | undefined {
    const { head, origin, exchange } = inbound;
    if (head.method !== "OPTIONS" || origin === undefined || !this.serves(head.path)) return undefined;
    const fields = preflightFields(origin, inbound.get("access-control-request-headers"));
    return exchange.respond({ status: 204, fields });
  }

  async serve(parts: GatewayParts, asked: { inbound: Inbound; caller: Caller; handle: Handle }): Promise<void> {
    const { inbound: { head } } = asked;
    if (head.path === this.path) {
      if (head.method !== "GET") throw new SignetError("method_not_allowed", { allow: "GET" });
      return await this.#open(parts, asked);
    }
    if (head.method !== "POST") throw new SignetError("method_not_allowed", { allow: "POST" });
    await this.#take(parts, asked);
  }

  async #open(parts: GatewayParts, asked: { inbound: Inbound; caller: Caller; handle: Handle }): Promise<void> {
    const { inbound, caller, handle } = asked;
    const inFlight = parts.underWay.begin(asked, "stream");
    try {
      const name = parts.random(16).toHex();
      const endpoint = encoder.encode(`event: endpoint\ndata: ${this.#messages}?stream=${name}\n\n`);
      const fields = ["content-type", "text/event-stream", "cache-control", "no-store", "x-accel-buffering", "no"];
      const writer = await inbound.exchange.begin(
        { status: 200, fields: [...fields, ...corsFieldsFor(parts.guard, inbound.origin)] },
        CHUNKED,
      );
      const stream = parts.keepAlive.watch(writer);
      const gone = Promise.withResolvers<void>();
      const channel = new LegacyChannel(parts, { inbound, caller, stream, handle, onGone: gone.resolve });
      this.#channels.set(name, channel);
      try {
        await stream.write(endpoint);
        await inFlight.waitFor(gone.promise);
      } catch (error) {
        if (!(error instanceof HttpError) || !inFlight.cut) throw explainCut(error, inFlight);
        this.#channels.delete(name); // nothing more is taken
        // What runs already is answered first (P2): a client that does not know how it came out would have it run twice.
        if (inFlight.endReason === "drain") await Promise.race([channel.answered(), leaving(inbound)]);
      } finally {
        this.#channels.delete(name);
        parts.keepAlive.unwatch(stream);
        channel.close();
        await writer.end();
        await channel.endSession();
      }
    } finally {
      parts.underWay.end(inFlight);
    }
  }

  async #take(parts: GatewayParts, asked: { inbound: Inbound; caller: Caller }): Promise<void> {
    const { inbound, caller } = asked;
    const channel = assertOwner(this.#channels.get(streamIn(inbound.head.query)), caller);
    const body = await holdBody(parts, asked);
    if (body === undefined) throw new SignetError("invalid_request");
    const answered = await channel.take(parts, inbound, body);
    await this.#answer(parts, inbound, answered);
  }

  /** A message that was taken is 202 whatever comes of it; one that was refused at once is refused. */
  async #answer(parts: GatewayParts, inbound: Inbound, answered: Answered | undefined): Promise<void> {
    const fields = corsFieldsFor(parts.guard, inbound.origin);
    if (answered === undefined || answered.start.status < 300) {
      return await inbound.exchange.respond({ status: 202, fields });
    }
    const { start: { status, fields: given }, body } = answered;
    for (let i = 0; i < given.length; i += 2) if (PASSED_ON.has(given[i]!)) fields.push(given[i]!, given[i + 1]!);
    await inbound.exchange.respond({ status, fields }, body);
  }
}

/** Settles when the client has left its stream. */
function leaving({ exchange }: Inbound): Promise<void> {
  if (exchange.aborted) return Promise.resolve();
  const { watcher } = exchange;
  return new Promise((resolve) => {
    const onClientGone = () => {
      watcher?.onClientGone();
      resolve();
    };
    exchange.watcher = { onClientGone };
  });
}

function streamIn(query: string): string {
  return /^\?stream=([0-9a-f]{32})$/.exec(query)?.[1] ?? "";
}
