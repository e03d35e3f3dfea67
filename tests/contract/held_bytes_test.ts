// Whatever a client makes Signet hold is counted, bounded and let go of (M6): the gauge says so, and it is zero in the end.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

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
