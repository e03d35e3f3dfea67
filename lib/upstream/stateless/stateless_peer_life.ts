// A stateless HTTP server behind one client's session (docs/behaviour.md S2): greeted by asking it what it is, and gone on
// with after a restart without asking anything, since all that there is of the session is what the client said of itself.
import type { Carrier, Message } from "../../bridge/peer/peer.ts";
import {
  type OpenPeers,
  type PeerEvents,
  type PeerSource,
  type Resumed,
  type Stopping,
  withoutWord,
} from "../../bridge/peer/peer_source.ts";
import { SignetError } from "../../errors.ts";
import { ByteAccount } from "../../http1/byte_account.ts";
import { type FieldList, HttpError } from "../../http1/types.ts";
import type { ClientSelf } from "../../mcp/eras/between_eras.ts";
import {
  clientForModern,
  envelopeOf,
  initializeResult,
  ownRequest,
  speaksModern,
} from "../../mcp/eras/for_stateless_server.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { peerFields } from "../peer_fields.ts";
import { DEFAULT_HTTP_PEER_LIMITS } from "../peers/http_peer_parts.ts";
import { ParamHeaders } from "./param_headers.ts";
import { StatelessListening } from "./stateless_listening.ts";
import { NotStatelessError, STATELESS_MARK } from "./stateless_mark.ts";
import type { StatelessLimits, StatelessParts } from "./stateless_parts.ts";
import { StatelessPeer, type ToolCall } from "./stateless_peer.ts";
import { post, type StatelessPost } from "./stateless_post.ts";

/** As the official SDKs bridge the same on the server's side. */
export const DEFAULT_STATELESS_LIMITS: StatelessLimits = {
  ...DEFAULT_HTTP_PEER_LIMITS,
  maxRounds: 8,
  roundMs: 600_000,
  againMs: 250,
  maxPages: 64,
};

const STATE = /^stateless\.[0-9a-f]{32}$/;

type Optional = "account" | "timers";

export type StatelessSetting = Omit<StatelessParts, Optional | "limits"> & Partial<Pick<StatelessParts, Optional>> & {
  readonly limits?: Partial<StatelessLimits>;
};

/** A stateless HTTP server as a session's peer. What is held of its messages is its caller's share of the account. */
export function statelessPeer(setting: StatelessSetting): OpenPeers<StatelessPeerLife> {
  const { account = new ByteAccount(), caller } = setting;
  const parts: StatelessParts = {
    timers: SYSTEM_TIMERS,
    ...setting,
    account: account.shareOf(caller.principalKey),
    limits: { ...DEFAULT_STATELESS_LIMITS, ...setting.limits },
  };
  return (events) => new StatelessPeerLife(parts, events);
}

export class StatelessPeerLife implements PeerSource {
  readonly peer: StatelessPeer;
  readonly place = undefined;
  readonly #parts: StatelessParts;
  readonly #listening: StatelessListening;
  readonly #params = new ParamHeaders();
  #state: string | undefined;
  #client: ClientSelf = { clientInfo: {}, capabilities: {} };
  #revision = "";
  #handshake: JsonObject = {};
  #capabilities: Promise<JsonObject> | undefined;
  #lastId = 0;
  /** What Signet itself has asked the server, and waits for. */
  readonly #asked = new Set<StatelessPost>();
  #stopped = false;

