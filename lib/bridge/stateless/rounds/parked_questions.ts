// What a server of the sessions' era wants to know from a stateless client in mid-call, and how the client is asked: by the
// result of its request, which it makes again with the answers (MCP 2026-07-28, multi-round-trip requests). The call waits
// at its server meanwhile; each round is answered once (docs/behaviour.md S4).
import { Buffer } from "node:buffer";
import { findMember, membersOf, textAt } from "../../../mcp/json/json_text.ts";
import { isObjectAt } from "../../../mcp/messages/json_places.ts";
import type { RpcId } from "../../../mcp/messages/json_rpc.ts";
import { INTERNAL_ERROR } from "../../../mcp/messages/rpc_codes.ts";
import { isJsonObject, type JsonObject } from "../../../platform/json.ts";
import { idIn } from "../../peer/message_ids.ts";
import { type Message, NO_CARRIER, type Peer } from "../../peer/peer.ts";
import { answersGivenIn, marksOf, questionDigest } from "./kept_answers.ts";

/** Methods whose calls may ask. */
const ASKABLE: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);
/** What may be asked, and the capability of the client that says so. */
const QUESTIONS: ReadonlyMap<unknown, string> = new Map([
  ["elicitation/create", "elicitation"],
  ["sampling/createMessage", "sampling"],
  ["roots/list", "roots"],
]);
/** Members of a question that mean nothing in this era. */
const LEFT_OUT: ReadonlySet<string> = new Set(["_meta", "task", "elicitationId"]);
/** Of one call at a time, and of each in bytes. */
const MAX_OPEN = 16, MAX_QUESTION_BYTES = 256 * 1024;
const STATE =
  /^park\.([0-9a-f]{32})\.(\d{1,6})\.([0-9a-f]{16})\.((?:[A-Za-z0-9_-]{32}){0,16})(?:\.([A-Za-z0-9_-]{1,400}))?$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function mayAsk(method: string): boolean {
  return ASKABLE.has(method);
}

/** Whether a client with these capabilities can be asked this. */
export function canAnswer({ value }: Message, capabilities: JsonObject): boolean {
  const name = QUESTIONS.get(value.method);
  const capability = name === undefined ? undefined : capabilities[name];
  if (!isJsonObject(capability)) return false;
  if (name !== "elicitation") return true;
  const mode = isJsonObject(value.params) ? value.params.mode ?? "form" : "form";
  // No list of one is a mode, nor what every object has.
  if (typeof mode !== "string") return false;
  if (Object.hasOwn(capability, mode) && isJsonObject(capability[mode])) return true;
  // One that names no mode can do what was once all there is.
  return mode === "form" && !isJsonObject(capability.url);
}

/** Which park a state of ours leads to, and which round of it. */
export interface Parked {
  readonly id: string;
  readonly round: number;
  /** The process where it waits, or waited: `LostParks.process`. */
  readonly process: string;
  /** What it asks, as `marksOf` says it. */
  readonly marks: string;
  /** The replica where it waits; undefined where there are no others, or it has no name. */
  readonly home: string | undefined;
}

/** Undefined where a request brings no state; null for one that is none of ours. */
export function parkedIn(text: Uint8Array): Parked | null | undefined {
  const params = findMember(text, "params");
  const span = params === undefined ? undefined : findMember(text, "requestState", params);
  if (span === undefined || text[span.start] === 0x6e) return undefined;
  const [, id, round, process = "", marks = "", home] = STATE.exec(textAt(text, span).slice(1, -1)) ?? [];
  if (id === undefined) return null;
  const at = home === undefined ? undefined : Buffer.from(home, "base64url").toString();
  return { id, round: Number(round), process, marks, home: at };
}

interface Open {
  /** Who asks: one of several servers, where the call's own peer stands for all. */
  readonly peer: Peer;
  /** The server's id, as it wrote it. */
  readonly id: Uint8Array;
  readonly method: string;
  /** As the client gets it: a JSON text. */
  readonly asked: string;
  /** See `questionDigest`. */
  readonly digest: string;
}

