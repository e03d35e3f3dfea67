// An answer in another's place: with another body, another head, or more that ends with it. Whatever else the one before can
// do, this does: it ends that one's exchange, says why that one refuses, and keeps its head no longer than it does.
import type { BodyReader, ClientResponse, ResponseHead } from "./types.ts";
import { OF_THE_BYTES } from "./wire/fields/fields.ts";

export interface OtherParts {
  /** Default: the same. */
  readonly body?: BodyReader;
  /** What the body is long, where the head says something else: see {@link ResponseHead.bodyLength}. Default: the same head. */
  readonly bodyLength?: number;
  /** Called with each release, before the exchange ends. */
  readonly onRelease?: () => void;
}

export class OtherAnswer implements ClientResponse {
  head: ResponseHead;
  readonly body: BodyReader;
  readonly #before: ClientResponse;
  readonly #onRelease: (() => void) | undefined;

  constructor(before: ClientResponse, { body = before.body, bodyLength, onRelease }: OtherParts) {
    this.head = bodyLength === undefined ? before.head : headOfOther(before.head, bodyLength);
    this.body = body;
    this.#before = before;
    this.#onRelease = onRelease;
  }

  get refusal(): ClientResponse["refusal"] {
    return this.#before.refusal;
  }

  release(): void {
    this.#onRelease?.();
    this.#before.release();
  }

  forgetHead(): void {
    this.#before.forgetHead?.();
    this.head = this.#before.head;
  }
}

/** What is said of the bytes as they came; their length the engine says. */
const OF_THE_BODY: ReadonlySet<string> = new Set(["content-encoding", ...OF_THE_BYTES]);

/** What a head says of its body's bytes is not true of another; of one that says nothing of them all is, what is noted, too. */
function headOfOther(head: ResponseHead, bodyLength: number): ResponseHead {
  const { fields } = head;
  for (let at = 0; at < fields.length; at += 2) {
    if (!OF_THE_BODY.has(fields[at]!)) continue;
    const left = fields.filter((_, at, all) => !OF_THE_BODY.has(all[at - at % 2]!));
    return withOther(head, { fields: left, notes: undefined, bodyLength });
  }
  return withOther(head, { fields, notes: head.notes, bodyLength });
}

/** Spelt out: a copy by `...` was a sixtieth of what a call takes whose answer is sealed. */
function withOther(
  { status, reason, minorVersion, changing, keepAlive, keepAliveSeconds }: ResponseHead,
  { fields, notes, bodyLength }: Pick<ResponseHead, "fields" | "notes" | "bodyLength">,
): ResponseHead {
  return { status, reason, minorVersion, fields, changing, bodyLength, keepAlive, keepAliveSeconds, notes };
}
