// What is told of an exchange or an event as one JSON object, short of its braces and its number: the chain adds those when
// it is written. No session id, credential or argument stands in it unless a setting asks for it (G3).
// Made by hand: it is on the way of every call, and most of its texts were in the line before.
import type { Actor, BatchItem, ExchangeRecord } from "../observe/exchange_record.ts";
import type { LifeEvent } from "../observe/observers.ts";
import { redactPath } from "../observe/redact.ts";

/** Texts whose JSON is kept: names of tools, user agents, paths. */
const MAX_KEPT = 1024;
/** Longer texts are cut, in characters: a line is bounded whatever a client sends. */
const MAX_TEXT = 512;

const quotedTexts = new Map<string, string>();

/** `text` as JSON, cut where it is long. */
export function quoted(text: string): string {
  const known = quotedTexts.get(text);
  if (known !== undefined) return known;
  const json = JSON.stringify((text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`).toWellFormed());
  if (text.length > MAX_TEXT) return json;
  if (quotedTexts.size >= MAX_KEPT) quotedTexts.clear();
  quotedTexts.set(text, json);
  return json;
}

/** Principals are the same objects again and again; whoever holds them lets go of this, too. */
const actors = new WeakMap<Actor, string>();

function actorJson(actor: Actor): string {
  const known = actors.get(actor);
  if (known !== undefined) return known;
  const { source, issuer, subject, clientId } = actor;
  // Of these, a session token's subject is an agent's name.
  const name = source === "token" ? "agent" : "sub";
  const client = clientId === undefined ? "" : `,"client":${quoted(clientId)}`;
  const json = `{"by":${quoted(source)},"iss":${quoted(issuer)},"${name}":${quoted(subject)}${client}}`;
  actors.set(actor, json);
  return json;
}

/** Which event a call is, by its method: those that something is done with have a name of their own. */
const EVENT_OF: Readonly<Record<string, string>> = {
  "tools/call": "tool.call",
  "prompts/get": "prompt.get",
  "resources/read": "resource.read",
};

/** How an exchange came out, in one word; the first that holds. */
function outcomeOf(record: ExchangeRecord): string {
  if (record.refusal !== undefined) return "refused";
  // A client ends a stream by leaving it.
  if (record.cutBy !== undefined && !(record.isStream && record.cutBy === "client")) return "cut";
  if (record.isError === true) return "tool_error";
  if (record.rpcCode !== undefined || record.status >= 400) return "error";
  return record.outcomeKnown || record.status === 202 || record.status === 204 || record.isStream ? "ok" : "answered";
}

let lastMs = NaN;
let lastTime = "";

/** The member that every line begins with. */
export function timeMember(atMs: number): string {
  if (atMs !== lastMs) {
    lastMs = atMs;
    lastTime = `"time":"${new Date(atMs).toISOString()}",`;
  }
  return lastTime;
}

/** Milliseconds with two decimals, which is what a clock tells. */
function ms(value: number): string {
  return String(Math.round(value * 100) / 100);
}

interface About {
  readonly method: string | undefined;
  readonly name: string | undefined;
  readonly uri: string | undefined;
  readonly rpcId: BatchItem["rpcId"];
}

function targetJson({ method, name, uri, rpcId }: About): string {
  let json = "";
  // Those that have an event of their own are named by it.
  if (method !== undefined && EVENT_OF[method] === undefined) json += `,"method":${quoted(method)}`;
  if (name !== undefined) json += `,"name":${quoted(name)}`;
  if (uri !== undefined) json += `,"uri":${quoted(uri)}`;
  if (rpcId !== null) json += `,"id":${typeof rpcId === "string" ? JSON.stringify(cut(rpcId)) : String(rpcId)}`;
  return json;
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

function eventOf({ httpMethod, isStream }: ExchangeRecord, method: string | undefined): string {
  const known = method === undefined ? undefined : EVENT_OF[method];
  if (known !== undefined) return known;
  return isStream ? "stream.end" : httpMethod === "DELETE" ? "session.delete" : "request";
}

/** What one message of the exchange has of its own, and then all it has in common with the others of its batch. */
function lineFor(record: ExchangeRecord, about: About, batch = ""): string {
  const { refusal, session, actor, userAgent, upstream, member, httpMethod, path, lane } = record;
  let line = `${timeMember(record.startedAtMs)}"event":"${eventOf(record, about.method)}","outcome":"${
    outcomeOf(record)
  }"`;
  if (refusal !== undefined) line += `,"code":"${refusal}"`;
  if (record.rule !== undefined) line += `,"rule":${quoted(record.rule)}`;
  if (record.limit !== undefined) line += `,"limit":${quoted(record.limit)}`;
  if (record.cutBy !== undefined) line += `,"cut":"${record.cutBy}"`;
  if (actor !== undefined) line += `,"actor":${actorJson(actor)}`;
  if (session !== undefined) line += `,"session":${quoted(session)}`;
  line += `,"from":${quoted(record.from)}`;
  if (userAgent !== undefined) line += `,"agent":${quoted(userAgent)}`;
  if (httpMethod !== undefined && httpMethod !== "POST") line += `,"http":${quoted(httpMethod)}`;
  if (lane === "none" && path !== undefined) line += `,"path":${quoted(redactPath(path))}`;
  line += targetJson(about) + batch;
  if (record.args !== undefined) line += `,"args":${record.args}`;
  if (upstream !== undefined) line += `,"upstream":${quoted(upstream)}`;
  if (member !== undefined) line += `,"member":${quoted(member)}`;
  if (record.revived) line += `,"revived":true`;
  line += `,"status":${record.status}`;
  if (record.rpcCode !== undefined) line += `,"rpc":${record.rpcCode}`;
  if (record.isError === true && record.refusal !== undefined) line += ',"isError":true';
  line += `,"in":${record.bytesIn},"out":${record.bytesOut},"ms":${ms(record.durationMs)}`;
  if (record.errorId !== undefined) line += `,"error":"${record.errorId}"`;
  if (record.traceparent !== undefined) line += `,"trace":${quoted(record.traceparent)}`;
  return line;
}

/** One line an exchange; of a batch, one a message. */
export function exchangeLines(record: ExchangeRecord): readonly string[] {
  const { batch } = record;
  if (batch === undefined) return [lineFor(record, record)];
  return batch.map((item, index) => lineFor(record, item, `,"batch":[${index + 1},${batch.length}]`));
}

export function eventLine(event: LifeEvent): string {
  const { reason, actor, subject, session, from, what, token, agent, count, ok } = event;
  let line = `${timeMember(event.atMs)}"event":"${event.event}","outcome":"${ok === false ? "error" : "ok"}"`;
  if (reason !== undefined) line += `,"reason":${quoted(reason)}`;
  if (actor !== undefined) line += `,"actor":${actorJson(actor)}`;
  if (subject !== undefined) line += `,"subject":${actorJson(subject)}`;
  if (session !== undefined) line += `,"session":${quoted(session)}`;
  if (from !== undefined) line += `,"from":${quoted(from)}`;
  if (what !== undefined) line += `,"what":${quoted(what)}`;
  if (token !== undefined) line += `,"token":${quoted(token)}`;
  if (agent !== undefined) line += `,"for":${quoted(agent)}`;
  if (count !== undefined) line += `,"count":${count}`;
  return line;
}
