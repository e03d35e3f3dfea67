// Nobody is locked out by those who have not proven who they are (M3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const CONNECTIONS = 20;
const FLAGS = ["--max-connections", String(CONNECTIONS)];
const BODY = rawPost("").replace("content-length: 0", "content-length: 1000");
/** What a connection is kept busy with, and what drips behind it. */
const DRIPS: readonly [string, string, string][] = [
  ["heads", "POST /mcp HTTP/1.1\r\nx-drip: ", "x"],
  ["bodies", BODY, "x"],
  ["chunks", BODY.replace("content-length: 1000", "transfer-encoding: chunked"), "1\r\nx\r\n"],
];

for (const lane of LANES) {
  for (const [what, begin, drip] of DRIPS) {
    Deno.test(
      `M3: connections that drip ${what} do not keep a caller with a token out (${lane} lane)`,
      STRICT,
      async () => {
        await using issuer = await TestIssuer.create();
        await using upstream = new FakeMcp();
        const flags = [...issuer.flags, ...FLAGS];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
        const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => RawClient.connect(signet.url)));
        try {
          for (const client of clients) await client.send(begin);
          await until(async () => await signet.metric("signet_connections") === CONNECTIONS, "all places are taken");
          const token = await issuer.token("somebody");
          const id = await signet.open({ token });
          for (let n = 0; n < 5; n++) {
            for (const client of clients) await client.send(drip).catch(() => {});
            assert.equal(await status(signet.post(call(n, "echo"), { id, token })), 200);
          }
        } finally {
          for (const client of clients) client[Symbol.dispose]();
        }
      },
    );
  }
}
