// What a client has answered before the call that asked it was lost. Which question an answer is to, its state says: a
// digest of each, beside one of the key that the answer came under. A server that asks the very same when the call is made
// again is answered by that, once; any other question is the client's (docs/behaviour.md S4).
import { Buffer } from "node:buffer";
import type { Charge } from "../../../http1/byte_account.ts";
import { findMember, type Member, membersOf, textAt } from "../../../mcp/json/json_text.ts";
import { isObjectAt, memberAt } from "../../../mcp/messages/json_places.ts";
import { createHash } from "../../../platform/runtime/builtin.ts";
import type { Message } from "../../peer/peer.ts";

/** Of a key and of a question, in bytes. */
const KEY_BYTES = 8, QUESTION_BYTES = 16;
const MARK_BYTES = KEY_BYTES + QUESTION_BYTES;
/** Answers of one request that are looked at: a client is asked 16 questions at most. */
export const MOST_ANSWERS = 64;
/** Members that are another each time one asks the same. */
const CHANGING: ReadonlySet<string> = new Set(["_meta", "task"]);

/** Of its kind and all that it says, to the letter: base64url. */
export function questionDigest({ line, value }: Message): string {
  const hash = createHash("sha256").update(`${value.method}\n`);
  const params = findMember(line, "params");
  const members = isObjectAt(line, params) ? membersOf(line, params) : [];
  for (const { name, whole } of members) {
    if (!CHANGING.has(name)) hash.update(`${whole.end - whole.start}:`).update(line.subarray(whole.start, whole.end));
  }
  return toText(hash.digest().subarray(0, QUESTION_BYTES));
}

/** For a state: which questions are asked, under which keys. 32 letters each. */
export function marksOf(asked: Iterable<readonly [key: string, digest: string]>): string {
  return [...asked].map(([key, digest]) => toText(Buffer.concat([keyDigest(key), Buffer.from(digest, "base64url")])))
    .join("");
}

/** The answers that a request brings, each under its question's key: what is no object is none. */
export function answersGivenIn(text: Uint8Array): Member[] {
  const given = memberAt(text, "inputResponses", findMember(text, "params"));
  if (!isObjectAt(text, given)) return [];
  return membersOf(text, given, MOST_ANSWERS).filter(({ value }) => isObjectAt(text, value));
}

export class KeptAnswers {
  readonly #charge: Charge;
  /** By the question's digest; each may be asked more than once. */
  readonly #answers = new Map<string, string[]>();

  /**
   * @param text a request that is made again, with its answers
   * @param marks as `marksOf` made them
   * @param charge holds what is kept; its room has been taken
   */
  constructor(text: Uint8Array, marks: string, charge: Charge) {
    this.#charge = charge;
    const questions = questionsIn(marks);
    for (const { name, value } of answersGivenIn(text)) {
      const key = toText(keyDigest(name));
      const digest = questions.get(key);
      if (digest === undefined) continue;
      // Of one that stands twice the first is the answer.
      questions.delete(key);
      const known = this.#answers.get(digest);
      if (known === undefined) this.#answers.set(digest, [textAt(text, value)]);
      else known.push(textAt(text, value));
    }
  }

  /** The answer to this very question, a JSON text; undefined where there is none, or it has been given. */
  answerTo(question: Message): string | undefined {
    return this.#answers.size === 0 ? undefined : this.#answers.get(questionDigest(question))?.shift();
  }

  /** The call has ended. */
  release(): void {
    this.#answers.clear();
    this.#charge.release();
  }
}

/** Digests of questions, by those of their keys. */
function questionsIn(marks: string): Map<string, string> {
  const bytes = Buffer.from(marks, "base64url");
  const found = new Map<string, string>();
  for (let at = 0; at + MARK_BYTES <= bytes.length; at += MARK_BYTES) {
    const key = bytes.subarray(at, at + KEY_BYTES);
    found.set(toText(key), toText(bytes.subarray(at + KEY_BYTES, at + MARK_BYTES)));
  }
  return found;
}

function keyDigest(key: string): Uint8Array {
  return createHash("sha256").update(key).digest().subarray(0, KEY_BYTES);
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}
