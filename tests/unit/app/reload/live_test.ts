import assert from "node:assert/strict";
import { needRestart, withLive } from "../../../../lib/app/reload/live.ts";
import { loadSettings } from "../../../../lib/config/load.ts";
import type { Settings } from "../../../../lib/config/schema.ts";
import { STRICT } from "../../../support/strict.ts";
import { sourcesOf } from "../../config/sources.ts";

async function settingsOf(...argv: string[]): Promise<Settings> {
  return (await loadSettings(sourcesOf({ argv }))).settings;
}

Deno.test(
  "P2: a stdio server and its processes change only with a restart, which names them and shows nothing",
  STRICT,
  async () => {
    const before = await settingsOf("--stdio-env", "A=hunter1", "--", "server", "hunter1");
    const after = await settingsOf(
      "--stdio-env",
      "A=hunter2",
      "--max-processes",
      "9",
      "--path",
      "/x",
      "--",
      "server",
      "hunter2",
    );
    assert.deepEqual(needRestart(before, after), ["command", "--stdio-env", "--max-processes"]);
    const kept = withLive(before, after);
    assert.deepEqual([kept.command, kept.maxProcesses, kept.path], [["server", "hunter1"], 100, "/x"]);
  },
);
