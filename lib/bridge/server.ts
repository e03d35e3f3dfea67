// A Streamable HTTP server of our own over peers that speak JSON-RPC: sessions with ids, streams that can be resumed, and
// stateless requests, whatever the peers are (MCP 2025-11-25, Transports; 2026-07-28). An id that it does not know is
// answered as a server does that was restarted: the gateway then opens the session again from what it has sealed (L4).
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { SignetError } from "../errors.ts";
import { callOf } from "../http1/call_of.ts";
import type { Call, ClientResponse } from "../http1/types.ts";
import { fieldValue } from "../http1/wire/fields/fields.ts";
import { classify } from "../mcp/eras/era.ts";
import { isModernEnvelope } from "../mcp/eras/modern.ts";
import { type Era, isKnownRevision } from "../mcp/eras/revisions.ts";
import { idSpan } from "../mcp/json/placed_text.ts";
import type { RpcNotification, RpcRequest } from "../mcp/messages/json_rpc.ts";
import { Elsewhere, type Here, type Whereabouts } from "../replica/elsewhere.ts";
import { LostSession, type SessionCall } from "../session/lost_session.ts";
import { acceptanceOf, notAcceptable } from "./answers/acceptance.ts";
import { bareAnswer } from "./answers/http_answer.ts";
import type { BridgeParts } from "./limits.ts";
import { callWith } from "./posted_call.ts";
import type { BridgeRequest, ChoosePeers, Gate, OwnedSince } from "./request.ts";
import type { Conversation, ConversationSizes } from "./sessions/conversation.ts";
import { Sessions } from "./sessions/sessions.ts";
import { mayAsk, parkedIn } from "./stateless/rounds/parked_questions.ts";
import { StatelessHost } from "./stateless/stateless_host.ts";

/** How much there is of everything that grows. */
export interface BridgeSizes extends ConversationSizes {
  readonly sessions: number;
  /** Peers that stateless clients share: one for each owner and kind of client. */
  readonly shared: number;
}

export interface BridgeServerOptions {
  readonly parts: BridgeParts;
  readonly gate: Gate;
  readonly choose: ChoosePeers;
  /** The era of the peers behind stateless clients, where that is known; else each is asked. */
  readonly statelessPeersAre?: Era;
  /** A session has ended by itself, for good. */
  readonly onEnded: (upstreamSessionId: UpstreamSessionId) => void;
}

export class BridgeServer {
  readonly #sessions: Sessions;
  readonly #stateless: StatelessHost;
  readonly #here: Here | undefined;
  #closed = false;

  constructor(options: BridgeServerOptions) {
    this.#sessions = new Sessions(options);
    this.#stateless = new StatelessHost(options);
    this.#here = options.parts.here;
  }

