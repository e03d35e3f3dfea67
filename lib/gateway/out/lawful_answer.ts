// An answer without what its caller may not see: entries of lists that the rules do not show, wherever in the answer a list
// stands and whatever was asked, because real servers answer on whichever stream they please (docs/behaviour.md G4). An
// answer that holds no list costs a look. What is seen of tools on the way is kept for calls that are judged by it.
import { SignetError } from "../../errors.ts";
import type { Charge } from "../../http1/byte_account.ts";
import { OtherAnswer } from "../../http1/other_answer.ts";
import { type BodyReader, CHUNKED, type ClientResponse, HttpError } from "../../http1/types.ts";
import { gatherBody } from "../../http1/wire/bodies/gather_body.ts";
import { contentCoding } from "../../http1/wire/fields/content_coding.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { type Bytes, inspectBytes, ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { EventTooLong, SseFilter } from "../../mcp/events/sse_filter.ts";
import { EntryTooLong, type Keep, ListFilter, type ListMember } from "../../mcp/lists/list_filter.ts";
import { mayHoldList } from "../../mcp/lists/list_marks.ts";
import { methodNumber } from "../../mcp/messages/methods.ts";
import { parseObject } from "../../platform/json.ts";
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import { hintsOf } from "../../policy/hints.ts";
import { LISTED } from "../../policy/subject.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { withoutCoding } from "./uncoded.ts";

/** Of one event. */
const MOST_BYTES = 8 * 1024 * 1024;

const TOOLS_LIST = methodNumber("tools/list");

const decoder = new TextDecoder();

/** An answer, and its body where that is here whole and has been taken. */
export interface Lawful {
  readonly response: ClientResponse;
  readonly whole: Bytes | undefined;
}

/** @throws SignetError `upstream_invalid` for what cannot be read, with the answer released */
export function lawfulAnswer(parts: GatewayParts, inbound: Inbound, response: ClientResponse): Lawful {
  const isCoded = contentCoding(response.head.fields) !== undefined;
  const whole = isCoded ? undefined : response.body.takeBuffered();
  if (whole !== undefined && !inspectBytes(whole, looksLikeList, undefined)) return { response, whole };
  const keep = keeping(parts, inbound);
  const plain = isCoded ? withoutCoding(response) : response;
  const isStream = isEventStream(plain.head.fields);
  if (whole === undefined) return { response: inPieces(parts, plain, isStream ? inEvents(keep) : inJson(keep)), whole };
  const filter = isStream ? inEvents(keep) : inJson(keep);
  const filtered = bounded(() => joinBytes([filter.push(ownBytes(whole)), filter.end()]));
  return { response: new OtherAnswer(response, { bodyLength: filtered.length }), whole: filtered };
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

/** What the rules of the moment say of each entry. */
function keeping({ law, now }: GatewayParts, inbound: Inbound): Keep {
  return (list: ListMember, entry: Uint8Array) => {
    const { policy } = law;
    if (policy === undefined) return true;
    const principal = inbound.provenAs?.principal;
    if (principal === undefined) return false;
    const { kind, key, method } = LISTED.get(list)!;
    const value = parseObject(decoder.decode(entry));
    const name = value?.[key];
    const isShown = typeof name === "string" && name.isWellFormed() &&
      policy.shows(principal, { kind, name, method }, kind === "tool" ? hintsOf(value?.annotations) : undefined);
    if (!isShown) law.hidden.inc();
    // Of the answer to a list alone: in any other, one of several servers could speak of another's tools.
    const isList = inbound.methodRow === TOOLS_LIST && inbound.listsOf !== undefined;
    if (isList && kind === "tool" && typeof name === "string" && policy.reads.hints) {
      law.hints.learn(inbound.listsOf!, name, { hints: hintsOf(value?.annotations), atMs: now() });
    }
    return isShown;
  };
}

interface Filtering {
  push(piece: Uint8Array): Uint8Array;
  end(): Uint8Array;
  /** Bytes that it holds. */
  readonly held: number;
}

const NOTHING = new Uint8Array(0);

function inJson(keep: Keep): Filtering {
  const filter = new ListFilter(keep);
  return { push: (piece) => filter.push(piece), end: () => NOTHING, held: 0 };
}

function inEvents(keep: Keep): Filtering {
  return new SseFilter({
    concerns: mayHoldList,
    exchange: (data) => {
      const list = new ListFilter(keep);
      const filtered = list.push(data);
      return list.changed ? filtered : undefined;
    },
    mostBytes: MOST_BYTES,
  });
}

function inPieces({ account }: GatewayParts, response: ClientResponse, filter: Filtering): ClientResponse {
  const charge = account.open();
  const body = new FilteredBody(response.body, { filter, charge });
  return new OtherAnswer(response, { body, bodyLength: CHUNKED, onRelease: () => charge.release() });
}

class FilteredBody implements BodyReader {
  readonly length = CHUNKED;
  readonly #plain: BodyReader;
  readonly #filter: Filtering;
  /** For what the filter holds. */
  readonly #charge: Charge;
  #ended = false;

  constructor(plain: BodyReader, { filter, charge }: { readonly filter: Filtering; readonly charge: Charge }) {
    this.#plain = plain;
    this.#filter = filter;
    this.#charge = charge;
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
      if (!this.#charge.resize(this.#filter.held)) {
        throw new HttpError("no_room", "reading an answer: found no room to hold an event until it is whole");
      }
      if (out.length > 0) return out;
    }
    return null;
  }

  readAll(maxBytes: number): Promise<Uint8Array> {
    return gatherBody(this, maxBytes);
  }
}
