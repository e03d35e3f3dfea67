// A request of an open session as its upstream is asked it: handed on as it is, it says what others hold already.
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Fields, HeadNotes } from "../../http1/types.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import type { InitializeParams } from "../../mcp/eras/era.ts";
import type { Parsed } from "../../mcp/messages/json_rpc.ts";
import type { ExchangeRecord } from "../../observe/exchange_record.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import type { Apart, UpstreamRequest } from "../../upstream/upstream.ts";
import { openedWith } from "../in/adopt.ts";
import type { Outbound } from "./outbound.ts";

/** What of the client's head goes along, and what is known of it. */
export type Crossing = Pick<UpstreamRequest, "fields" | "notes" | "apart">;

/** What goes along with fields more: one list is made of all of them only for whoever does not send them apart. */
export class AddedCrossing implements Crossing {
  readonly notes = undefined;
  readonly apart: Apart;
  #fields: Fields | undefined = undefined;

  constructor(apart: Apart) {
    this.apart = apart;
  }

  get fields(): Fields {
    return this.#fields ??= [...this.apart.fields, ...this.apart.added];
  }
}

/** Each request has one, of 4 fields (48 bytes on JavaScriptCore). */
export class SessionRequest implements UpstreamRequest {
  /** The session's id there as it is sent: the link may have another by the time of the answer. */
  readonly upstreamSessionId: UpstreamSessionId | undefined;
  readonly #outbound: Outbound;
  readonly #crossing: Crossing;

  constructor(outbound: Outbound, crossing: Crossing, upstreamSessionId: UpstreamSessionId | undefined) {
    this.#outbound = outbound;
    this.#crossing = crossing;
    this.upstreamSessionId = upstreamSessionId;
  }

  get method(): "GET" | "POST" {
    return this.#outbound.inbound.head.method as "GET" | "POST";
  }

  get query(): string {
    return this.#outbound.inbound.head.query;
  }

  get fields(): Fields {
    return this.#crossing.fields;
  }

  get notes(): HeadNotes | undefined {
    return this.#crossing.notes;
  }

  get apart(): Apart | undefined {
    return this.#crossing.apart;
  }

  get opened(): InitializeParams | undefined {
    return openedWith(this.#outbound.session);
  }

  get body(): Bytes | undefined {
    return this.#outbound.body;
  }

  get parsed(): Parsed | undefined {
    return this.#outbound.parsed ?? this.#outbound.inbound.parsed;
  }

  get caller(): Caller {
    return this.#outbound.caller;
  }

  get session(): Session {
    return this.#outbound.session;
  }

  get noted(): ExchangeRecord | undefined {
    return this.#outbound.inbound.record;
  }

  get isHeard(): boolean {
    return this.#outbound.handshake !== undefined;
  }
}
