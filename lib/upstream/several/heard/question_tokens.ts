// Progress tokens of members' questions: two members may choose one and the same, so clients are given others, which lead
// back to the question as long as it is open (docs/behaviour.md A5). Bounded by the questions that are open.
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../../mcp/json/json_splice.ts";
import { findMember, stringAt } from "../../../mcp/json/json_text.ts";
import { memberAt } from "../../../mcp/messages/json_places.ts";
import type { AskingPeer } from "./asking_peer.ts";

interface Given {
  readonly asking: AskingPeer;
  /** As the member wrote it. */
  readonly inward: Uint8Array;
}

export class QuestionTokens {
  readonly #given = new Map<string, Given>();
  #last = 0;

  /** @returns the question as the client is to see it, and what ends the token's life; as it is if it has none */
  give(line: Uint8Array, asking: AskingPeer): { readonly line: Uint8Array; readonly end: () => void } {
    const span = memberAt(line, "progressToken", memberAt(line, "_meta", findMember(line, "params")));
    if (span === undefined) return { line, end: () => {} };
    const token = `question-${++this.#last}`;
    this.#given.set(token, { asking, inward: line.slice(span.start, span.end) });
    return { line: replaceSpan(line, span, encodeJson(token)), end: () => void this.#given.delete(token) };
  }

  /** Of a client's `notifications/progress`: whose question it is about, and what that member is told. */
  inward(text: Uint8Array): { readonly asking: AskingPeer; readonly text: Uint8Array } | undefined {
    const span = memberAt(text, "progressToken", findMember(text, "params"));
    const given = this.#given.get(stringAt(text, span) ?? "");
    return given && { asking: given.asking, text: replaceSpan(text, span!, given.inward) };
  }
}
