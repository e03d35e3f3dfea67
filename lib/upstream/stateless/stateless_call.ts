// A call of a session's client at a stateless server: made, and made again with what the server wanted to know from the
// client, until it is answered (MCP 2026-07-28, multi-round-trip requests). Its questions go out as requests of the
// session; nothing is made again but what the server has asked to be.
import type { Asker, Loss, Message } from "../../bridge/peer/peer.ts";
import { SignetError } from "../../errors.ts";
import type { Charge } from "../../http1/byte_account.ts";
import { type FieldList, HttpError } from "../../http1/types.ts";
import {
  answerForLegacy,
  type Answers,
  notificationForLegacy,
  questionForLegacy,
  requestForModern,
  type ServerQuestion,
} from "../../mcp/eras/for_stateless_server.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember, membersOf } from "../../mcp/json/json_text.ts";
import { HEADER_MISMATCH, INTERNAL_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { Pause } from "../../platform/time/timers.ts";
import type { Named, StatelessParts } from "./stateless_parts.ts";
import { post, type StatelessPost } from "./stateless_post.ts";

/** What a client answered to a question: the JSON text of its result, or that there will be none. */
export type Answered = { readonly result: Uint8Array } | { readonly refusal: string };

export interface StatelessCallOptions {
  readonly parts: StatelessParts;
  /** As its session knows it. */
  readonly ownId: number;
  readonly method: string;
  /** The client's request; a copy. Held and charged for as long as it may have to be made again. */
  readonly text: Uint8Array;
  readonly charge: Charge;
  readonly fields: FieldList;
  readonly asker: Asker;
  /** Of the session. */
  readonly revision: string;
  readonly envelope: () => JsonObject;
  /** @param again whether the server has missed one */
  readonly headers: (again: boolean) => FieldList | Promise<FieldList>;
  readonly newId: () => number;
  /** Puts a request to the client; settles once it is answered, or cannot be. */
  readonly ask: (question: Message, ownId: number) => Promise<Answered>;
  /** Nobody waits for answers to these any more. */
  readonly withdraw: (ownId: number) => void;
  readonly onNotification: (message: Message, ownId: number) => Promise<void> | undefined;
  readonly onJunk: (found: string) => void;
}

const decoder = new TextDecoder();

export class StatelessCall {
  readonly #options: StatelessCallOptions;
  readonly #pause: Pause;
  #under: StatelessPost | undefined;
  #isOver = false;
  #isGivenUp = false;

  constructor(options: StatelessCallOptions) {
    this.#options = options;
    this.#pause = new Pause(options.parts.timers);
  }

  /** Settles when nothing of it is left. Never rejects. */
  async run(): Promise<void> {
    const { charge, ownId, withdraw, asker } = this.#options;
    try {
      await this.#go();
    } catch (error) {
      tellIfOwn(error);
      if (!this.#isOver) asker.onLost(lossOf(error));
    } finally {
      this.#isOver = true;
      withdraw(ownId);
      charge.release();
      await this.#under?.ended;
    }
  }

  /** Nobody waits for it: closing its stream tells the server. */
  cancel(): void {
    this.#isOver = true;
    this.#stop();
  }

  /** Gives it up: who waits hears of it. */
  abort(): void {
    this.#isGivenUp = true;
    this.#stop();
  }

  #stop(): void {
    this.#under?.abort();
    this.#pause.close();
    this.#options.withdraw(this.#options.ownId);
  }

  async #go(): Promise<void> {
    const { parts: { limits }, asker, method } = this.#options;
    let answers: Answers | undefined;
    for (let round = 0; !this.#isOver; round++) {
      const reply = await this.#make(answers);
      if (this.#isOver) return;
      const wanted = inputWantedBy(reply);
      if (wanted === undefined) {
        assertComplete(reply);
        return void await asker.onReply(forLegacy(reply, method));
      }
      if (wanted === UNREADABLE) throw giveUp("the MCP server asks for input, and does not say for what");
      if (round === limits.maxRounds) throw giveUp(`the MCP server asks more than ${limits.maxRounds} times`);
      answers = await this.#answersTo(wanted, reply, round);
      if (answers === undefined) return;
    }
  }

  /** One round; with other headers if those were not what the server wants of the body. */
  async #make(answers: Answers | undefined): Promise<Message> {
    const { envelope, text, headers } = this.#options;
    const request = requestForModern(text, envelope(), answers);
    const reply = await this.#post(request, await headers(false));
    if (!isHeaderMismatch(reply) || this.#isOver) return reply;
    return await this.#post(request, await headers(true));
  }

  /** @throws HttpError `aborted` once it has ended: between two requests there is none whose end would tell */
  #post(text: Uint8Array, headers: FieldList): Promise<Message> {
    if (this.#isOver || this.#isGivenUp) {
      throw new HttpError("aborted", "calling the MCP server: nobody wants it any more");
    }
    const { parts, newId, method, fields, onJunk, onNotification, ownId } = this.#options;
    const named: Named = { method, headers };
    this.#under = post(parts, newId(), {
      ...named,
      text,
      fields,
      onJunk,
      onNotification: ({ line, value }) => onNotification({ line: notificationForLegacy(line), value }, ownId),
    });
    return this.#under.reply;
  }

  /** What the client says to all that is asked; undefined where the call has ended with it. */
  async #answersTo(wanted: Wanted, { line }: Message, round: number): Promise<Answers | undefined> {
    const { parts: { limits, timers, random }, ask, revision, ownId } = this.#options;
    const result = findMember(line, "result");
    const span = findMember(line, "requestState", result);
    const state = span === undefined || wanted.state === null ? undefined : line.slice(span.start, span.end);
    if (wanted.requests.length === 0) {
      await this.#pause.wait(limits.againMs);
      return { responses: [], state };
    }
    const newId = () => random(16).toHex();
    let stop = () => {};
    const tooLate = new Promise<Answered>((resolve) => {
      stop = timers.after(limits.roundMs, () => resolve({ refusal: "the client did not answer in time" }));
    });
    try {
      const answered = await Promise.all(wanted.requests.map(async ([key, request], at) => {
        const line = questionForLegacy(request, { id: `${ownId}.${round}.${at}`, revision, newId });
        const question = { line, value: parseJson(decoder.decode(line)) };
        return { key, request, answer: await Promise.race([ask(question, ownId), tooLate]) };
      }));
      if (this.#isOver) return undefined;
      const responses: [string, Uint8Array][] = [];
      for (const { key, request, answer } of answered) {
        if ("result" in answer) responses.push([key, answer.result]);
        else if (request.method === "elicitation/create") responses.push([key, CANCELLED]);
        else return void await this.#endRefused(answer.refusal);
      }
      return { responses, state };
    } finally {
      stop();
    }
  }

  /** What the client would not answer cannot be told a stateless server: the call ends. */
  async #endRefused(refusal: string): Promise<void> {
    const { asker, method } = this.#options;
    const text = `The client did not answer what the MCP server asked: ${refusal}`;
    const value = method === "tools/call"
      ? { jsonrpc: "2.0", id: 0, result: { content: [{ type: "text", text }], isError: true } }
      : { jsonrpc: "2.0", id: 0, error: { code: INTERNAL_ERROR, message: text } };
    await asker.onReply({ line: encodeJson(value), value });
  }
}

