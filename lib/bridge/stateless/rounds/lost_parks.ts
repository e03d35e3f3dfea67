// Which calls that waited for their clients are lost: those of a process that is gone, and those whose server was lost
// here. One that was gone on with, given up, or has ended here is none of them, so that a state that comes a second time
// runs nothing (docs/behaviour.md S4).
import type { Parked } from "./parked_questions.ts";

/** Of those lost here, and of those of other processes that were made again: older ones are forgotten, at 32 digits each. */
const MAX_KNOWN = 5000;

export class LostParks {
  /** The process, in states: 16 hexadecimal digits that no other one has. */
  readonly process: string;
  readonly #lost = new Set<string>();
  readonly #takenOfOthers = new Set<string>();

  constructor(process: string) {
    this.process = process;
  }

  /** The server of a call that waited here is lost. */
  note(id: string): void {
    add(this.#lost, id);
  }

  /** Whoever asks first is to see to a call that is lost. @returns false if it is not, or somebody has done so */
  take({ id, process }: Parked): boolean {
    if (process === this.process) return this.#lost.delete(id);
    if (this.#takenOfOthers.has(id)) return false;
    add(this.#takenOfOthers, id);
    return true;
  }

  /** Nothing came of it, and nothing ran: the next one may. */
  giveBack({ id, process }: Parked): void {
    if (process === this.process) add(this.#lost, id);
    else this.#takenOfOthers.delete(id);
  }
}

function add(ids: Set<string>, id: string): void {
  ids.add(id);
  if (ids.size > MAX_KNOWN) ids.delete(ids.values().next().value!);
}
