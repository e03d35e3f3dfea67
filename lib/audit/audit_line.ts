// What is told of an exchange or an event as one JSON object, short of its braces and its number: the chain adds those when
// it is written. No session id, credential or argument stands in it unless a setting asks for it (G3).
// Made by hand, as bytes: it is on the way of every call, and most of what it says was in the line before.
import { escapeUnsafe } from "../observe/escape.ts";
import type { Actor, BatchItem, ExchangeRecord } from "../observe/exchange_record.ts";
import type { LifeEvent } from "../observe/observers.ts";
import { redactPath, withoutPassword } from "../observe/redact.ts";
import type { WrittenBytes } from "../platform/memory/written_bytes.ts";

/** Longer texts are cut, in characters: a line is bounded whatever a client sends. */
const MAX_TEXT = 512;

/** `text` as JSON, cut where it is long; what could drive a terminal or end a line for some reader is escaped (P1). */
export function quoted(text: string): string {
  return escapeUnsafe(JSON.stringify(cut(text).toWellFormed()));
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

const encoder = new TextEncoder();
const ascii = (text: string) => encoder.encode(text);

/** A member whose texts come again and again: names of tools, user agents, sessions. Made once, as bytes. */
class Member {
  /** Of each, at most. */
  static readonly MOST = 1024;
  /** Longer ones are made anew, in characters. */
  static readonly LONGEST = 128;
  readonly #head: string;
  readonly #known = new Map<string, Uint8Array>();

  constructor(name: string) {
    this.#head = `,"${name}":`;
  }

  write(line: WrittenBytes, text: string): void {
    line.put(this.#known.get(text) ?? this.#make(text));
  }

  #make(text: string): Uint8Array {
    const bytes = ascii(this.#head + quoted(text));
    if (text.length > Member.LONGEST) return bytes;
    if (this.#known.size >= Member.MOST) this.#known.clear();
    this.#known.set(text, bytes);
    return bytes;
  }
}

const SESSION = new Member("session"), FROM = new Member("from"), USER_AGENT = new Member("agent");
const METHOD = new Member("method"), NAME = new Member("name"), UPSTREAM = new Member("upstream");
const MEMBER = new Member("member");

/** Principals are the same objects again and again; whoever holds them lets go of this, too. */
const actors = new WeakMap<Actor, Uint8Array>();

function actorJson({ source, issuer, subject, clientId, keyedName }: Actor): string {
  // Of these, a session token's subject is an agent's name.
  const name = source === "token" ? "agent" : "sub";
  const client = clientId === undefined ? "" : `,"client":${quoted(clientId)}`;
  return `{"by":${quoted(source)},"iss":${quoted(issuer)},"${name}":${quoted(keyedName ?? subject)}${client}}`;
}

function writeActor(line: WrittenBytes, actor: Actor): void {
  let bytes = actors.get(actor);
  if (bytes === undefined) actors.set(actor, bytes = ascii(`,"actor":${actorJson(actor)}`));
  line.put(bytes);
}

/** What an exchange is, and how it came out, in words of the log's own. */
export type ExchangeEvent = "tool.call" | "prompt.get" | "resource.read" | "stream.end" | "session.delete" | "request";
export type ExchangeOutcome = "refused" | "cut" | "tool_error" | "error" | "ok" | "answered";

/** Which event a call is, by its method: those that something is done with have a name of their own. */
const EVENT_OF: ReadonlyMap<string, ExchangeEvent> = new Map([
  ["tools/call", "tool.call"],
  ["prompts/get", "prompt.get"],
  ["resources/read", "resource.read"],
]);

/** How an exchange came out, in one word; the first that holds. */
function outcomeOf(record: ExchangeRecord): ExchangeOutcome {
  if (record.refusal !== undefined) return "refused";
  // A client ends a stream by leaving it.
  if (record.cutBy !== undefined && !(record.isStream && record.cutBy === "client")) return "cut";
  if (record.isError === true) return "tool_error";
  if (record.rpcCode !== undefined || record.status >= 400) return "error";
  return record.outcomeKnown || record.status === 202 || record.status === 204 || record.isStream ? "ok" : "answered";
}

/** Of the second that was written last; NaN before the first. */
let second = NaN;
let secondBytes = new Uint8Array(0);

/** The member that every line begins with. */
export function writeTime(line: WrittenBytes, atMs: number): void {
  const ofSecond = Math.floor(atMs / 1000);
  if (ofSecond !== second) {
    secondBytes = ascii(`"time":"${new Date(1000 * ofSecond).toISOString().slice(0, -"000Z".length)}`);
    second = ofSecond;
  }
  line.put(secondBytes);
  const ms = Math.floor(atMs - 1000 * ofSecond);
  const tens = (ms / 10) | 0, hundreds = (ms / 100) | 0;
  line.byte(ZERO + hundreds);
  line.byte(ZERO + tens - 10 * hundreds);
  line.byte(ZERO + ms - 10 * tens);
  line.put(BEHIND_TIME);
}

const ZERO = 0x30;
const BEHIND_TIME = ascii('Z",');
const STATUS = ascii(',"status":'), RPC = ascii(',"rpc":'), ID = ascii(',"id":');
const IN = ascii(',"in":'), OUT = ascii(',"out":'), MS = ascii(',"ms":');

/** Both are words of ours, and few. */
const beginnings = new Map<string, Map<string, Uint8Array>>();

function beginningOf(event: string, outcome: string): Uint8Array {
  let ofEvent = beginnings.get(event);
  if (ofEvent === undefined) beginnings.set(event, ofEvent = new Map());
  let bytes = ofEvent.get(outcome);
  if (bytes === undefined) ofEvent.set(outcome, bytes = ascii(`"event":"${event}","outcome":"${outcome}"`));
  return bytes;
}

interface About {
  readonly method: string | undefined;
  readonly name: string | undefined;
  readonly uri: string | undefined;
  readonly rpcId: BatchItem["rpcId"];
}

function writeTarget(line: WrittenBytes, { method, name, uri, rpcId }: About): void {
  // Those that have an event of their own are named by it.
  if (method !== undefined && !EVENT_OF.has(method)) METHOD.write(line, method);
  if (name !== undefined) NAME.write(line, name);
  if (uri !== undefined) line.text(`,"uri":${quoted(withoutPassword(uri))}`);
  if (rpcId === null) return;
  line.put(ID);
  if (typeof rpcId === "number") line.number(rpcId);
  else line.text(typeof rpcId === "string" ? escapeUnsafe(JSON.stringify(cut(rpcId))) : String(rpcId));
}

function eventOf({ httpMethod, isStream }: ExchangeRecord, method: string | undefined): ExchangeEvent {
  const known = method === undefined ? undefined : EVENT_OF.get(method);
  if (known !== undefined) return known;
  return isStream ? "stream.end" : httpMethod === "DELETE" ? "session.delete" : "request";
}

/** What one message of the exchange has of its own, and then all it has in common with the others of its batch. */
function writeLine(line: WrittenBytes, record: ExchangeRecord, about: About, batch = ""): void {
  const { actor, session, httpMethod, path } = record;
  writeTime(line, record.startedAtMs);
  line.put(beginningOf(eventOf(record, about.method), outcomeOf(record)));
  if (record.refusal !== undefined) line.text(`,"code":"${record.refusal}"`);
  if (record.rule !== undefined) line.text(`,"rule":${quoted(record.rule)}`);
  if (record.limit !== undefined) line.text(`,"limit":${quoted(record.limit)}`);
  if (record.cutBy !== undefined) line.text(`,"cut":"${record.cutBy}"`);
  if (actor !== undefined) writeActor(line, actor);
  if (session !== undefined) SESSION.write(line, session);
  FROM.write(line, record.from);
  if (record.userAgent !== undefined) USER_AGENT.write(line, record.userAgent);
  if (httpMethod !== undefined && httpMethod !== "POST") line.text(`,"http":${quoted(httpMethod)}`);
  if (record.lane === "none" && path !== undefined) line.text(`,"path":${quoted(redactPath(path))}`);
  writeTarget(line, about);
  if (batch !== "") line.text(batch);
  if (record.args !== undefined) line.text(`,"args":${record.args}`);
  writeOutcome(line, record);
}

function writeOutcome(line: WrittenBytes, record: ExchangeRecord): void {
  const { upstream, member, rpcCode, errorId, traceparent } = record;
  if (upstream !== undefined) UPSTREAM.write(line, upstream);
  if (member !== undefined) MEMBER.write(line, member);
  if (record.revived) line.text(',"revived":true');
  if (record.rerun) line.text(',"rerun":true');
  line.put(STATUS);
  line.number(record.status);
  if (rpcCode !== undefined) {
    line.put(RPC);
    line.number(rpcCode);
  }
  if (record.isError === true && record.refusal !== undefined) line.text(',"isError":true');
  line.put(IN);
  line.number(record.bytesIn);
  line.put(OUT);
  line.number(record.bytesOut);
  line.put(MS);
  line.hundredths(record.durationMs);
  if (errorId !== undefined) line.text(`,"error":"${errorId}"`);
  if (traceparent !== undefined) line.text(`,"trace":${quoted(traceparent)}`);
}

/** The line of an exchange that is no batch. */
export function writeExchange(line: WrittenBytes, record: ExchangeRecord): void {
  writeLine(line, record, record);
}

/** The lines of one that is, a message each, in their order; an array of what writes each. */
export function batchWriters(record: ExchangeRecord): ((line: WrittenBytes) => void)[] {
  const { batch = [] } = record;
  return batch.map((item, index) => (line) => writeLine(line, record, item, `,"batch":[${index + 1},${batch.length}]`));
}

export function writeEvent(into: WrittenBytes, event: LifeEvent): void {
  const { reason, actor, subject, session, from, what, token, agent, count, ok } = event;
  writeTime(into, event.atMs);
  into.put(beginningOf(event.event, ok === false ? "error" : "ok"));
  let line = "";
  if (reason !== undefined) line += `,"reason":${quoted(reason)}`;
  if (actor !== undefined) line += `,"actor":${actorJson(actor)}`;
  if (subject !== undefined) line += `,"subject":${actorJson(subject)}`;
  if (session !== undefined) line += `,"session":${quoted(session)}`;
  if (from !== undefined) line += `,"from":${quoted(from)}`;
  if (what !== undefined) line += `,"what":${quoted(what)}`;
  if (token !== undefined) line += `,"token":${quoted(token)}`;
  if (agent !== undefined) line += `,"for":${quoted(agent)}`;
  if (count !== undefined) line += `,"count":${count}`;
  into.text(line);
}
