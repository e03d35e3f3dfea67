// Reads JSON-RPC 2.0 as MCP narrows it: bytes to one classified message or a batch. One rule for a body, whichever lane it
// takes and whether its session is warm or cold (P5): `shapeOf`.
// Guarantees that what is accepted is JSON and one thing only: a request, a notification or a response, with a typed id;
// that reading it takes time linear in its bytes; and that nothing of it is parsed that Signet does not need.
import { isUtf8 } from "node:buffer";
import { SignetError } from "../../errors.ts";
import { LongTask } from "../../platform/time/long_task.ts";
import { JsonScanner, MAX_BATCH, type ScanLimits } from "../scan/json_scan.ts";
import { ERROR, META, PARAMS, REF, RESULT, slotOf, SLOTS, slotsIn } from "../scan/message_members.ts";
import type { Params, Parsed, RpcError, RpcId, RpcMessage, RpcResponse } from "./json_rpc.ts";
import {
  firstByte,
  has,
  ID,
  idOf,
  invalid,
  isText,
  METHOD,
  PARAMS_MEMBER,
  RESULT_MEMBER,
  type Scanned,
  shapeOf,
  valueOf,
} from "./message_shape.ts";
import { noteSubject, type Subject } from "./message_subject.ts";
import { methodNumberAt, RESPONSE } from "./methods.ts";

const encoder = new TextEncoder();

const OPEN_OBJECT = 0x7b, QUOTE = 0x22;

type Slots = ReturnType<typeof slotsIn>;
const META_SLOT = slotOf(PARAMS, "_meta"), REF_SLOT = slotOf(PARAMS, "ref");
/** Of any length, and nobody's here: that they stand there once is all that is asked of them. */
const ARGUMENTS_SLOT = slotOf(PARAMS, "arguments");
const PARAM_SLOTS: Slots = slotsIn(PARAMS).filter(([slot]) =>
  slot !== META_SLOT && slot !== REF_SLOT && slot !== ARGUMENTS_SLOT
);
const TRACEPARENT_SLOT = slotOf(META, "traceparent");
/** Of a context only who traces makes something, by `readPlain` or from the text. */
const META_SLOTS: Slots = slotsIn(META).filter(([slot]) => slot !== TRACEPARENT_SLOT);
const ENVELOPE_SLOT = slotOf(META, "io.modelcontextprotocol/protocolVersion");
const REF_SLOTS = slotsIn(REF), RESULT_SLOTS = slotsIn(RESULT), ERROR_SLOTS = slotsIn(ERROR);

const INITIALIZE = encoder.encode('"initialize"');

/** The members of a scope that are there, and mean something to this method. */
function membersOf(scanned: Scanned, slots: Slots, method?: string): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const [slot, name] of slots) {
    const { only } = SLOTS[slot]!;
    if (has(scanned, slot) && (only === undefined || only === method)) members[name] = valueOf(scanned, slot);
  }
  return members;
}

function paramsOf(scanned: Scanned, method: string): Params | undefined {
  if (!has(scanned, PARAMS_MEMBER) || firstByte(scanned, PARAMS_MEMBER) !== OPEN_OBJECT) return undefined;
  const params = membersOf(scanned, PARAM_SLOTS, method);
  const opens = (slot: number) => has(scanned, slot) && firstByte(scanned, slot) === OPEN_OBJECT;
  if (opens(META_SLOT)) params._meta = membersOf(scanned, META_SLOTS);
  if (method === "completion/complete" && opens(REF_SLOT)) params.ref = membersOf(scanned, REF_SLOTS, method);
  return params;
}

function responseOf(scanned: Scanned): RpcResponse {
  const id = has(scanned, ID) ? idOf(scanned) ?? null : null;
  if (has(scanned, RESULT_MEMBER)) {
    return { kind: "response", id, result: membersOf(scanned, RESULT_SLOTS), error: undefined };
  }
  return { kind: "response", id, result: undefined, error: membersOf(scanned, ERROR_SLOTS) as unknown as RpcError };
}

/** @throws SignetError `invalid_request` */
function messageOf(scanned: Scanned): RpcMessage {
  const shape = shapeOf(scanned);
  if (shape instanceof SignetError) throw shape;
  if (shape === "response") return responseOf(scanned);
  const method = valueOf(scanned, METHOD) as string;
  const params = paramsOf(scanned, method);
  return shape === "notification"
    ? { kind: "notification", method, params }
    : { kind: "request", id: idOf(scanned)!, method, params };
}

/** What a text is refused for as a whole, once it has been scanned. */
function faultOf({ bytes, scan }: Scanned, { maxDepth }: ScanLimits): SignetError | undefined {
  switch (scan.fault) {
    case "depth":
      return new SignetError("invalid_request", {
        publicMessage: `Invalid request: JSON is nested deeper than ${maxDepth}`,
        facts: { maxDepth },
      });
    case "name":
      return new SignetError("invalid_request", {
        publicMessage: "Invalid request: a member name stands twice in one object, or in another case",
        remedy: "Send each member of an object once, spelt as MCP spells it.",
      });
    case "batch":
      return invalid(`a batch has more than ${MAX_BATCH} messages`);
    case undefined:
      if (!scan.beyondAscii || isUtf8(bytes)) return undefined;
  }
  return new SignetError("parse_error", { facts: { bytes: bytes.length, kind: scan.fault ?? "not UTF-8" } });
}

/** One whose tables are at hand; undefined while it is in use. */
let idleScanner: JsonScanner | undefined = new JsonScanner();

/** Reads one body: scanned in one go or in several, then judged. `release` it in the end. */
class MessageReading {
  readonly #scanned: Scanned;
  readonly #limits: ScanLimits;
  readonly #messages: RpcMessage[] = [];
  #refusal: unknown;

