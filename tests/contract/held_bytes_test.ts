// Whatever a client makes Signet hold is counted, bounded and let go of (M6): the gauge says so, and it is zero in the end.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const SLOW_READER = fileURLToPath(new URL("../fixtures/slow_reader.ts", import.meta.url));
const MIB = 1024 * 1024;
const FLAGS = ["--max-body", "1MiB", "--max-buffered", "1MiB"];
const GAUGE = "signet_buffered_body_bytes";
/** Bodies that were too small to be counted anywhere once. */
const SMALL = 60_000;

for (const lane of LANES) {
  for (const sent of ["half", "all"] as const) {
    Deno.test(
      `M6: small bodies, ${sent} of each sent, are counted and bounded together, and others are served (${lane} lane)`,
      STRICT,
      async () => {
        const gate = Promise.withResolvers<Record<string, unknown>>();
        await using upstream = new FakeMcp();
        upstream.tool("hang", () => gate.promise);
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: FLAGS });
        const id = await signet.open();
        const clients = await Promise.all(Array.from({ length: 60 }, () => RawClient.connect(signet.url)));
        try {
          const text = JSON.stringify(call(1, "hang", { filler: "x".repeat(SMALL) }));
          const request = rawPost(text, [`mcp-session-id: ${id}`]);
          const part = sent === "half" ? request.slice(0, request.length - SMALL / 2) : request;
          for (const client of clients) await client.send(part);
          await until(async () => await signet.metric(GAUGE) > MIB / 4, "they are counted");
          for (let i = 0; i < 20; i++) assert.ok(await signet.metric(GAUGE) <= MIB + 60 * 4096, "bounded");
        } finally {
          gate.resolve({});
          for (const client of clients) client[Symbol.dispose]();
        }
        await until(async () => await signet.metric(GAUGE) === 0, "nothing is held");
        assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
      },
    );
  }
}

for (const lane of LANES) {
  Deno.test(
    `M6: of a call that its client has left nothing is held, though its stdio server never answers (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const [gate, journal] = [`${folder.path}/gate`, `${folder.path}/journal`];
      const upstream = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", SLOW_READER, gate, journal];
      await using signet = await TestSignet.start({ upstream, lane, flags: FLAGS });
      const id = await signet.open();
      for (let n = 0; n < 20; n++) {
        const leaving = new AbortController();
        const text = JSON.stringify(call(n, "hang", { filler: "x".repeat(400_000) }));
        const left = signet.post(text, { id, signal: leaving.signal }).then(() => {}, () => {});
        const mark = `"id":${n},`;
        await until(
          async () => (await Deno.readTextFile(journal)).split("\n").length > n + 2,
          `the server has ${mark}`,
        );
        leaving.abort();
        await left;
        // Before the next one comes: until it is noticed that this client has left, there is no room for both.
        await until(async () => await signet.metric(GAUGE) === 0, `nothing is held of ${mark}`);
      }
    },
  );

  Deno.test(
    `M6: what waits for a stdio server that reads nothing is counted, and refused beyond the bound (${lane} lane)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const [gate, journal] = [`${folder.path}/gate`, `${folder.path}/journal`];
      const upstream = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", SLOW_READER, gate, journal];
      await using signet = await TestSignet.start({ upstream, lane, flags: FLAGS });
      const id = await signet.open();
      const notify = (method: string, params = {}) =>
        status(signet.post({ jsonrpc: "2.0", method: `notifications/${method}`, params }, { id }));
      await notify("hold");
      for (let n = 0; n < 20; n++) await notify("mark", { filler: "x".repeat(100_000) });
      const held = await signet.metric(GAUGE);
      assert.ok(held > 300_000, `counted: found ${held}`);
      assert.ok(held <= MIB + 8192, `bounded: found ${held}`);
      await Deno.writeTextFile(gate, "");
      await until(async () => await signet.metric(GAUGE) === 0, "nothing is held");
    },
  );
}
