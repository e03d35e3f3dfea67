// The head of the answer that was sent last, in bytes: an MCP server answers most calls with the same fields. What is sent
// is what `formatResponseHead` made of the very same status, reason and fields. One for a server, so it is bounded; and
// with it goes whoever has a place for it (`ResponseStart.made`).
import type { Fields, ReadyHead, ResponseStart } from "../types.ts";
import { formatResponseHead, type ResponseFraming } from "../wire/heads/head_format.ts";
import { type Head, readyHead } from "../wire/ready_head.ts";

interface SentAnswer {
  readonly status: number;
  readonly reason: string | undefined;
  readonly fields: Fields;
  /** Undefined until the same has been sent again. */
  ready: ReadyHead | undefined;
}

/** With more than this it costs more to compare than to format. */
const MOST_FIELDS = 32;
/** Longer ones are not kept. */
const MOST_BYTES = 4096;

export class SentAnswers {
  #last: SentAnswer | undefined;

  /**
   * As {@link formatResponseHead}, whose framing it is told apart: an object would be one more each answer. Or ready to be
   * written with the length of its body. @throws TypeError if it cannot be sent
   */
  format(start: ResponseStart, bodyLength: number | undefined, close: boolean, minorVersion: 0 | 1): Head {
    if (bodyLength === undefined || !(bodyLength > 0) || close || minorVersion === 0) {
      return formatResponseHead(start, { bodyLength, close, minorVersion });
    }
    return start.made?.ready ?? this.#formatKept(start, { bodyLength, close, minorVersion });
  }

  #formatKept(start: ResponseStart, framing: ResponseFraming): Head {
    const { made } = start;
    const last = this.#last;
    if (last === undefined || !isSame(last, start)) {
      const text = formatResponseHead(start, framing);
      this.#keep(start, text.length);
      return text;
    }
    last.ready ??= readyHead(formatResponseHead(start, { ...framing, bodyLength: undefined }).slice(0, -2));
    if (made !== undefined) made.ready = last.ready;
    return last.ready;
  }

  #keep({ status, reason, fields }: ResponseStart, length: number): void {
    const isWorthIt = length <= MOST_BYTES && fields.length <= MOST_FIELDS;
    this.#last = isWorthIt ? { status, reason, fields: fields.slice(), ready: undefined } : undefined;
  }
}

function isSame(last: SentAnswer, { status, reason, fields }: ResponseStart): boolean {
  if (last.status !== status || last.reason !== reason || last.fields.length !== fields.length) return false;
  for (let i = 0; i < fields.length; i++) if (last.fields[i] !== fields[i]) return false;
  return true;
}
