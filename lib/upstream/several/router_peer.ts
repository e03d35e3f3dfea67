// Several members as one peer: each request goes to the member it is about, under an id of this peer's own, and what comes
// back comes back to who asked (docs/behaviour.md A2, A6, C1). It lives as long as its session; members come and go.
import { progressTokenOf } from "../../bridge/peer/message_ids.ts";
import { type Asker, type Carrier, type Message, ownCarrier, type Peer } from "../../bridge/peer/peer.ts";
import { META_SERVER_INFO } from "../../mcp/between_eras.ts";
import { encodeJson } from "../../mcp/json_bytes.ts";
import { isObjectAt, memberAt } from "../../mcp/json_places.ts";
import { idKey, isJsonObject, type JsonObject, type RpcId } from "../../mcp/json_rpc.ts";
import { replaceSpan } from "../../mcp/json_splice.ts";
import { findMember, findMembers, type Span, stringAt } from "../../mcp/json_text.ts";
import { INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND } from "../../mcp/rpc_codes.ts";
import { MAX_SHOWN } from "../../observe/shortened.ts";
import { tellIfOwn } from "../../platform/faults.ts";
import { parseJson } from "../../platform/json.ts";
import { SERVER_INFO } from "./greeting.ts";
import type { QuestionTokens } from "./heard/question_tokens.ts";
import type { Subscriptions } from "./heard/subscriptions.ts";
import type { Catalog, Destination } from "./lists/catalog.ts";
import type { Cursors } from "./lists/cursors.ts";
import { type ListKind, LISTS } from "./lists/list_kinds.ts";
import { ID_OF_PAGES, type Merged, pageOf } from "./lists/pages.ts";
import { MemberFault, reasonOf } from "./members/breaker.ts";
import type { MemberLife } from "./members/member_life.ts";
import type { Ask } from "./members/own_asks.ts";
import type { OutwardOf } from "./names/outward.ts";
import { type Subject, subjectOf, unknownWords } from "./names/subjects.ts";
import type { TaskIds } from "./names/task_ids.ts";
import { labelOf } from "./names/uris.ts";
import { OpenRequest, type Requests } from "./open_request.ts";

/** What the revision without sessions has no more (2026-07-28). */
const OF_SESSIONS: ReadonlySet<string> = new Set([
  ...["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list", "tasks/result"],
]);
/** Stands for what is no text: it opens nothing. */
const NO_CURSOR = "";
const EMPTY = new TextEncoder().encode("{}");
const NOTHING = new Uint8Array(0);

export interface RouterPeerOptions {
  readonly lives: readonly MemberLife[];
  readonly catalog: Catalog;
  readonly cursors: Cursors;
  readonly taskIds: TaskIds;
  readonly tokens: QuestionTokens;
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

export class RouterPeer implements Peer, Requests {
  readonly #options: RouterPeerOptions;
  readonly #open = new Map<number, OpenRequest>();
  #lastId = 0;

