// One caller with a stdio server that reads nothing, against all the others: what waits for it is the caller's share of
// memory, and never all there is (ARCHITECTURE.md, "No caller takes all of anything").
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const SLOW_READER = fileURLToPath(new URL("../fixtures/slow_reader.ts", import.meta.url));

for (const lane of LANES) {
  Deno.test(
    `M2 M6: what waits for one caller's stdio servers leaves the others room (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      await using issuer = await TestIssuer.create();
      const [gate, journal] = [`${folder.path}/gate`, `${folder.path}/journal`];
      const upstream = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", SLOW_READER, gate, journal];
      const flags = [...issuer.flags, "--max-body", "256KiB", "--max-buffered", "2MiB"];
      await using signet = await TestSignet.start({ upstream, lane, flags });
      const other = await issuer.token("other");
      const othersId = await signet.open({ token: other });
      const token = await issuer.token("greedy");
      for (let n = 0; n < 2; n++) {
        const id = await signet.open({ token });
        const notify = (method: string, params = {}) =>
          status(signet.post({ jsonrpc: "2.0", method: `notifications/${method}`, params }, { id, token }));
        await notify("hold");
        for (let n = 0; n < 20; n++) await notify("mark", { filler: "x".repeat(100_000) });
      }
      const held = await signet.metric("signet_buffered_body_bytes");
      assert.ok(held > 300_000, `it waits: ${held}`);
      const body = JSON.stringify(call(1, "echo", { filler: "x".repeat(200_000) }));
      assert.equal(await status(signet.post(body, { id: othersId, token: other })), 200);
      await Deno.writeTextFile(gate, "");
      await until(async () => await signet.metric("signet_buffered_body_bytes") === 0, "nothing is held");
    },
  );
}
