// An answer without what its caller may not see: entries of lists that the rules do not show, wherever in the answer a list
// stands and whatever was asked, because real servers answer on whichever stream they please (docs/behaviour.md G4). An
// answer that holds no list costs a look. What is seen of tools on the way is kept for calls that are judged by it.
import { SignetError } from "../../errors.ts";
import { type Bytes, inspectBytes, ownBytes } from "../../http1/wire/borrowed.ts";
import { BytesBody } from "../../http1/wire/bytes_body.ts";
import { isEventStream } from "../../http1/wire/media_type.ts";
import { type BodyReader, CHUNKED, type ClientResponse, HttpError } from "../../http1/types.ts";
import { GatheredBytes } from "../../mcp/gathered_bytes.ts";
import { isJsonObject } from "../../mcp/json_rpc.ts";
import { EntryTooLong, type Keep, ListFilter, type ListMember, mayHoldList } from "../../mcp/list_filter.ts";
import { EventTooLong, SseFilter } from "../../mcp/sse_filter.ts";
import { hintsOf } from "../../policy/hints.ts";
import { LISTED } from "../../policy/subject.ts";
import type { Caller } from "../../session/caller.ts";
import { decoded, DecodingError } from "../../upstream/http/decoded.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/** Of one event. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Fields that are about the bytes as they came. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  ...["content-length", "content-md5", "content-digest", "digest", "repr-digest", "etag"],
]);

const decoder = new TextDecoder();

/** @throws SignetError `upstream_invalid` for a content coding that is not known, with the answer released */
export function lawfulAnswer(parts: GatewayParts, inbound: Inbound, response: ClientResponse): ClientResponse {
  const caller = inbound.provenAs;
  if (parts.law.policy === undefined || caller === undefined) return response;
  const plain = withoutCoding(response);
  const isStream = isEventStream(plain.head.fields);
  const whole = isStream ? undefined : plain.body.takeBuffered();
  if (whole !== undefined && !inspectBytes(whole, looksLikeList, undefined)) {
    return { head: plain.head, body: new HereBody(whole), release: () => plain.release() };
  }
  const keep = keeping(parts, inbound, caller);
  if (isStream) return inEvents(parts, plain, keep);
  if (whole === undefined) return inPieces(plain, keep);
  const filtered = bounded(() => new ListFilter(keep).push(ownBytes(whole)));
  return withBody(plain, new BytesBody(filtered), filtered.length);
}

/** @throws SignetError `upstream_invalid` for an entry or an event that is longer than is held */
function bounded<T>(run: () => T): T {
  try {
    return run();
  } catch (fault) {
    if (!(fault instanceof EntryTooLong || fault instanceof EventTooLong)) throw fault;
    throw new SignetError("upstream_invalid", {
      facts: { attempted: "leave out of an answer what its caller may not see", found: fault.name },
      remedy: "Have the MCP server give shorter entries, or shorter lists in one event: page them.",
    });
  }
}

function looksLikeList(view: Uint8Array): boolean {
  return mayHoldList(view);
}

function withoutCoding(response: ClientResponse): ClientResponse {
  try {
    return decoded(response);
  } catch (error) {
    response.release();
    if (!(error instanceof DecodingError)) throw error;
    throw new SignetError("upstream_invalid", {
      facts: { attempted: "read an answer", found: error.message, wanted: "no content coding, as was asked for" },
      remedy: "Have the MCP server, or what stands before it, not compress answers.",
      cause: error,
    });
  }
}

/** What the rules of the moment say of each entry. */
function keeping({ law, now }: GatewayParts, inbound: Inbound, { principal }: Caller): Keep {
  return (list: ListMember, entry: Uint8Array) => {
    const { policy } = law;
    if (policy === undefined) return true;
    const { kind, key, method } = LISTED.get(list)!;
    const value = readEntry(entry);
    const name = value?.[key];
    const isShown = typeof name === "string" && name.isWellFormed() &&
      policy.shows(principal, { kind, name, method }, kind === "tool" ? hintsOf(value?.annotations) : undefined);
    if (!isShown) law.hidden.inc();
    if (kind === "tool" && typeof name === "string" && policy.reads.hints && inbound.listsOf !== undefined) {
      law.hints.learn(inbound.listsOf, name, { hints: hintsOf(value?.annotations), atMs: now() });
    }
    return isShown;
  };
}