  constructor(options: RouterPeerOptions) {
    this.#options = options;
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  ask(text: Uint8Array, _id: Span, asker: Asker, carrier: Carrier): number {
    const own = ++this.#lastId;
    const [methodSpan, params] = findMembers(text, ["method", "params"]);
    const method = stringAt(text, methodSpan) ?? "";
    const request = new OpenRequest(this, { own, asker, token: tokenOf(text, method, params) });
    this.#open.set(own, request);
    const subject = this.#hasMethod(method) ? subjectOf(text, method, params) : undefined;
    if (subject !== undefined) this.#passTo(request, subject, { text, method, carrier });
    else {
      // Texts and fields are on loan until this returns.
      const kept = { text: text.slice(), method, params, carrier: ownCarrier(carrier) };
      this.#answer(request, kept).catch((error) => this.#failInternally(request, error));
    }
    return own;
  }

  send(text: Uint8Array, carrier: Carrier): boolean {
    const method = stringAt(text, findMember(text, "method"));
    if (method === "notifications/cancelled") this.#cancel(text, carrier);
    else if (method === "notifications/progress") {
      const about = this.#options.tokens.inward(text);
      about?.asking.send(about.text, carrier);
    } // What is no notification is nobody's: a server may run a call that has no id, allowed or not (A7).
    else if (method?.startsWith("notifications/")) { for (const life of this.#options.lives) life.send(text, carrier); }
    return true;
  }

  /** Questions come from the members' own peers. */
  refuse(): void {}

  forget(id: number): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    this.#options.stateless?.subscriptions.close(id);
    open?.running?.peer.forget(open.running.id);
  }

  /** Whether a member runs a call that has this progress token. */
  runs(life: MemberLife, token: RpcId): boolean {
    const key = idKey(token);
    return [...this.#open.values()].some((open) => open.life === life && open.token === key);
  }

  /** Whether a member is at the request of this id here. */
  isAt(life: MemberLife, own: number): boolean {
    return this.#open.get(own)?.life === life;
  }

  /** The id here of the request that a member knows by `id`. */
  idOf(peer: Peer, id: number | undefined): number | undefined {
    if (id === undefined) return undefined;
    for (const [own, { running }] of this.#open) if (running?.peer === peer && running.id === id) return own;
    return undefined;
  }

  close(request: OpenRequest): boolean {
    return this.#open.delete(request.own);
  }

  isOpen(request: OpenRequest): boolean {
    return this.#open.has(request.own);
  }

  fail(request: OpenRequest, code: number, message: string): void {
    const value = { jsonrpc: "2.0", id: request.own, error: { code, message } };
    this.#reply(request, { line: encodeJson(value), value });
  }

  #failInternally(request: OpenRequest, error: unknown): void {
    const message = error instanceof MemberFault ? `Internal error: ${reasonOf(error)}` : "Internal error";
    this.fail(request, INTERNAL_ERROR, message);
  }

  /** What Signet answers itself. Never in the same breath: whoever asks has to know its id first. */
  async #answer(request: OpenRequest, { text, method, params, carrier }: Kept): Promise<void> {
    await Promise.resolve();
    if (this.#options.stateless !== undefined) {
      if (method === "server/discover") return this.#result(request, encodeJson(this.#options.stateless.discovery()));
      if (method === "subscriptions/listen") return this.#subscribe(request, { text, method, params, carrier });
      if (!this.#hasMethod(method)) return this.#failUnknownMethod(request, method);
    }
    if (method === "ping") return this.#result(request, EMPTY);
    if (method === "logging/setLevel") {
      return await this.#setLevel(request, params === undefined ? {} : parse(text, params), carrier);
    }
    const list = method === "tasks/list" && !this.#hasTasks ? undefined : LISTS.get(method);
    if (list === undefined) return this.#failUnknownMethod(request, method);
    const cursor = memberAt(text, "cursor", params);
    const asking = { cursor: cursor && (stringAt(text, cursor) ?? NO_CURSOR), carrier };
    await this.#list(request, list, { ...asking, params: this.#paramsFor(text, params) });
  }

  /** Some are those of sessions alone. */
  #hasMethod(method: string): boolean {
    return this.#options.stateless === undefined || !OF_SESSIONS.has(method);
  }

  #failUnknownMethod(request: OpenRequest, method: string): void {
    this.fail(request, METHOD_NOT_FOUND, `Method not found: ${method.slice(0, MAX_SHOWN)}`);
  }

  /** After a restart nobody knows: then members are asked. */
  get #hasTasks(): boolean {
    return this.#options.lives.some(({ isUp, capabilities }) =>
      isUp && (capabilities === undefined || capabilities.tasks !== undefined || hasExtension(capabilities))
    );
  }

