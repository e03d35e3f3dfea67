// Several members as one peer: each request goes to the member it is about, under an id of this peer's own, and what comes
// back comes back to who asked (docs/behaviour.md A2, A6, C1). It lives as long as its session; members come and go.
import type { Asker, Carrier, Message, Peer } from "../../bridge/peer.ts";
import { progressTokenOf } from "../../bridge/open_calls.ts";
import { idKey, isJsonObject, type JsonObject, type RpcId, type RpcRequest } from "../../mcp/json_rpc.ts";
import { findMember, replaceSpan, type Span } from "../../mcp/json_text.ts";
import { MemberFault, reasonOf } from "./breaker.ts";
import type { Catalog, Destination } from "./catalog.ts";
import type { Cursors } from "./cursors.ts";
import { LISTS } from "./lists.ts";
import type { MemberLife } from "./member_life.ts";
import { type OutwardOf, outwardReply } from "./outward.ts";
import type { Ask } from "./own_asks.ts";
import { pageOf } from "./pages.ts";
import type { QuestionTokens } from "./question_tokens.ts";
import { jsonBytes, memberAt, stringAt } from "./splices.ts";
import type { TaskIds } from "./task_ids.ts";
import { labelOf } from "./uris.ts";

const METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602, INTERNAL = -32603;
/** Stands for what is no text: it opens nothing. */
const NO_CURSOR = "";
/** As much of a name as a message repeats, in characters. */
const MAX_SHOWN = 128;
const EMPTY = new TextEncoder().encode("{}");

/** A request of the client's that is on its way. */
interface Open {
  readonly asker: Asker;
  readonly token: string | undefined;
  life: MemberLife | undefined;
  running: { readonly peer: Peer; readonly id: number } | undefined;
}

/** What a request is about, in its text and to people. */
interface Subject {
  readonly what: "tool" | "prompt" | "resource" | "task";
  readonly span: Span | undefined;
  readonly value: string | undefined;
}

export interface RouterPeerOptions {
  readonly lives: readonly MemberLife[];
  readonly catalog: Catalog;
  readonly cursors: Cursors;
  readonly taskIds: TaskIds;
  readonly tokens: QuestionTokens;
  readonly ask: Ask;
}

export class RouterPeer implements Peer {
  readonly #options: RouterPeerOptions;
  readonly #open = new Map<number, Open>();
  #lastId = 0;

