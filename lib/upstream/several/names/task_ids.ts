// Ids of tasks over several servers: sealed with their owner and their member, so that a task comes back to where it runs,
// from its owner alone, in whatever session of his (docs/behaviour.md A2; docs/protocol.md 34, 39). The same task has the
// same id each time, over restarts and replicas.
import { blake3 } from "../../../envelope/blake3.ts";
import type { KeyRing } from "../../../envelope/key_ring.ts";
import { open, seal } from "../../../envelope/seal.ts";
import { parseJson } from "../../../platform/json.ts";
import type { OwnerKey } from "../../../session/caller.ts";
import type { MemberLife } from "../members/member_life.ts";

/** A task as its member knows it. */
export interface MemberTask {
  readonly life: MemberLife;
  readonly inward: string;
}

/** Of a member's own id and of a sealed one, in characters: it stands in a field of later requests. */
const LONGEST = 1024, LONGEST_SEALED = 4096;

const OPEN_ARRAY = 0x5b;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class TaskIds {
  readonly #ring: () => KeyRing;
  readonly #owner: string;
  readonly #lives: readonly MemberLife[];

  constructor(
    options: { readonly ring: () => KeyRing; readonly owner: OwnerKey; readonly lives: readonly MemberLife[] },
  ) {
    this.#ring = options.ring;
    this.#owner = blake3(encoder.encode(options.owner), 16).toHex();
    this.#lives = options.lives;
  }

  /** Undefined for one that is no id, or too long to come back. */
  outward({ life, inward }: MemberTask): string | undefined {
    if (inward === "" || inward.length > LONGEST || !inward.isWellFormed()) return undefined;
    const text = JSON.stringify([this.#owner, life.member.url, life.name, inward]);
    return seal(this.#ring().active, "task", encoder.encode(text));
  }

  /** Undefined for what was not sealed here, or for somebody else: all failures are alike. */
  open(outward: string): MemberTask | undefined {
    const opened = open(this.#ring(), "task", outward, { maxLength: LONGEST_SEALED });
    if (!opened.ok) return undefined;
    // Ids of tasks are sealed elsewhere, too (`carried_value.ts`): those are none of a member's.
    if (opened.plaintext[0] !== OPEN_ARRAY) return undefined;
    const [owner, url, name, inward = ""] = parseJson(decoder.decode(opened.plaintext)) as string[];
    if (owner !== this.#owner) return undefined;
    // In another session it may go by another name.
    const there = this.#lives.filter(({ member }) => member.url === url);
    const life = there.find((one) => one.name === name) ?? (there.length === 1 ? there[0] : undefined);
    return life === undefined ? undefined : { life, inward };
  }
}
