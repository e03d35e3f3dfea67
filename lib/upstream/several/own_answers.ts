// What is answered for all members at once, and goes to none of them alone: lists, levels, discovery, subscriptions
// (docs/behaviour.md A2, A5; docs/protocol.md 20).
import type { Carrier } from "../../bridge/peer/peer.ts";
import { META_SERVER_INFO } from "../../mcp/eras/between_eras.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember, type Span, stringAt } from "../../mcp/json/json_text.ts";
import { isObjectAt, memberAt, objectAt } from "../../mcp/messages/json_places.ts";
import { INVALID_PARAMS, METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { MAX_SHOWN } from "../../observe/shortened.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { SERVER_INFO } from "./greeting.ts";
import type { Subscriptions } from "./heard/subscriptions.ts";
import type { Catalog } from "./lists/catalog.ts";
import type { Cursors } from "./lists/cursors.ts";
import { type ListKind, LISTS } from "./lists/list_kinds.ts";
import { ID_OF_PAGES, type Merged, pageOf } from "./lists/pages.ts";
import type { MemberLife } from "./members/member_life.ts";
import type { Ask } from "./members/own_asks.ts";
import type { Kept, OpenRequest, Requests } from "./open_request.ts";

/** What the revision without sessions has no more (2026-07-28). */
const OF_SESSIONS: ReadonlySet<string> = new Set([
  ...["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list", "tasks/result"],
]);
/** Stands for what is no text: it opens nothing. */
const NO_CURSOR = "";
const EMPTY = new TextEncoder().encode("{}");

export interface OwnAnswersOptions {
  readonly lives: readonly MemberLife[];
  readonly catalog: Catalog;
  readonly cursors: Cursors;
  readonly ask: Ask;
  /** For clients without sessions; undefined where they have sessions. */
  readonly stateless?: StatelessClients;
}

/** What only clients without sessions ask for. */
export interface StatelessClients {
  /** What is said of the whole. */
  readonly discovery: () => JsonObject;
  readonly subscriptions: Subscriptions;
}

export class OwnAnswers {
  readonly #options: OwnAnswersOptions;
  readonly #requests: Requests;

  constructor(options: OwnAnswersOptions, requests: Requests) {
    this.#options = options;
    this.#requests = requests;
  }

  /** What Signet answers itself. Never in the same breath: whoever asks has to know its id first. */
  async answer(request: OpenRequest, { text, method, params, carrier }: Kept): Promise<void> {
    await Promise.resolve();
    if (this.#options.stateless !== undefined) {
      if (method === "server/discover") return this.#result(request, encodeJson(this.#options.stateless.discovery()));
      if (method === "subscriptions/listen") return this.#subscribe(request, { text, method, params, carrier });
      if (!this.hasMethod(method)) return this.failUnknownMethod(request, method);
    }
    if (method === "ping") return this.#result(request, EMPTY);
    if (method === "logging/setLevel") {
      return await this.#setLevel(request, params === undefined ? {} : objectAt(text, params), carrier);
    }
    const list = method === "tasks/list" && !this.hasTasks ? undefined : LISTS.get(method);
    if (list === undefined) return this.failUnknownMethod(request, method);
    const cursor = memberAt(text, "cursor", params);
    const asking = { cursor: cursor && (stringAt(text, cursor) ?? NO_CURSOR), carrier };
    await this.#list(request, list, { ...asking, params: this.paramsFor(text, params) });
  }

  /** Some are those of sessions alone. */
  hasMethod(method: string): boolean {
    return this.#options.stateless === undefined || !OF_SESSIONS.has(method);
  }

  failUnknownMethod(request: OpenRequest, method: string): void {
    this.#requests.fail(request, METHOD_NOT_FOUND, `Method not found: ${method.slice(0, MAX_SHOWN)}`);
  }

  /** After a restart nobody knows: then members are asked. */
  get hasTasks(): boolean {
    return this.#options.lives.some(({ isUp, capabilities }) =>
      isUp && (capabilities === undefined || capabilities.tasks !== undefined || hasExtension(capabilities))
    );
  }

  /** What members are asked with in its name: a stateless one is told each time who asks. */
  paramsFor(text: Uint8Array, params: Span | undefined): JsonObject {
    const meta = this.#options.stateless === undefined ? undefined : memberAt(text, "_meta", params);
    if (meta === undefined) return {};
    const { progressToken: _, ...envelope } = objectAt(text, meta);
    return { _meta: envelope };
  }

  /** Open until its client leaves. */
  #subscribe(request: OpenRequest, { text, params, carrier }: Kept): void {
    const span = memberAt(text, "notifications", params);
    const { _meta: envelope = {} } = this.paramsFor(text, params);
    const notifications = isObjectAt(text, span) ? objectAt(text, span) : undefined;
    const asked = notifications && { own: request.own, notifications, envelope: envelope as JsonObject, carrier };
    if (asked !== undefined && this.#options.stateless?.subscriptions.open(asked)) return;
    this.#requests.fail(request, INVALID_PARAMS, "Invalid params: notifications must be a filter");
  }

  async #list(request: OpenRequest, list: ListKind, by: Listing) {
    const { catalog, cursors, stateless } = this.#options;
    const { cursor, carrier, params } = by;
    const from = cursor === undefined ? undefined : cursors.open(list.method, cursor);
    if (cursor !== undefined && from === undefined) {
      return this.#requests.fail(request, INVALID_PARAMS, "Invalid params: unknown cursor");
    }
    const asked = { list, carrier, params, goesOn: from !== undefined };
    const besides = (merged: Merged) => stateless === undefined ? "" : lifetimeWords(merged);
    const line = await catalog.page(
      asked,
      (merged) => pageOf(merged, list, { from, cursors, besides: besides(merged) }),
    );
    this.#requests.reply(request, { line, value: { jsonrpc: "2.0", id: 0, result: {} }, id: ID_OF_PAGES });
  }

  /** Asked of all that may have a log; done if one of them has done it. */
  async #setLevel(request: OpenRequest, params: JsonObject, carrier: Carrier): Promise<void> {
    const { lives, ask } = this.#options;
    const able = lives.filter((life) =>
      life.isUp &&
      (life.capabilities === undefined || life.capabilities.logging !== undefined)
    );
    const replies = await Promise.all(
      able.map((life) => ask(life, "logging/setLevel", params, carrier).catch((fault) => void tellIfOwn(fault))),
    );
    const done = replies.find((reply) => reply !== undefined && reply.value.error === undefined);
    if (done !== undefined) return this.#result(request, EMPTY);
    const refusal = replies.find((reply) => reply !== undefined)?.value.error as JsonObject | undefined;
    if (refusal === undefined) {
      return this.#requests.fail(request, METHOD_NOT_FOUND, "Method not found: no MCP server has a log to set");
    }
    this.#requests.fail(request, Number(refusal.code) || INVALID_PARAMS, String(refusal.message ?? "refused"));
  }

  #result(request: OpenRequest, result: Uint8Array): void {
    const frame = encodeJson({ jsonrpc: "2.0", id: request.own, result: 0 });
    const line = replaceSpan(frame, findMember(frame, "result")!, result);
    this.#requests.reply(request, { line, value: { jsonrpc: "2.0", id: request.own, result: {} } });
  }
}

interface Listing {
  readonly cursor: string | undefined;
  readonly carrier: Carrier;
  readonly params: JsonObject;
}

/** What a stateless client is told of a merged list: it holds for as long as each part does, and for whom all do. */
function lifetimeWords(merged: Merged): string {
  const leftMs = Math.min(...merged.map(({ leftMs }) => leftMs));
  const ttlMs = Number.isFinite(leftMs) ? Math.max(0, Math.floor(leftMs)) : 0;
  const scope = merged.every(({ listed }) => listed.isPublic) ? "public" : "private";
  const meta = JSON.stringify({ [META_SERVER_INFO]: SERVER_INFO });
  return `"resultType":"complete","ttlMs":${ttlMs},"cacheScope":"${scope}","_meta":${meta}`;
}

/** Where there are no sessions tasks are an extension. */
function hasExtension({ extensions }: JsonObject): boolean {
  return isJsonObject(extensions) && extensions["io.modelcontextprotocol/tasks"] !== undefined;
}
