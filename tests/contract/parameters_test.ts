// P4: clock, randomness, network and processes come in as parameters. Where they come from is told here, file by file.
import assert from "node:assert/strict";
import { ROOT, sourcesIn } from "../support/sources.ts";
import { STRICT } from "../support/strict.ts";

/** What reads the world, and the files that may: they hand it on, or are nothing but that. */
const WORLD: [what: string, pattern: RegExp, from: readonly string[]][] = [
  ["the time of day", /\bDate\.now\b|\bnew Date\(\)/, [
    "lib/platform/time/event_time.ts",
    "lib/platform/time/timers.ts",
  ]],
  [
    "randomness",
    /\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b/,
    ["lib/platform/random.ts"],
  ],
  [
    "the network",
    /(?<![\w.#]|async )fetch\(/,
    // The second by a parameter of that name.
    ["lib/cli/control/remote_control.ts", "lib/platform/network/outgoing_fetch.ts"],
  ],
  // For names that are right on every runtime; the first and the last look at values alone.
  [
    "JSON as a runtime reads it",
    /\bJSON\.parse\b/,
    ["lib/app/workers/wire.ts", "lib/platform/json.ts", "lib/upstream/credentials/command_words.ts"],
  ],
  ["a process of its own", /\bnew Deno\.Command\b/, ["lib/platform/process/child_process.ts"]],
  // Whoever waits asks for a `pause`.
  ["a wait by a timer of its own", /=> setTimeout\(resolve,/, []],
  // Who keeps what takes a timer back has an end, behind which he is to set none: an OwnedTimer, Pause or SameDelay sets
  // none then. The others were looked at one by one: each sets its timer only while it knows that it has not ended.
  [
    "a timer that is kept and taken back",
    /this\.#?\w+ (?:\?\?)?= (?:this\.)?(?:#?\w+\.)*(?:#?\w*[tT]imers\.after|setTimeout|setInterval)\(/,
    [
      "lib/admin/feeds.ts",
      "lib/audit/audit_log.ts",
      "lib/bridge/answers/held_answers.ts",
      "lib/bridge/answers/outbox.ts",
      "lib/http1/client/client_connection.ts",
      "lib/http1/server/client_probe.ts",
      "lib/http1/wire/deadline.ts",
      "lib/platform/sockets/deno_network.ts",
      "lib/platform/time/timers.ts",
    ],
  ],
];

/** Without comments and type members, which only speak of it. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "").replace(/^ {2}fetch\(.*\): .*;$/gm, "");
}

for (const [what, pattern, from] of WORLD) {
  Deno.test(`P4: ${what} is had from one of a few places, and from nowhere else in lib`, STRICT, async () => {
    const found: string[] = [];
    for await (const path of sourcesIn("lib")) {
      if (pattern.test(codeOf(await Deno.readTextFile(`${ROOT}${path}`)))) found.push(path);
    }
    assert.deepEqual(found.sort(), [...from]);
  });
}
