// Those under way whose authority holds until a known time: nobody looks at them before, so that a stream among thousands
// costs nothing but its events. By the second in which that time is, so that coming, going and being due are a step each.
import { LinkedList } from "../../session/linked_list.ts";
import type { InFlight } from "./in_flight.ts";

const SECOND_MS = 1000;

export class Resting {
  /** By the second since the epoch in which a rest ends. What is believed for minutes at most makes a few hundred. */
  readonly #bySecond = new Map<number, LinkedList<InFlight>>();
  #firstMs = Infinity;

  /** @param untilMs in ms since the epoch */
  add(inFlight: InFlight, untilMs: number): void {
    const second = Math.floor(untilMs / SECOND_MS);
    let list = this.#bySecond.get(second);
    if (list === undefined) this.#bySecond.set(second, list = new LinkedList());
    inFlight.moveTo(list);
    this.#firstMs = Math.min(this.#firstMs, second * SECOND_MS);
  }

  /** Moves to `list` whoever's time is in a second that has begun, as if they had been asked when it did. */
  wake(list: LinkedList<InFlight>, nowMs: number): void {
    if (nowMs < this.#firstMs) return;
    this.#firstMs = Infinity;
    for (const [second, resting] of this.#bySecond) {
      const beginsMs = second * SECOND_MS;
      if (nowMs < beginsMs) this.#firstMs = Math.min(this.#firstMs, beginsMs);
      else {
        this.#bySecond.delete(second);
        for (const each of membersOf(resting)) moveTo(list, each, beginsMs);
      }
    }
  }

  /** The same of all of them, as if nobody had been asked yet. */
  wakeAll(list: LinkedList<InFlight>): void {
    for (const each of this.all()) moveTo(list, each, -Infinity);
    this.#bySecond.clear();
    this.#firstMs = Infinity;
  }

  all(): InFlight[] {
    return [...this.#bySecond.values()].flatMap(membersOf);
  }
}

function moveTo(list: LinkedList<InFlight>, inFlight: InFlight, askedAtMs: number): void {
  inFlight.askedAtMs = askedAtMs;
  inFlight.moveTo(list);
}

/** As it stands: whoever goes through it may move them. */
export function membersOf(list: LinkedList<InFlight>): InFlight[] {
  const members: InFlight[] = [];
  for (let each = list.first; each !== undefined; each = each.next) members.push(each);
  return members;
}
