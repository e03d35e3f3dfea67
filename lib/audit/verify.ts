// Whether an audit log is as it was written (G2): every line numbered, every batch under its MAC, every file going on where
// the one before it ended. Reads a file in pieces and holds one batch, whatever its size. What it cannot tell: whether the
// end was cut off at a batch, unless somebody has kept the head.
import { parseObject } from "../platform/json.ts";
import { GatheredBytes } from "../platform/memory/gathered_bytes.ts";
import { joinBytes } from "../platform/memory/join_bytes.ts";
import { AFTER_MAC, type ChainKey, MAC_AT_END, macOf } from "./chain.ts";

/** A batch is far smaller: beyond it nothing is held, and the log is called broken. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
/** Further ones are counted. */
const MAX_PROBLEMS = 50;
const LF = 0x0a;

export interface Problem {
  readonly file: string;
  /** First and last line concerned, from 1. */
  readonly from: number;
  readonly to: number;
  readonly found: string;
}

export interface Verdict {
  readonly lines: number;
  /** Number and MAC of the last line that is sealed; undefined if there is none. */
  readonly head: { readonly seq: number; readonly mac: string } | undefined;
  /** How the last file ends: `stop` and `rotate` say so themselves; `open` is being written, was killed, or was cut. */
  readonly end: "stop" | "rotate" | "open";
  /** Whether the first file goes on where an earlier one ended, which is not among these. */
  readonly continues: boolean;
  /** Lines that a full queue has lost, as the log itself tells. */
  readonly dropped: number;
  /** How often Signet was killed: what it had not written by then is missing. */
  readonly killed: number;
  /** Lines that had no MAC when Signet went on behind them: what was killed may have left them, or anybody put them there. */
  readonly unsealed: number;
  /** Files but for the first that begin a chain of their own: what stood before may be missing. */
  readonly anew: number;
  readonly problems: readonly Problem[];
  /** Of problems, those beyond what is listed. */
  readonly more: number;
}

/** A line, as far as the chain is concerned. */
interface Line {
  readonly v?: unknown;
  readonly seq?: unknown;
  readonly event?: unknown;
  readonly key?: unknown;
  readonly prev?: unknown;
  readonly dropped?: unknown;
  readonly killed?: unknown;
  readonly unsealed?: unknown;
  readonly torn?: unknown;
}

export class Verifier {
  readonly #keys: ReadonlyMap<string, ChainKey>;
  readonly #problems: Problem[] = [];
  #more = 0;
  #lines = 0;
  #dropped = 0;
  #killed = 0;
  #unsealed = 0;
  #anew = 0;
  #continues = false;
  #head: { seq: number; mac: string } | undefined;
  #end: Verdict["end"] = "open";
  #isFirstFile = true;
  /** The MACs that files before this one go on from, and their own first ones. */
  readonly #begun = new Set<string>();
  readonly #firsts = new Set<string>();
  // Of the file at hand.
  #file = "";
  #number = 0;
  /** Whether a batch of it is. */
  #isSealed = false;
  #rest: Uint8Array = new Uint8Array(0);
  // Of the batch at hand.
  /** As bytes: a line of a text that is no log may be one of them. */
  #batch = new GatheredBytes();
  #batchBytes = 0;
  #batchFrom = 1;
  #key: ChainKey | undefined;
  /** What this batch is sealed with from here on, and the next one, where they say so. */
  #nextKey: string | undefined;
  #after: string | undefined;
  /** Of this batch, as the last start in it says. */
  #unsealedOfBatch = 0;
  #prev = "";
  /** What the first line of a file goes on from, and of those before it that have no other, while there is no second one. */
  #from: string[] = [];
  #seq: number | undefined;
  /** The first of those at hand that are no lines: torn, if a start behind them says so. */
  #broken: number | undefined;

