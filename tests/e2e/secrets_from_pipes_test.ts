// Secrets that a shell hands over as pipes (`--key-file <(…)`), with the real program: a pipe says what it holds once, and each
// file is asked for by whoever judges, uses and reloads it (E6, P2, P3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { Signet } from "../support/mcp_signet.ts";
import { needing } from "../support/programs.ts";
import { STRICT } from "../support/strict.ts";

const KEY = btoa("k".repeat(32)), SECRET = btoa("s".repeat(32)), TOKEN = btoa("t".repeat(32));

Deno.test(
  "E6 P2: serve takes its secrets from pipes, and a reload keeps what they held",
  { ...STRICT, ...await needing(["bash"], "that secrets may come out of pipes") },
  async () => {
    await using upstream = new FakeMcp();
    const pipes = `--key-file <(echo ${KEY}) --token-secret-file <(echo ${SECRET}) --admin-token-file <(echo ${TOKEN})`;
    await using signet = await Signet.start({
      upstream: upstream.url,
      args: ["--principal", "token"],
      within: ["bash", "-c", `exec "$@" ${pipes}`, "bash"],
    });
    const reload = () =>
      fetch(`${signet.adminUrl}/reload`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
        body: "{}",
      });
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await (await reload()).json(), { reloaded: true, restart: [] });
    }
  },
);
