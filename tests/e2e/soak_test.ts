// Nobody gets what is another's: the real program, twenty callers with real tokens, and one of them hostile with everything
// at once. The others see no error and no foreign byte, memory stays flat, and nothing is left in the end.
// `deno task soak --minutes N` does the same for longer.
import assert from "node:assert/strict";
import { soak, SOAK_KINDS } from "../support/soak/soak.ts";
import { STRICT } from "../support/strict.ts";

const SECONDS = 30;
/** All that a soak does beside soaking: programs that start, gauges that go to zero. */
const DEADLINE_MS = (SECONDS + 180) * 1000;

/** Rejects once `work` has taken longer than a soak may. */
async function withDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`a soak of ${SECONDS} s had not ended after ${DEADLINE_MS} ms`)),
      DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Side by side: what a soak takes is time, and neighbours make it no easier.
Deno.test(
  `O1 M6 B6: nineteen callers notice nothing of a hostile one (${SOAK_KINDS.join(", ")} server)`,
  STRICT,
  async () => {
    await Promise.all(SOAK_KINDS.map(async (kind) => {
      const { findings, calls, log, acts } = await withDeadline(soak({ kind, seconds: SECONDS }));
      assert.deepEqual(findings, [], `${kind}: ${findings.join("\n")}\n${log.slice(-20).join("\n")}`);
      assert.equal(calls > 19, true, `${kind}: ${calls} calls were answered`);
      assert.equal(Object.values(acts).every((times) => times > 0), true, `${kind}: ${JSON.stringify(acts)}`);
    }));
  },
);