const CANCELLED = encodeJson({ action: "cancel" }), NO_PARAMS = encodeJson({});

interface Wanted {
  readonly requests: readonly (readonly [key: string, request: ServerQuestion])[];
  /** Null if there is none. */
  readonly state: unknown;
}

/** Neither a question nor a state, or a question that is none: made again, the call would be the very same. */
const UNREADABLE: Wanted = { requests: [], state: null };

/** What a reply asks for; undefined if it asks for nothing. */
function inputWantedBy({ line, value: { result } }: Message): Wanted | undefined {
  if (!isJsonObject(result) || result.resultType !== "input_required") return undefined;
  const { inputRequests, requestState = null } = result;
  const isOnlyState = inputRequests === undefined && typeof requestState === "string";
  if (!isJsonObject(inputRequests) && !isOnlyState) return UNREADABLE;
  const asked = isJsonObject(inputRequests) ? findMember(line, "inputRequests", findMember(line, "result")) : undefined;
  const requests = new Map<string, ServerQuestion>();
  for (const { name, value } of asked === undefined ? [] : membersOf(line, asked)) {
    const request = inputRequests![name];
    if (!isJsonObject(request) || typeof request.method !== "string") return UNREADABLE;
    const span = isJsonObject(request.params) ? findMember(line, "params", value) : undefined;
    requests.set(name, {
      method: request.method,
      params: isJsonObject(request.params) ? request.params : {},
      written: span === undefined ? NO_PARAMS : line.slice(span.start, span.end),
    });
  }
  return { requests: [...requests], state: requestState };
}

/**
 * Clients with sessions know results of one type only: without its name any other would pass for an empty one.
 * @throws SignetError `upstream_invalid`
 */
function assertComplete({ value: { result } }: Message): void {
  const { resultType = "complete" } = isJsonObject(result) ? result : {};
  if (resultType === "complete") return;
  const type = typeof resultType === "string" ? resultType.slice(0, 40) : typeof resultType;
  throw giveUp(`the MCP server's result is of a type that clients with sessions do not know (${type})`);
}

function isHeaderMismatch({ value: { error } }: Message): boolean {
  return isJsonObject(error) && error.code === HEADER_MISMATCH;
}

function forLegacy(reply: Message, method: string): Message {
  return { value: reply.value, line: answerForLegacy(reply.line, method) };
}

function giveUp(why: string): SignetError {
  return new SignetError("upstream_invalid", { publicMessage: `Bad gateway: ${why}` });
}

/** What a request is lost by. */
export function lossOf(error: unknown): Loss {
  if (error instanceof SignetError) return { reason: error.message, refusal: error };
  return { reason: "Bad gateway: the MCP server cannot be reached" };
}
