import assert from "node:assert/strict";
import { HeardNews } from "../../../../lib/store/redis/heard_news.ts";

/** What is read and heard, in order: at this ms, the newest there is or a message; and which readings find nobody hears. */
const CASES: Readonly<Record<string, readonly (readonly [atMs: number, read: number | "message", isDeaf?: true])[]>> = {
  "nothing is new": [[0, 7], [5000, 7], [10_000, 7]],
  "a message leads to what is new": [[0, 7], [4000, "message"], [4001, 8], [9001, 8], [14_001, 8]],
  "one reading is ahead of the message": [[0, 7], [5000, 8], [5003, "message"], [5004, 8], [10_004, 8]],
  "what is new while it is read has its message behind": [
    ...[[0, 7], [100, "message"], [101, 9], [103, "message"], [104, 9]] as const,
    [5104, 9],
  ],
  "some read at once": [[0, 7], [100, "message"], [101, 8], [102, 8], [5102, 8], [5103, 8]],
  "no message comes": [[0, 7], [5000, 8], [5500, 8], [10_000, 8, true], [15_000, 8], [20_000, 9], [25_000, 10, true]],
  "messages come anew": [[0, 7], [5000, 8], [6000, "message"], [6001, 8], [11_001, 8]],
  "the store has lost all": [[0, 7], [5000, 0], [10_000, 0], [15_000, 0]],
};

for (const [what, steps] of Object.entries(CASES)) {
  Deno.test(`R4: whether messages come about what is new is told, where ${what}`, () => {
    const news = new HeardNews();
    for (const [nowMs, read, isDeaf = false] of steps) {
      if (read === "message") news.hear(nowMs);
      else assert.equal(news.read(read, { askedAtMs: nowMs, nowMs: nowMs + 1 }), isDeaf, `at ${nowMs} ms`);
    }
  });
}