/** Where a call waits: what its client brings back is to lead there. */
export interface ParkedAt {
  readonly process: string;
  /** This replica's address; undefined where there are no others, or it has no name. */
  readonly home: string | undefined;
}

export class ParkedQuestions {
  readonly id: string;
  readonly #open = new Map<string, Open>();
  #round = 0;
  #bytes = 0;

  /** @param id random hexadecimal digits: nobody can guess it */
  constructor(id: string) {
    this.id = id;
  }

  /** Questions without an answer. */
  get size(): number {
    return this.#open.size;
  }

  /** What they take, in UTF-16 units and bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get round(): number {
    return this.#round;
  }

  /** @returns false if there are too many, or it is too long */
  add({ line, value }: Message, peer: Peer): boolean {
    if (this.#open.size >= MAX_OPEN || line.length > MAX_QUESTION_BYTES) return false;
    const id = findMember(line, "id")!;
    const params = findMember(line, "params");
    const members = isObjectAt(line, params) ? membersOf(line, params) : [];
    const kept = members.filter(({ name }) => !LEFT_OUT.has(name)).map(({ whole }) => textAt(line, whole));
    const method = value.method as string;
    const key = keyOf(idIn({ line, value })!);
    this.#close(key);
    const open = {
      peer,
      id: line.slice(id.start, id.end),
      method,
      asked: `{"method":${JSON.stringify(method)},"params":{${kept.join(",")}}}`,
      digest: questionDigest({ line, value }),
    };
    this.#open.set(key, open);
    this.#bytes += sizeOf(open);
    return true;
  }

  /** The server has taken a question back. @returns whether it was one of these */
  withdraw(id: RpcId, peer: Peer): boolean {
    const key = keyOf(id);
    return this.#open.get(key)?.peer === peer && this.#close(key);
  }

  /** The members of a result that asks the client all that is open. */
  ask({ process, home }: ParkedAt): string {
    this.#round++;
    const marks = marksOf([...this.#open].map(([key, { digest }]) => [key, digest]));
    const at = `.${process}.${marks}${home === undefined ? "" : `.${Buffer.from(home).toString("base64url")}`}`;
    const requests = [...this.#open].map(([key, { asked }]) => `${JSON.stringify(key)}:${asked}`);
    return `"resultType":"input_required","inputRequests":{${requests.join(",")}},` +
      `"requestState":"park.${this.id}.${this.#round}${at}"`;
  }

  /** Gives the server the answers that a request brings; what it does not answer, or the server not take, stays open. */
  answer(text: Uint8Array): void {
    for (const { name, value } of answersGivenIn(text)) {
      const open = this.#open.get(name);
      if (open !== undefined && this.#reply(open, `"result":${textAt(text, value)}`)) this.#close(name);
    }
  }

  /** Nobody will answer any more. @returns false if the server does not take all of it now */
  giveUp(): boolean {
    for (const [key, open] of [...this.#open]) {
      if (!this.#reply(open, givenUp(open))) return false;
      this.#close(key);
    }
    return true;
  }

  #close(key: string): boolean {
    const open = this.#open.get(key);
    if (open !== undefined) this.#bytes -= sizeOf(open);
    return this.#open.delete(key);
  }

  #reply({ id, peer }: Open, body: string): boolean {
    return peer.send(encoder.encode(`{"jsonrpc":"2.0","id":${decoder.decode(id)},${body}}`), NO_CARRIER);
  }
}

function givenUp({ method }: Open): string {
  if (method === "elicitation/create") return '"result":{"action":"cancel"}';
  const code = method === "roots/list" ? INTERNAL_ERROR : -1;
  return `"error":{"code":${code},"message":"the client did not answer in time"}`;
}

function sizeOf({ id, asked }: Open): number {
  return id.length + asked.length;
}

/** Texts stay apart from numbers: no client sees what they were. A text that begins as those do has one sign more. */
function keyOf(id: RpcId): string {
  return typeof id === "string" && !id.startsWith("#") ? id : `#${id}`;
}