  constructor(parts: StatelessParts, events: PeerEvents) {
    this.#parts = parts;
    const newId = () => ++this.#lastId;
    this.peer = new StatelessPeer({
      ...{ parts, events, newId },
      revision: () => this.#revision,
      envelope: (logLevel) => envelopeOf(this.#client, logLevel),
      listening: () => this.#listening,
      paramHeaders: (call, again) => this.#paramHeaders(call, again),
    });
    this.#listening = new StatelessListening({
      ...{ parts, newId },
      envelope: () => this.peer.envelope(),
      capabilities: (fields) => this.#knownCapabilities(fields),
      onNotification: (message) => events.onMessage(message, this.peer),
      onJunk: (found) => this.peer.discard(found),
    });
  }

  peerFor(): StatelessPeer {
    return this.peer;
  }

  get protocolVersion(): string {
    return this.#revision;
  }

  get handshake(): JsonObject {
    return this.#handshake;
  }

  get capabilities(): JsonObject {
    return isJsonObject(this.#handshake.capabilities) ? this.#handshake.capabilities : {};
  }

  get state(): string | undefined {
    return this.#state;
  }

  /** @throws NotStatelessError; SignetError `upstream_*`, `request_limit` */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    const params = this.#take(text);
    const result = initializeResult(await this.#discover(peerFields(carrier.fields)), params.protocolVersion, {
      name: this.#parts.upstream.name,
      version: "0",
    });
    this.#handshake = result;
    this.#revision = result.protocolVersion as string;
    this.#state = STATELESS_MARK + this.#parts.random(16).toHex();
    const value = { jsonrpc: "2.0", id: 0, result };
    return { value, line: encodeJson(value) };
  }

  attach({ state, protocolVersion, handshake }: Resumed): boolean {
    if (state === undefined || !STATE.test(state)) return false;
    this.#take(handshake);
    this.#revision = protocolVersion;
    this.#state = state;
    return true;
  }

  confirm(): void {}

  listen({ fields }: Carrier): void {
    this.#listening.listen(peerFields(fields));
  }

  /** There is nothing behind it that could stay, or end. */
  seal(): string | undefined {
    return this.#state;
  }

  /** The server knows of no session: nobody has to be told. */
  stop(): Stopping {
    this.#stopped = true;
    for (const asked of this.#asked) asked.abort();
    const over = [...this.#asked].map(({ ended }) => ended);
    return withoutWord(Promise.all([this.#listening.stop(), this.peer.stop(), ...over]));
  }

  /** Of an initialize, who the client is. */
  #take(text: Uint8Array): JsonObject {
    const { params } = parseJson(new TextDecoder().decode(text)) as JsonObject;
    const { clientInfo, capabilities } = isJsonObject(params) ? params : {};
    this.#client = clientForModern({
      clientInfo: isJsonObject(clientInfo) ? clientInfo : {},
      capabilities: isJsonObject(capabilities) ? capabilities : {},
    });
    return isJsonObject(params) ? params : {};
  }

  /** @throws NotStatelessError; SignetError */
  async #discover(fields: FieldList): Promise<JsonObject> {
    const { value: { result, error } } = await this.#ask("server/discover", {}, fields).catch((refusal) => {
      // A transport that has no such method, or wants a session first, says so in HTTP.
      throw isRefusal(refusal) ? new NotStatelessError(`status ${refusal.detail.facts!.status}`) : refusal;
    });
    if (speaksModern(result)) return result;
    const code = isJsonObject(error) ? error.code : undefined;
    throw new NotStatelessError(typeof code === "number" ? `error ${code}` : "no revision that is known");
  }

  /** After a restart they have to be asked for. */
  async #knownCapabilities(fields: FieldList): Promise<JsonObject> {
    if (this.#handshake.capabilities !== undefined) return this.capabilities;
    this.#capabilities ??= this.#discover(fields).then(
      ({ capabilities }) => isJsonObject(capabilities) ? capabilities : {},
      (error) => {
        this.#capabilities = undefined;
        throw error;
      },
    );
    return await this.#capabilities;
  }

  #paramHeaders({ tool, text, args, fields }: ToolCall, again: boolean): FieldList | Promise<FieldList> {
    if (!again) return this.#params.of(tool, text, args);
    return this.#learnTools(fields).then(() => this.#params.of(tool, text, args));
  }

  /** What cannot be listed is not known of: the call then fails as it did. */
  async #learnTools(fields: FieldList): Promise<void> {
    let params: JsonObject = {};
    for (let page = 0; page < this.#parts.limits.maxPages; page++) {
      const { value: { result } } = await this.#ask("tools/list", params, fields);
      if (!isJsonObject(result)) return;
      this.#params.learn(result.tools);
      const { nextCursor: cursor } = result;
      if (typeof cursor !== "string" || cursor === params.cursor) return;
      params = { cursor };
    }
  }

  /** @throws SignetError; HttpError `aborted` once it is stopped */
  async #ask(method: string, params: JsonObject, fields: FieldList): Promise<Message> {
    const { timers, limits } = this.#parts;
    if (this.#stopped) throw new HttpError("aborted", `asking the MCP server for ${method}: nobody wants it any more`);
    const asked = post(this.#parts, ++this.#lastId, {
      ...{ method, fields, headers: [] },
      text: ownRequest(method, params, this.peer.envelope()),
      onNotification: () => undefined,
      onJunk: (found) => this.peer.discard(found),
    });
    this.#asked.add(asked);
    const stop = timers.after(limits.startTimeoutMs, () => asked.abort());
    try {
      return await asked.reply;
    } finally {
      stop();
      this.#asked.delete(asked);
    }
  }
}

function isRefusal(error: unknown): error is SignetError {
  return error instanceof SignetError && error.code === "upstream_invalid" && error.detail.facts?.status !== undefined;
}
