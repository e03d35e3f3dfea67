import assert from "node:assert/strict";
import type { ClientResponse } from "../../../../lib/http1/types.ts";
import { hear } from "../../../../lib/upstream/http/hear.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test(
  "P8: a refusal that drips is heard for as long again, and no longer, where the clock is set back",
  STRICT,
  async () => {
    let nowMs = 3_600_000;
    let pieces = 0;
    const body = {
      done: false,
      read: () => {
        nowMs += 100;
        if (++pieces === 3) nowMs = 0;
        if (pieces > 500) return Promise.resolve(null);
        return Promise.resolve(Uint8Array.of(120));
      },
    };
    // What is due at once is due before what was read is told of.
    const after = (ms: number, run: () => void) => {
      if (ms === 0) run();
      return () => {};
    };
    const response = { head: { status: 404, fields: ["content-type", "text/plain"] }, body, release: () => {} };
    const { refusal } = await hear(response as unknown as ClientResponse, { now: () => nowMs, after });
    assert.equal(refusal.cut, true);
    assert.ok(nowMs <= 1100, `${nowMs} ms since the clock was set`);
  },
);