function readEntry(entry: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(entry));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function withBody(response: ClientResponse, body: BodyReader, bodyLength: number): ClientResponse {
  const fields = response.head.fields.filter((_, at, all) => !OF_THE_BODY.has(all[at - at % 2]!));
  return { head: { ...response.head, fields, notes: undefined, bodyLength }, body, release: () => response.release() };
}

/** What was here already, and is as it was. */
class HereBody implements BodyReader {
  readonly length: number;
  #whole: Bytes | undefined;

  constructor(whole: Bytes) {
    this.length = whole.length;
    this.#whole = whole;
  }

  get done(): boolean {
    return this.#whole === undefined;
  }

  takeBuffered(): Bytes {
    const whole = this.#whole ?? new Uint8Array(0);
    this.#whole = undefined;
    return whole;
  }

  read(): Promise<Bytes | null> {
    return Promise.resolve(this.done ? null : this.takeBuffered());
  }

  readAll(): Promise<Uint8Array> {
    return Promise.resolve(ownBytes(this.takeBuffered()));
  }
}

function inPieces(response: ClientResponse, keep: Keep): ClientResponse {
  const filter = new ListFilter(keep);
  const body = new FilteredBody(response.body, {
    push: (piece) => filter.push(piece),
    end: () => new Uint8Array(0),
    isSettled: () => true,
  });
  return withBody(response, body, CHUNKED);
}

function inEvents(parts: GatewayParts, response: ClientResponse, keep: Keep): ClientResponse {
  const charge = parts.account.open();
  const filter = new SseFilter({
    concerns: mayHoldList,
    exchange: (data) => {
      const list = new ListFilter(keep);
      const filtered = list.push(data);
      return list.changed ? filtered : undefined;
    },
    mostBytes: MOST_BYTES,
  });
  const body = new FilteredBody(response.body, {
    push: (piece) => filter.push(piece),
    end: () => filter.end(),
    isSettled: () => charge.resize(filter.held),
  });
  const lawful = withBody(response, body, CHUNKED);
  return {
    ...lawful,
    release: () => {
      charge.release();
      response.release();
    },
  };
}

interface Filtering {
  push(piece: Uint8Array): Uint8Array;
  end(): Uint8Array;
  /** Whether there is room for what it holds. */
  isSettled(): boolean;
}

class FilteredBody implements BodyReader {
  readonly length = CHUNKED;
  readonly #plain: BodyReader;
  readonly #filter: Filtering;
  #ended = false;

  constructor(plain: BodyReader, filter: Filtering) {
    this.#plain = plain;
    this.#filter = filter;
  }

  get done(): boolean {
    return this.#ended;
  }

  takeBuffered(): Bytes | undefined {
    return this.#ended ? new Uint8Array(0) : undefined;
  }

  async read(): Promise<Bytes | null> {
    while (!this.#ended) {
      const piece = await this.#plain.read();
      if (piece === null) {
        this.#ended = true;
        const rest = bounded(() => this.#filter.end());
        return rest.length === 0 ? null : rest;
      }
      const out = bounded(() => this.#filter.push(ownBytes(piece)));
      if (!this.#filter.isSettled()) {
        throw new HttpError("no_room", "reading an answer: found no room to hold an event until it is whole");
      }
      if (out.length > 0) return out;
    }
    return null;
  }

  async readAll(maxBytes: number): Promise<Uint8Array> {
    const gathered = new GatheredBytes();
    for (let piece = await this.read(); piece !== null; piece = await this.read()) {
      if (gathered.size + piece.length > maxBytes) {
        throw new HttpError("body_too_large", `reading a body: found more than ${maxBytes} bytes, want at most that`);
      }
      gathered.add(ownBytes(piece));
    }
    return gathered.take();
  }
}