  /** @param keys those that may have sealed it, of the ring and of earlier ones */
  constructor(keys: readonly ChainKey[]) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
  }

  /** A file, after the one before it: rotated ones in the order in which they were written. */
  async read(name: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    this.#file = name;
    this.#number = 0;
    this.#isSealed = false;
    this.#batchFrom = 1;
    this.#batch = new GatheredBytes();
    this.#batchBytes = 0;
    this.#rest = new Uint8Array(0);
    this.#end = "open";
    for await (const piece of pieces) this.#take(piece);
    if (this.#rest.length > 0) {
      this.#number++;
      this.#lines++;
      this.#tell(this.#number, "the last line has no end: it is being written, was torn, or was cut");
    } else if (this.#broken === 1) this.#tell(1, "no line of it is one of an audit log");
    else if (this.#batchBytes > AFTER_MAC.length || this.#broken !== undefined) {
      this.#tell(this.#batchFrom, "the last lines have no MAC: they are being written, or what sealed them was cut");
    } else if (this.#number === 0) this.#tell(0, "there is no line in it");
    this.#broken = undefined;
    this.#isFirstFile = false;
    this.#judgeOrder();
  }

  /**
   * Two of one chain may be in another order without a break between them: what begins a chain of its own may stand
   * anywhere.
   */
  #judgeOrder(): void {
    if (!this.#isSealed) return;
    if (this.#begun.has(this.#prev)) {
      this.#tell(1, "a file before it goes on from its end: they are not in the order in which they were written");
    }
  }

  get verdict(): Verdict {
    return {
      lines: this.#lines,
      head: this.#head,
      end: this.#end,
      continues: this.#continues,
      dropped: this.#dropped,
      killed: this.#killed,
      unsealed: this.#unsealed,
      anew: this.#anew,
      problems: this.#problems,
      more: this.#more,
    };
  }

  #take(piece: Uint8Array): void {
    let from = 0;
    for (let end = piece.indexOf(LF); end !== -1; end = piece.indexOf(LF, from)) {
      const part = piece.subarray(from, end + 1);
      this.#line(this.#rest.length === 0 ? part : joinBytes([this.#rest, part]));
      this.#rest = new Uint8Array(0);
      from = end + 1;
    }
    if (from === piece.length) return;
    const rest = joinBytes([this.#rest, piece.subarray(from)]);
    // A line without an end would be held for ever.
    this.#rest = rest.length > MAX_BATCH_BYTES ? new Uint8Array(1) : rest;
  }

  /** @param bytes with the line's end */
  #line(bytes: Uint8Array): void {
    this.#number++;
    this.#lines++;
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, -1));
    const line: Line | undefined = parseObject(text);
    if (this.#number === 1) this.#begin(line);
    this.#judge(line);
    const mac = line === undefined ? undefined : MAC_AT_END.exec(text)?.[1];
    if (mac === undefined) return this.#hold(bytes);
    this.#hold(bytes.subarray(0, bytes.length - mac.length - AFTER_MAC.length));
    this.#seal(mac);
  }

  #hold(bytes: Uint8Array): void {
    this.#batchBytes += bytes.length;
    if (this.#batchBytes > MAX_BATCH_BYTES) this.#batch = new GatheredBytes();
    else this.#batch.add(bytes);
  }

  /** The first line of a file says where it goes on. */
  #begin(line: Line | undefined): void {
    const prev = typeof line?.prev === "string" ? line.prev : "";
    // A chain of its own. Of one that was killed as it wrote its first line, half of that stands before its start.
    const isNew = line === undefined || (line.event === "audit.start" && prev === "");
    // A start that goes on stands behind what it goes on from, in the same file.
    if (!isNew && line.event !== "audit.continue") {
      this.#tell(1, "the file does not begin with a start: what stood before this line is missing");
    }
    if (this.#isFirstFile) this.#continues = prev !== "";
    else if (isNew) this.#anew++;
    else if (prev !== this.#prev) this.#tell(1, "it does not go on where the file before it ended");
    // Lines behind that MAC have been told of; those that a full disk has taken are here once more, under the same numbers.
    else if (this.#isBehindMac(line.seq)) this.#seq = line.seq - 1;
    if (isNew) this.#seq = undefined;
    this.#prev = prev;
    if (line?.event === "audit.continue") this.#from.push(prev);
    else this.#from = [];
    if (prev !== "") this.#begun.add(prev);
    this.#batch = new GatheredBytes();
    this.#batchBytes = this.#unsealedOfBatch = 0;
  }

  #judge(line: Line | undefined): void {
    if (line === undefined) {
      this.#broken ??= this.#number;
      return;
    }
    const isStart = line.event === "audit.start";
    if (this.#broken !== undefined) {
      if (!isStart || line.killed !== true) this.#tell(this.#broken, "this is no line of an audit log");
      this.#broken = undefined;
    }
    if (isStart || line.event === "audit.continue") this.#nextKey = String(line.key);
    if (isStart && this.#number > 1 && !this.#isWhereItGoesOn(line.prev)) {
      this.#tell(this.#number, "a start does not go on where the lines before it ended");
    }
    if (this.#number > 1) this.#from = [];
    if (isStart && line.killed === true) this.#killed++;
    if (isStart) this.#unsealedOfBatch = (typeof line.unsealed === "number" ? line.unsealed : 0) + (line.torn ? 1 : 0);
    if (line.event === "audit.gap" && typeof line.dropped === "number") this.#dropped += line.dropped;
    this.#end = line.event === "audit.stop" ? "stop" : line.event === "audit.rotate" ? "rotate" : "open";
    const seq = typeof line.seq === "number" ? line.seq : NaN;
    if (line.v !== 1 || !Number.isSafeInteger(seq)) this.#tell(this.#number, "this is no line of an audit log");
    else if (this.#seq !== undefined && seq !== this.#seq + 1) {
      this.#tell(this.#number, `line ${seq} stands behind line ${this.#seq}`);
    }
    if (Number.isSafeInteger(seq)) this.#seq = seq;
    if (line.event === "audit.key") this.#after = String(line.key);
  }

  /** Where a start goes on; one that the file before did not take stands behind the first line of this one. */
  #isWhereItGoesOn(prev: unknown = ""): boolean {
    return prev === this.#prev || this.#from.some((from) => prev === from);
  }

  /** Whether it is the number of one of the lines behind the last MAC. */
  #isBehindMac(seq: unknown): seq is number {
    const [sealed, last] = [this.#head?.seq ?? 0, this.#seq ?? 0];
    return typeof seq === "number" && sealed < seq && seq <= last;
  }

  #seal(mac: string): void {
    if (this.#nextKey !== undefined) {
      this.#key = this.#keys.get(this.#nextKey);
      if (this.#key === undefined) {
        this.#tell(this.#batchFrom, `it is sealed with the key ${shown(this.#nextKey)}, which is not in the ring`);
      }
      this.#nextKey = undefined;
    }
    const holds = this.#batchBytes <= MAX_BATCH_BYTES && this.#key !== undefined &&
      macOf(this.#key, this.#prev, [this.#batch.take()]) === mac;
    if (!holds && this.#key !== undefined) this.#tell(this.#batchFrom, "these lines are not as they were written");
    if (this.#after !== undefined) this.#nextKey = this.#after;
    this.#after = undefined;
    this.#unsealed += this.#unsealedOfBatch;
    this.#unsealedOfBatch = 0;
    this.#prev = mac;
    if (!this.#isSealed && this.#firsts.has(mac)) this.#tell(1, "the file is among these twice, whole or in part");
    else if (!this.#isSealed) this.#firsts.add(mac);
    this.#isSealed = true;
    this.#head = { seq: this.#seq ?? 0, mac };
    this.#batch = new GatheredBytes();
    this.#batch.add(new TextEncoder().encode(AFTER_MAC));
    this.#batchBytes = AFTER_MAC.length;
    this.#batchFrom = this.#number + 1;
  }

  #tell(from: number, found: string): void {
    if (this.#problems.length >= MAX_PROBLEMS) this.#more++;
    else this.#problems.push({ file: this.#file, from, to: this.#number, found });
  }
}

function shown(id: string): string {
  return /^[0-9a-f]{8}$/.test(id) ? id : "(no key's name)";
}