  constructor(options: RouterPeerOptions) {
    this.#options = options;
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  ask(text: Uint8Array, _id: Span, asker: Asker, carrier: Carrier): number {
    const own = ++this.#lastId;
    const method = stringAt(text, findMember(text, "method")) ?? "";
    const token = MAY_PROGRESS.test(method) ? tokenOf(text) : undefined;
    this.#open.set(own, { asker, token, life: undefined, running: undefined });
    // Texts and fields are on loan until this returns.
    const kept = text.slice();
    const held = { fields: [...carrier.fields], noted: carrier.noted };
    this.#route(own, { text: kept, method, carrier: held }).catch((error) => {
      this.#fail(own, INTERNAL, error instanceof MemberFault ? `Internal error: ${reasonOf(error)}` : "Internal error");
    });
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
    open?.running?.peer.forget(open.running.id);
  }

  /** Whether a member runs a call that has this progress token. */
  runs(life: MemberLife, token: unknown): boolean {
    if (typeof token !== "string" && typeof token !== "number") return false;
    const key = idKey(token as RpcId);
    return [...this.#open.values()].some((open) => open.life === life && open.token === key);
  }

  /** The id here of the request that a member knows by `id`. */
  idOf(peer: Peer, id: number | undefined): number | undefined {
    if (id === undefined) return undefined;
    for (const [own, { running }] of this.#open) if (running?.peer === peer && running.id === id) return own;
    return undefined;
  }

  async #route(own: number, request: Routed): Promise<void> {
    const { text, method, carrier } = request;
    const params = findMember(text, "params");
    switch (method) {
      case "ping":
        // Not in the same breath: whoever asks has to know its id first.
        await Promise.resolve();
        return this.#result(own, EMPTY);
      case "tools/call":
      case "prompts/get": {
        const span = memberAt(text, "name", params);
        const what = method === "tools/call" ? "tool" : "prompt";
        return await this.#toNamed(own, request, { what, span, value: stringAt(text, span) });
      }
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe": {
        const span = memberAt(text, "uri", params);
        return await this.#toNamed(own, request, { what: "resource", span, value: stringAt(text, span) });
      }
      case "tasks/get":
      case "tasks/result":
      case "tasks/cancel": {
        if (!this.#hasTasks) break;
        const span = memberAt(text, "taskId", params);
        return await this.#toNamed(own, request, { what: "task", span, value: stringAt(text, span) });
      }
      case "completion/complete":
        return await this.#toNamed(own, request, referenceIn(text, memberAt(text, "ref", params)));
      case "logging/setLevel":
        return await this.#setLevel(own, params === undefined ? {} : parse(text, params), carrier);
    }
    const list = method === "tasks/list" && !this.#hasTasks ? undefined : LISTS[method];
    if (list === undefined) {
      await Promise.resolve();
      return this.#fail(own, METHOD_NOT_FOUND, `Method not found: ${method.slice(0, MAX_SHOWN)}`);
    }
    const cursor = memberAt(text, "cursor", params);
    await this.#list(own, list.method, { cursor: cursor && (stringAt(text, cursor) ?? NO_CURSOR), carrier });
  }

  /** After a restart nobody knows: then members are asked. */
  get #hasTasks(): boolean {
    return this.#options.lives.some(({ isUp, capabilities }) =>
      isUp && (capabilities === undefined || capabilities.tasks !== undefined)
    );
  }

  async #list(own: number, method: string, { cursor, carrier }: { cursor: string | undefined; carrier: Carrier }) {
    const { catalog, cursors } = this.#options;
    const from = cursor === undefined ? undefined : cursors.open(method, cursor);
    if (cursor !== undefined && from === undefined) {
      await Promise.resolve();
      return this.#fail(own, INVALID_PARAMS, "Invalid params: unknown cursor");
    }
    const list = LISTS[method]!;
    await catalog.list(list, carrier, (merged) => this.#result(own, pageOf(merged, list, { from, cursors })));
  }

  async #toNamed(own: number, request: Routed, subject: Subject): Promise<void> {
    const { span, value } = subject;
    await Promise.resolve();
    const found = value === undefined ? undefined : await this.#destinationOf(subject.what, value, request.carrier);
    if (found === undefined || span === undefined) return this.#fail(own, INVALID_PARAMS, unknown(subject));
    this.#pass(own, request, { ...found, subject: { ...subject, span } });
  }

  #destinationOf(what: Subject["what"], value: string, carrier: Carrier) {
    const { catalog, taskIds } = this.#options;
    if (what === "task") return taskIds.open(value);
    if (what === "resource") return catalog.resourceOf(value);
    return catalog.destinationOf(what === "tool" ? "tools" : "prompts", value, carrier);
  }

  #pass(own: number, request: Routed, to: Destination & { readonly subject: Subject & { readonly span: Span } }): void {
    const open = this.#open.get(own);
    if (open === undefined) return; // cancelled meanwhile
    const { life, inward, subject } = to;
    open.life = life;
    life.member.counts.calls++;
    if (request.carrier.noted !== undefined) request.carrier.noted.member = life.name;
    const text = replaceSpan(request.text, subject.span, jsonBytes(inward));
    const hides = subject.what === "resource" && life.member.visible.resources.hides;
    const of = this.#outwardOf(life, subject.what === "task" ? { ...to, outward: subject.value! } : undefined);
    life.ask(text, {
      carrier: request.carrier,
      asker: {
        onReply: (reply) => {
          // What is denied must look like what is not there, and so the other way round (A7).
          if (hides && isNotFound(reply)) return void this.#fail(own, INVALID_PARAMS, unknown(subject));
          return this.#reply(own, { ...reply, line: outwardReply(reply.line, request.method, of) });
        },
        onLost: (loss) => {
          life.member.counts.lost++;
          const lost = this.#take(own);
          lost?.asker.onLost({ reason: `${life.name}: ${loss.reason}` });
        },
      },
      onAsked: (peer, id) => open.running = { peer, id },
      wanted: () => this.#open.get(own) === open,
    });
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
  async #setLevel(own: number, params: JsonObject, carrier: Carrier): Promise<void> {
    const { lives, ask } = this.#options;
    const able = lives.filter((life) =>
      life.isUp &&
      (life.capabilities === undefined || life.capabilities.logging !== undefined)
    );
    const replies = await Promise.all(
      able.map((life) => ask(life, "logging/setLevel", params, carrier).catch(() => undefined)),
    );
    const done = replies.find((reply) => reply !== undefined && reply.value.error === undefined);
    if (done !== undefined) return this.#result(own, EMPTY);
    const refusal = replies.find((reply) => reply !== undefined)?.value.error as JsonObject | undefined;
    if (refusal === undefined) {
      return this.#fail(own, METHOD_NOT_FOUND, "Method not found: no MCP server has a log to set");
    }
    this.#fail(own, Number(refusal.code) || INVALID_PARAMS, String(refusal.message ?? "refused"));
  }

  #cancel(text: Uint8Array, carrier: Carrier): void {
    const span = memberAt(text, "requestId", findMember(text, "params"));
    const own = span === undefined ? undefined : Number(new TextDecoder().decode(text.subarray(span.start, span.end)));
    const running = own === undefined ? undefined : this.#open.get(own)?.running;
    const life = own === undefined ? undefined : this.#open.get(own)?.life;
    if (running === undefined || life === undefined) return;
    running.peer.send(replaceSpan(text, span!, jsonBytes(running.id)), { fields: life.member.carry(carrier.fields) });
  }

  #take(own: number): Open | undefined {
    const open = this.#open.get(own);
    this.#open.delete(own);
    return open;
  }

  #reply(own: number, reply: Message): Promise<void> | undefined {
    return this.#take(own)?.asker.onReply(reply);
  }

  #result(own: number, result: Uint8Array): void {
    const frame = jsonBytes({ jsonrpc: "2.0", id: own, result: 0 });
    const line = replaceSpan(frame, findMember(frame, "result")!, result);
    void this.#reply(own, { line, value: { jsonrpc: "2.0", id: own, result: {} } });
  }

  #fail(own: number, code: number, message: string): void {
    const value = { jsonrpc: "2.0", id: own, error: { code, message } };
    void this.#reply(own, { line: jsonBytes(value), value });
  }
}