  constructor(bytes: Uint8Array, limits: ScanLimits) {
    const scan = idleScanner ?? new JsonScanner();
    idleScanner = undefined;
    this.#scanned = { bytes, scan, length: bytes.length };
    this.#limits = limits;
    scan.onMessage = () => this.#keep();
    scan.begin(bytes, limits);
  }

  /** Whether it is done after `budget` more bytes. */
  run(budget: number): boolean {
    return this.#scanned.scan.run(budget);
  }

  /** @throws SignetError `parse_error`, `invalid_request` */
  end(): Parsed {
    const { scan } = this.#scanned;
    const fault = faultOf(this.#scanned, this.#limits);
    if (fault !== undefined) throw fault;
    if (!scan.isBatch) return messageOf(this.#scanned);
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#messages.length === 0) throw invalid("a batch must not be empty");
    return { kind: "batch", messages: this.#messages };
  }

  release(): void {
    this.#scanned.scan.release();
    idleScanner = this.#scanned.scan;
  }

  /** Of a batch, the element that has just been scanned. That it is no JSON further on would be the worse fault. */
  #keep(): void {
    if (this.#refusal !== undefined) return;
    try {
      this.#messages.push(messageOf(this.#scanned));
    } catch (refusal) {
      this.#refusal = refusal;
    }
  }
}

/**
 * Reads and classifies a body, at once.
 * @throws SignetError `parse_error` (not UTF-8, not JSON) or `invalid_request` (not JSON-RPC 2.0 as MCP narrows it,
 * nested too deep, with an ambiguous member name, or with more of something than is read of it)
 */
export function parseMessage(bytes: Uint8Array, limits: ScanLimits): Parsed {
  const reading = new MessageReading(bytes, limits);
  try {
    reading.run(Infinity);
    return reading.end();
  } finally {
    reading.release();
  }
}

/** Read as one piece: a millisecond or two, whatever stands in it. */
export const TURN_BYTES = 256 * 1024;

/** The same for a body that may be long: others have their turn meanwhile. */
export async function parseMessageInTurns(bytes: Uint8Array, limits: ScanLimits): Promise<Parsed> {
  const reading = new MessageReading(bytes, limits);
  const task = new LongTask();
  try {
    while (!reading.run(TURN_BYTES)) await task.turn();
    return reading.end();
  } finally {
    reading.release();
  }
}

/** A message that needs nothing but to be passed on. To be looked at before the next one is read, and not kept. */
export interface PlainMessage {
  /** Null if it has none. */
  readonly id: RpcId | null;
  /** The row that it is counted in, of `METHODS`. */
  readonly method: number;
  /** Of `params._meta`, where it was asked for; empty where one stands there that cannot be one. */
  readonly traceparent: string | undefined;
}

const NOTHING: Uint8Array = new Uint8Array(0);
/** Reused, as what is found is read in the turn in which it was looked for: each would be one more object a call. */
const plainScan = new JsonScanner();
const plainText = { bytes: NOTHING, scan: plainScan, length: 0 };
const plainMessage: { -readonly [Member in keyof PlainMessage]: PlainMessage[Member] } = {
  id: null,
  method: RESPONSE,
  traceparent: undefined,
};

/** How a body is read, and what is told of it where somebody observes. */
export interface PlainReading extends ScanLimits {
  readonly subject?: Subject | undefined;
  /** Whether the context of a trace is looked for. */
  readonly traced?: boolean;
}

/**
 * Reads a body of a known session only as far as is needed to pass it on: undefined if it is refused, a batch, the
 * handshake, or a stateless message, which is none of a session's. Makes no objects of what stands in it.
 * @param from where in `bytes` the body stands, up to `to`
 */
export function readPlain(
  bytes: Uint8Array,
  limits: PlainReading,
  from = 0,
  to: number = bytes.length,
): PlainMessage | undefined {
  const scan = plainScan.begin(bytes, limits, from, to);
  scan.run(Infinity);
  try {
    if (scan.fault !== undefined || scan.isBatch || (scan.beyondAscii && !isUtf8(bytes.subarray(from, to)))) {
      return undefined;
    }
    const scanned = plainText;
    scanned.bytes = bytes;
    scanned.length = to - from;
    const shape = shapeOf(scanned);
    if (shape instanceof SignetError) return undefined;
    if (shape !== "response" && (has(scanned, ENVELOPE_SLOT) || isText(scanned, METHOD, INITIALIZE))) return undefined;
    if (limits.subject !== undefined && shape !== "response") noteSubject(scanned, limits.subject);
    plainMessage.id = shape === "request" ? idOf(scanned)! : null;
    plainMessage.method = shape === "response"
      ? RESPONSE
      : methodNumberAt(bytes, scan.starts[METHOD]!, scan.ends[METHOD]!);
    plainMessage.traceparent = limits.traced === true ? traceparentOf(scanned) : undefined;
    return plainMessage;
  } finally {
    scan.release();
    plainText.bytes = NOTHING;
  }
}

/** With its quotes, and room for those that later versions may be longer by. */
const MAX_TRACEPARENT_BYTES = 128;

function traceparentOf(scanned: Scanned): string | undefined {
  if (!has(scanned, TRACEPARENT_SLOT)) return undefined;
  if (firstByte(scanned, TRACEPARENT_SLOT) !== QUOTE) return "";
  const { scan } = scanned;
  if (scan.ends[TRACEPARENT_SLOT]! - scan.starts[TRACEPARENT_SLOT]! > MAX_TRACEPARENT_BYTES) return "";
  return valueOf(scanned, TRACEPARENT_SLOT) as string;
}