  /** What members are asked with in its name: a stateless one is told each time who asks. */
  #paramsFor(text: Uint8Array, params: Span | undefined): JsonObject {
    const meta = this.#options.stateless === undefined ? undefined : memberAt(text, "_meta", params);
    if (meta === undefined) return {};
    const { progressToken: _, ...envelope } = parse(text, meta);
    return { _meta: envelope };
  }

  /** Open until its client leaves. */
  #subscribe({ own }: OpenRequest, { text, params, carrier }: Kept): void {
    const span = memberAt(text, "notifications", params);
    const { _meta: envelope = {} } = this.#paramsFor(text, params);
    const notifications = isObjectAt(text, span) ? parse(text, span) : undefined;
    const asked = notifications && { own, notifications, envelope: envelope as JsonObject, carrier };
    if (asked !== undefined && this.#options.stateless?.subscriptions.open(asked)) return;
    const request = this.#open.get(own);
    if (request !== undefined) this.fail(request, INVALID_PARAMS, "Invalid params: notifications must be a filter");
  }

  async #list(request: OpenRequest, list: ListKind, by: Listing) {
    const { catalog, cursors, stateless } = this.#options;
    const { cursor, carrier, params } = by;
    const from = cursor === undefined ? undefined : cursors.open(list.method, cursor);
    if (cursor !== undefined && from === undefined) {
      return this.fail(request, INVALID_PARAMS, "Invalid params: unknown cursor");
    }
    const asked = { list, carrier, params, goesOn: from !== undefined };
    const besides = (merged: Merged) => stateless === undefined ? "" : lifetimeWords(merged);
    const line = await catalog.page(
      asked,
      (merged) => pageOf(merged, list, { from, cursors, besides: besides(merged) }),
    );
    this.#reply(request, { line, value: { jsonrpc: "2.0", id: 0, result: {} }, id: ID_OF_PAGES });
  }

  /** To the member that what it is about leads to: at once, where no list has to be read first. */
  #passTo(request: OpenRequest, subject: Subject, routed: Routed): void {
    const found = this.#destinationOf(subject, routed);
    if (found === undefined) {
      return queueMicrotask(() => {
        if (subject.what === "task" && !this.#hasTasks) this.#failUnknownMethod(request, routed.method);
        else this.fail(request, INVALID_PARAMS, unknownWords(subject));
      });
    }
    if (!(found instanceof Promise)) return this.#pass(request, subject, { ...routed, to: found });
    const { method } = routed;
    const [text, carrier] = [routed.text.slice(), ownCarrier(routed.carrier)];
    found.then((to) => {
      if (to === undefined) this.fail(request, INVALID_PARAMS, unknownWords(subject));
      else if (this.isOpen(request)) this.#pass(request, subject, { text, method, carrier, to });
    }).catch((error) => this.#failInternally(request, error));
  }

  #destinationOf({ what, value }: Subject, { text, carrier }: Routed) {
    const { catalog, taskIds } = this.#options;
    if (value === undefined) return undefined;
    if (what === "task") return taskIds.open(value);
    if (what === "resource") return catalog.resourceOf(value);
    return catalog.destinationOf(what === "tool" ? "tools" : "prompts", value, {
      carrier,
      params: this.#paramsFor(text, findMember(text, "params")),
    });
  }

  #pass(request: OpenRequest, subject: Subject, { text, method, carrier, to }: Routed & { to: Destination }): void {
    const { life, inward } = to;
    const known = subject.what === "task" ? { inward, outward: subject.value! } : undefined;
    request.pass({ life, method, subject, of: this.#outwardOf(life, known) });
    life.member.counts.calls++;
    if (carrier.noted !== undefined) carrier.noted.member = life.name;
    life.ask(renamed(text, subject, inward), request, carrier);
  }

  /** @param known a task that was asked about by an id that its client keeps, under whatever key it was sealed */
  #outwardOf(life: MemberLife, known?: { readonly inward: string; readonly outward: string }): OutwardOf {
    const { taskIds } = this.#options;
    return {
      label: labelOf(life.name),
      taskId: (inward) => inward === known?.inward ? known.outward : taskIds.outward({ life, inward }),
    };
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
      return this.fail(request, METHOD_NOT_FOUND, "Method not found: no MCP server has a log to set");
    }
    this.fail(request, Number(refusal.code) || INVALID_PARAMS, String(refusal.message ?? "refused"));
  }

  #cancel(text: Uint8Array, carrier: Carrier): void {
    const span = memberAt(text, "requestId", findMember(text, "params"));
    const own = span === undefined ? undefined : Number(new TextDecoder().decode(text.subarray(span.start, span.end)));
    const running = own === undefined ? undefined : this.#open.get(own)?.running;
    const life = own === undefined ? undefined : this.#open.get(own)?.life;
    if (running === undefined || life === undefined) return;
    running.peer.send(replaceSpan(text, span!, encodeJson(running.id)), { fields: life.member.carry(carrier.fields) });
  }

  #reply(request: OpenRequest, reply: Message): void {
    if (this.close(request)) void request.asker.onReply(reply);
  }

  #result(request: OpenRequest, result: Uint8Array): void {
    const frame = encodeJson({ jsonrpc: "2.0", id: request.own, result: 0 });
    const line = replaceSpan(frame, findMember(frame, "result")!, result);
    this.#reply(request, { line, value: { jsonrpc: "2.0", id: request.own, result: {} } });
  }
}

/** The request as the member is to have it. Mostly a prefix is all that goes. */
function renamed(text: Uint8Array, { span, value }: Subject, inward: string): Uint8Array {
  const { start, end } = span!;
  const prefix = value!.length - inward.length;
  // As many bytes as characters: it is ASCII, and nothing in it is escaped.
  const isPlain = end - start === value!.length + 2 && prefix > 0 && value!.endsWith(inward);
  if (!isPlain) return replaceSpan(text, span!, encodeJson(inward));
  return replaceSpan(text, { start: start + 1, end: start + 1 + prefix }, NOTHING);
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

/** As it came: on loan. */
interface Routed {
  readonly text: Uint8Array;
  readonly method: string;
  readonly carrier: Carrier;
}

interface Kept extends Routed {
  readonly params: Span | undefined;
}

/** Requests that servers report the progress of. */
const MAY_PROGRESS = /^(tools|prompts|resources|completion|tasks)\//;

function tokenOf(text: Uint8Array, method: string, params: Span | undefined): string | undefined {
  const meta = memberAt(text, "_meta", params);
  if (meta === undefined || !MAY_PROGRESS.test(method)) return undefined;
  const token = progressTokenOf({ params: { _meta: parse(text, meta) } }, text);
  return token === undefined ? undefined : idKey(token);
}

function parse(text: Uint8Array, span: Span): JsonObject {
  const value: unknown = parseJson(new TextDecoder().decode(text.subarray(span.start, span.end)));
  return isJsonObject(value) ? value : {};
}