interface Routed {
  readonly text: Uint8Array;
  readonly method: string;
  readonly carrier: Carrier;
}

/** Requests that servers report the progress of. */
const MAY_PROGRESS = /^(tools|prompts|resources|completion|tasks)\//;

function tokenOf(text: Uint8Array): string | undefined {
  const meta = memberAt(text, "_meta", findMember(text, "params"));
  const params = meta === undefined ? undefined : { _meta: parse(text, meta) };
  const token = params === undefined ? undefined : progressTokenOf({ params } as unknown as RpcRequest);
  return token === undefined ? undefined : idKey(token);
}

function parse(text: Uint8Array, span: Span): JsonObject {
  const value: unknown = JSON.parse(new TextDecoder().decode(text.subarray(span.start, span.end)));
  return isJsonObject(value) ? value : {};
}

function referenceIn(text: Uint8Array, ref: Span | undefined): Subject {
  if (stringAt(text, memberAt(text, "type", ref)) === "ref/resource") {
    const span = memberAt(text, "uri", ref);
    return { what: "resource", span, value: stringAt(text, span) };
  }
  const span = memberAt(text, "name", ref);
  return { what: "prompt", span, value: stringAt(text, span) };
}

/** One and the same for what is nowhere, what is denied, and what nobody named (A7). */
function unknown({ what, value }: Subject): string {
  return value === undefined ? `Invalid params: no ${what} is named` : `Unknown ${what}: ${value.slice(0, MAX_SHOWN)}`;
}

function isNotFound({ value: { error } }: Message): boolean {
  return isJsonObject(error) && (error.code === INVALID_PARAMS || error.code === -32002);
}
