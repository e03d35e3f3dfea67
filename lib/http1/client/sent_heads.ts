// Request heads that have been sent before, in bytes: most requests of a session differ in their body only.
// What is sent is what `formatRequestHead` made of the very same method, target and fields. Bounded.
import type { ClientRequestHead, Fields, MadeHead, ReadyHead } from "../types.ts";
import { formatRequestHead, requireSendable } from "../wire/heads/head_format.ts";
import { keepLatin1 } from "../wire/latin1.ts";
import { type Head, readyHead, withFields } from "../wire/ready_head.ts";

interface SentHead {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly ready: ReadyHead;
}

/** Heads kept in each of two generations, in number and in bytes. */
const KEPT = 256;
const KEPT_BYTES = 256 * 1024;
/** A head whose longest value is shorter than this is formatted about as fast as it is found. */
const WORTHWHILE = 64;

export class SentHeads {
  /** By longest value: a token or an id, which tells heads apart best, and whose hash V8 remembers. */
  #young = new Map<string, SentHead>();
  #old = new Map<string, SentHead>();
  #youngBytes = 0;

  /**
   * As {@link formatRequestHead}, or ready to be written with the length of its body.
   * @throws TypeError if the request cannot be sent as it is
   */
  format(request: ClientRequestHead, bodyLength: number | undefined): Head {
    const { added } = request;
    const head = this.#format(request, bodyLength);
    return added === undefined ? head : addTo(head, request, { added, bodyLength });
  }

  /** But for what is added. */
  #format(request: ClientRequestHead, bodyLength: number | undefined): Head {
    const { method, target, fields, changing } = request;
    const made = placeOf(request);
    if (changing !== undefined && changing.length > 0) {
      const last = made?.last;
      return last?.ready !== undefined && last.changing === changing && bodyLength !== undefined && bodyLength >= 0
        ? last.ready
        : formatChanging(request, made, { changing, bodyLength });
    }
    if (made?.ready !== undefined && bodyLength !== undefined && bodyLength >= 0) return made.ready;
    const key = longestValue(fields);
    if (key.length < WORTHWHILE || bodyLength === undefined || bodyLength < 0) {
      return formatRequestHead(method, target, fields, bodyLength);
    }
    const young = this.#young.get(key);
    const known = young ?? this.#old.get(key);
    if (known !== undefined && isSame(known, method, target, fields)) {
      if (young === undefined) this.#keep(key, known);
      if (made !== undefined) made.ready = known.ready;
      return known.ready;
    }
    const whole = formatRequestHead(method, target, fields, undefined);
    const ready = readyHead(whole.slice(0, -2));
    this.#keep(key, { method, target, fields: fields.slice(), ready });
    if (made !== undefined) made.ready = ready;
    return ready;
  }

  #keep(key: string, head: SentHead): void {
    // Itself, and the fields as they came.
    const bytes = 2 * head.ready.bytes.length;
    if (this.#young.size >= KEPT || this.#youngBytes + bytes > KEPT_BYTES) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#youngBytes += bytes;
    this.#young.set(key, head);
  }
}

/**
 * Where its head is kept; undefined if that is another's place: a request that is sent on to where a redirect leads has
 * it, too.
 */
function placeOf({ method, target, fields, made }: ClientRequestHead): MadeHead | undefined {
  if (made === undefined) return undefined;
  const of = made.of ??= { method, target, fields };
  return of.fields === fields && of.target === target && of.method === method ? made : undefined;
}

/**
 * What changes stands behind the other fields; these are made once for whoever has a place for them, and with them those
 * of the changing ones that say what they said the time before.
 */
function formatChanging(
  request: ClientRequestHead,
  made: MadeHead | undefined,
  { changing, bodyLength }: { readonly changing: Fields; readonly bodyLength: number | undefined },
): Head {
  const { method, target, fields } = request;
  if (made === undefined || bodyLength === undefined || bodyLength < 0) {
    return formatRequestHead(method, target, [...fields, ...changing], bodyLength);
  }
  const { last } = made;
  const same = last === undefined ? 0 : countSame(last.changing, changing);
  if (last === undefined || same === 0) {
    made.last = { changing, same, stem: undefined, ready: undefined };
    made.stem ??= keepLatin1(stemOf(request, []));
    requireSendable(changing);
    return { bytes: made.stem, fields: changing };
  }
  if (last.same !== same || (last.ready === undefined && last.stem === undefined)) {
    const stem = stemOf(request, changing.slice(0, same));
    const isAll = same === changing.length;
    last.ready = isAll ? readyHead(stem) : undefined;
    last.stem = isAll ? undefined : keepLatin1(stem);
    last.same = same;
    last.changing = changing;
  }
  if (last.ready !== undefined) return last.ready;
  const others = changing.slice(same);
  requireSendable(others);
  return { bytes: last.stem!, fields: others };
}

function addTo(
  head: Head,
  { method, target, fields, changing = [] }: ClientRequestHead,
  { added, bodyLength }: { readonly added: Fields; readonly bodyLength: number | undefined },
): Head {
  if (typeof head === "string") {
    return formatRequestHead(method, target, [...fields, ...changing, ...added], bodyLength);
  }
  requireSendable(added);
  return withFields(head, added);
}

/** A head up to where further fields go. */
function stemOf({ method, target, fields }: ClientRequestHead, more: Fields): string {
  return formatRequestHead(method, target, [...fields, ...more], undefined).slice(0, -2);
}

/** How many texts of the first fields are the same, if the lists are of one length. */
function countSame(one: Fields, other: Fields): number {
  if (one.length !== other.length) return 0;
  let same = 0;
  while (same < one.length && one[same] === other[same] && one[same + 1] === other[same + 1]) same += 2;
  return same;
}

function longestValue(fields: Fields): string {
  let longest = "";
  for (let i = 1; i < fields.length; i += 2) {
    if (fields[i]!.length > longest.length) longest = fields[i]!;
  }
  return longest;
}

function isSame(known: SentHead, method: string, target: string, fields: Fields): boolean {
  if (known.method !== method || known.target !== target || known.fields.length !== fields.length) return false;
  for (let i = 0; i < fields.length; i++) {
    if (known.fields[i] !== fields[i]) return false;
  }
  return true;
}
