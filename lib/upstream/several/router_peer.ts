// Several members as one peer: each request goes to the member it is about, under an id of this peer's own, and what comes
// back comes back to who asked (docs/behaviour.md A2, A6, C1). It lives as long as its session; members come and go.
import { progressTokenOf } from "../../bridge/peer/message_ids.ts";
import { type Asker, type Carrier, type Message, ownCarrier, type Peer } from "../../bridge/peer/peer.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember, findMembers, type Span, stringAt } from "../../mcp/json/json_text.ts";
import { memberAt, objectAt } from "../../mcp/messages/json_places.ts";
import { idKey, type RpcId } from "../../mcp/messages/json_rpc.ts";
import { INTERNAL_ERROR, INVALID_PARAMS } from "../../mcp/messages/rpc_codes.ts";
import type { QuestionTokens } from "./heard/question_tokens.ts";
import type { Destination } from "./lists/catalog.ts";
import { MemberFault, reasonOf } from "./members/breaker.ts";
import type { MemberLife } from "./members/member_life.ts";
import type { OutwardOf } from "./names/outward.ts";
import { type Subject, subjectOf, unknownWords } from "./names/subjects.ts";
import type { TaskIds } from "./names/task_ids.ts";
import { labelOf } from "./names/uris.ts";
import { OpenRequest, type Requests, type Routed } from "./open_request.ts";
import { OwnAnswers, type OwnAnswersOptions } from "./own_answers.ts";

const NOTHING = new Uint8Array(0);

export interface RouterPeerOptions extends OwnAnswersOptions {
  readonly taskIds: TaskIds;
  readonly tokens: QuestionTokens;
}

export class RouterPeer implements Peer, Requests {
  readonly #options: RouterPeerOptions;
  readonly #own: OwnAnswers;
  readonly #open = new Map<number, OpenRequest>();
  #lastId = 0;

  constructor(options: RouterPeerOptions) {
    this.#options = options;
    this.#own = new OwnAnswers(options, this);
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
    const subject = this.#own.hasMethod(method) ? subjectOf(text, method, params) : undefined;
    if (subject !== undefined) this.#passTo(request, subject, { text, method, carrier });
    else {
      // Texts and fields are on loan until this returns.
      const kept = { text: text.slice(), method, params, carrier: ownCarrier(carrier) };
      this.#own.answer(request, kept).catch((error) => this.#failInternally(request, error));
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
    this.reply(request, { line: encodeJson(value), value });
  }

  reply(request: OpenRequest, reply: Message): void {
    if (this.close(request)) void request.asker.onReply(reply);
  }

  #failInternally(request: OpenRequest, error: unknown): void {
    const message = error instanceof MemberFault ? `Internal error: ${reasonOf(error)}` : "Internal error";
    this.fail(request, INTERNAL_ERROR, message);
  }

  /** To the member that what it is about leads to: at once, where no list has to be read first. */
  #passTo(request: OpenRequest, subject: Subject, routed: Routed): void {
    const found = this.#destinationOf(subject, routed);
    if (found === undefined) {
      return queueMicrotask(() => {
        if (subject.what === "task" && !this.#own.hasTasks) this.#own.failUnknownMethod(request, routed.method);
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
      params: this.#own.paramsFor(text, findMember(text, "params")),
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

  #cancel(text: Uint8Array, carrier: Carrier): void {
    const span = memberAt(text, "requestId", findMember(text, "params"));
    const own = span === undefined ? undefined : Number(new TextDecoder().decode(text.subarray(span.start, span.end)));
    const running = own === undefined ? undefined : this.#open.get(own)?.running;
    const life = own === undefined ? undefined : this.#open.get(own)?.life;
    if (running === undefined || life === undefined) return;
    running.peer.send(replaceSpan(text, span!, encodeJson(running.id)), { fields: life.member.carry(carrier.fields) });
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

/** Requests that servers report the progress of. */
const MAY_PROGRESS = /^(tools|prompts|resources|completion|tasks)\//;

function tokenOf(text: Uint8Array, method: string, params: Span | undefined): string | undefined {
  const meta = memberAt(text, "_meta", params);
  if (meta === undefined || !MAY_PROGRESS.test(method)) return undefined;
  const token = progressTokenOf({ params: { _meta: objectAt(text, meta) } }, text);
  return token === undefined ? undefined : idKey(token);
}
