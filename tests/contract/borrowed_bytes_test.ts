// Nobody gets what is another's: bytes that lie in a connection's buffer never outlive their exchange. Every buffer is
// poisoned as it is given back (tests/support/poison.ts), so that one use too many is a byte that no message holds.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const SLOW_READER = fileURLToPath(new URL("../fixtures/slow_reader.ts", import.meta.url));
/** More than a pipe holds: in messages that fit a connection's own buffer, and in such as are held whole. */
const KINDS = [{ messages: 40, bytes: 8 * 1024 }, { messages: 12, bytes: 200 * 1024 }];

for (const [lane, { messages, bytes }] of LANES.flatMap((lane) => KINDS.map((kind) => [lane, kind] as const))) {
  const filler = "a".repeat(bytes);
  Deno.test(
    `M6: what waits for a server that reads nothing is its sender's own, whoever uses the connections next (${lane} lane, ${bytes} bytes each)`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const [gate, journal] = [`${folder.path}/gate`, `${folder.path}/journal`];
      const upstream = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", SLOW_READER, gate, journal];
      await using signet = await TestSignet.start({ upstream, lane });
      const id = await signet.open();
      const notify = (method: string, params = {}) =>
        status(signet.post({ jsonrpc: "2.0", method: `notifications/${method}`, params }, { id }));
      assert.equal(await notify("hold"), 202);
      const sent = Array.from({ length: messages }, (_, mark) => mark);
      for (const mark of sent) assert.equal(await notify("mark", { mark, filler }), 202);
      // Others use the same connections meanwhile, with what must reach no server.
      for (let i = 0; i < messages; i++) {
        const foreign = call(i, "foreign", { filler: "f".repeat(bytes) });
        const ask = { id: "not-a-session", token: "SECRET-OF-ANOTHER" };
        assert.equal(await status(signet.post(foreign, ask)), 404);
      }
      await Deno.writeTextFile(gate, "");
      const marks = async () =>
        (await Deno.readTextFile(journal)).split("\n").filter((line) => line.includes('"notifications/mark"'));
      await until(async () => (await marks()).length >= messages, "every notification has been read");
      const text = await Deno.readTextFile(journal);
      assert.doesNotMatch(text, /foreign|SECRET|\ufffd/, "bytes of another");
      for (const [at, line] of (await marks()).entries()) {
        assert.deepEqual(JSON.parse(line).params, { mark: at, filler });
      }
    },
  );
}
