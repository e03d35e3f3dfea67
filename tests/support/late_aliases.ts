// A store that does what it is told later than anybody waits: whoever asked has been told that it does not answer.
import type { Replacement } from "../../lib/store/shared.ts";
import { StoreError } from "../../lib/store/store.ts";
import { FakeAliases } from "./fake_aliases.ts";

export class LateAliases extends FakeAliases {
  /** Whether what is written from now on is late. */
  isLate = false;
  readonly #late: (() => Promise<unknown>)[] = [];

  override replace(sid: string, replacement: Replacement): Promise<boolean> {
    if (!this.isLate) return super.replace(sid, replacement);
    this.#late.push(() => super.replace(sid, replacement));
    return Promise.reject(new StoreError("io", "The store does not answer in time", { remedy: "Wait." }));
  }

  /** What was late happens now. */
  async land(): Promise<void> {
    this.isLate = false;
    for (const run of this.#late.splice(0)) await run();
  }
}