  /** Everything here that grows, for metrics. */
  sizes(): BridgeSizes {
    const sizes = this.#sessions.sizes();
    const { size: shared, calls } = this.#stateless;
    return { ...sizes, sessions: this.#sessions.size, shared, calls: sizes.calls + calls };
  }

  send(request: BridgeRequest): SessionCall {
    if (this.#closed) return callOf(Promise.reject(new SignetError("draining")));
    const version = fieldValue(request.fields, "mcp-protocol-version");
    if (version !== undefined && !isKnownRevision(version)) {
      return callOf(Promise.reject(new SignetError("protocol_version_unsupported")));
    }
    const { upstreamSessionId } = request;
    if (upstreamSessionId === undefined) return this.#open(request);
    const conversation = this.#sessions.find(upstreamSessionId) ?? this.#sessions.attach(request, upstreamSessionId);
    if (conversation === undefined) return callOf(Promise.resolve(new LostSession()));
    switch (request.method) {
      case "DELETE":
        return callOf(this.#sessions.end(conversation, request).then(endedAnswer));
      case "GET":
        return this.#listen(request, conversation);
      case "POST":
        return this.#post(request, conversation);
    }
  }

  /** Nobody will ask for this session any more. */
  release(upstreamSessionId: UpstreamSessionId): void {
    this.#sessions.release(upstreamSessionId);
  }

  /** See `Upstream.endStateless`. */
  endStateless(which: OwnedSince): void {
    this.#stateless.endOf(which);
  }

  /** Ends everything; settles when no peer is left. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#sessions.close(), this.#stateless.end()]);
  }

  #listen({ fields }: BridgeRequest, conversation: Conversation): Call {
    if (!acceptanceOf(fields).events) return callOf(Promise.resolve(notAcceptable()));
    const response = conversation.listen(fieldValue(fields, "last-event-id"), { fields });
    return callOf(Promise.resolve(response), () => response.release());
  }

  #post(request: BridgeRequest, conversation: Conversation): Call {
    const accepts = acceptanceOf(request.fields);
    if (!accepts.json && !accepts.events) return callOf(Promise.resolve(notAcceptable()));
    const { fields, noted } = request;
    return this.#callWith(request, (text, parsed) => conversation.post({ text, parsed, accepts, fields, noted }));
  }

  /** As `callWith`: a message that is long is read in turns, between which this server may have ended. */
  #callWith(request: BridgeRequest, begin: Parameters<typeof callWith>[1]): Call {
    return callWith(request, (text, parsed) => {
      if (this.#closed) throw new SignetError("draining");
      return begin(text, parsed);
    });
  }

  /** A message without a session: an initialize opens one, a stateless request needs none. */
  #open(request: BridgeRequest): Call {
    if (request.method !== "POST") return callOf(Promise.reject(new SignetError("session_required")));
    return this.#callWith(request, (text, parsed) => {
      const classified = classify(parsed, fieldValue(request.fields, "mcp-protocol-version"));
      if (classified.era === "modern") return this.#pass(request, text, classified.message);
      if (classified.kind === "initialize") return this.#sessions.open(request, text);
      throw new SignetError("session_required");
    });
  }

  /** A call that waits is gone on with where it waits. @throws Elsewhere */
  #requireHere(text: Uint8Array, { method }: RpcRequest, { gone, isPassedOn }: Whereabouts): void {
    if (this.#here === undefined || isPassedOn || !mayAsk(method)) return;
    const { home = this.#here.home } = parkedIn(text) ?? {};
    if (home !== this.#here.home && !gone.includes(home)) throw new Elsewhere(home);
  }

  /** @throws SignetError `invalid_params`, `internal`; Elsewhere */
  #pass(
    { caller, fields, noted, where = NOWHERE }: BridgeRequest,
    text: Uint8Array,
    message: RpcRequest | RpcNotification,
  ): Call {
    // Stateless notifications are about nothing a server could know: a request is cancelled by closing its stream.
    if (message.kind === "notification") return callOf(Promise.resolve(bareAnswer(202)));
    // One without its envelope would make a server of both eras take its whole process for one of the other.
    if (!isModernEnvelope(message.params)) throw new SignetError("invalid_params");
    if (caller.owner.trim() === "") throw new SignetError("internal", { facts: NEEDS_OWNER });
    const accepts = acceptanceOf(fields);
    if (!accepts.json && !accepts.events) return callOf(Promise.resolve(notAcceptable()));
    this.#requireHere(text, message, where);
    return this.#stateless.post({ caller, fields, where }, {
      text,
      id: idSpan(text),
      request: message,
      accepts,
      fields,
      noted,
    });
  }
}

/** Where nobody has been asked yet. */
const NOWHERE: Whereabouts = { gone: [], isPassedOn: false };

/** What could not be told everybody is said, and nothing of why (L5). @throws SignetError `upstream_unreachable` */
function endedAnswer(failed: readonly string[]): ClientResponse {
  if (failed.length === 0) return bareAnswer(204);
  throw new SignetError("upstream_unreachable", {
    publicMessage: "The session is ended here, but not every MCP server could be told",
    facts: { failed: failed.join("; ") },
    data: { failed },
  });
}

/** Whose peer it is decides who shares it: a blank name would be everybody's. */
const NEEDS_OWNER = { attempted: "serve a stateless request", found: "a caller whose owner name is blank" };
