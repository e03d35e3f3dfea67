import assert from "node:assert/strict";
import type { LogFacts } from "../../../../lib/observe/log.ts";
import { refreshTokenFile } from "../../../../lib/upstream/credentials/refresh_token_file.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

const POSIX = { ignore: Deno.build.os === "windows" };

function listening() {
  const told: LogFacts[] = [];
  const log = { ...SILENT_LOG, error: (_event: string, facts?: LogFacts) => void told.push(facts ?? {}) };
  return { told, log };
}

async function withToken(token: string, body: (path: string, folder: string) => Promise<void>): Promise<void> {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/token`;
  await Deno.writeTextFile(path, `${token}\n`);
  await body(path, folder.path);
}

Deno.test(
  "B4: a refresh token's file is replaced as a whole and readable by its owner only",
  STRICT,
  () =>
    withToken("first", async (path, folder) => {
      const keeper = refreshTokenFile(path, { log: SILENT_LOG });
      assert.equal(await keeper.load(), "first");
      await keeper.save("second");
      assert.equal(await keeper.load(), "second");
      if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["token"]);
    }),
);

for (
  const [what, leave] of [
    ["a draft that others may read", (draft: string) => Deno.writeTextFile(draft, "old", { mode: 0o666 })],
    ["a link to a file of others", (draft: string) => Deno.symlink(`${draft}.target`, draft)],
  ] as const
) {
  Deno.test(
    `B4: ${what} in its way is not written to`,
    { ...STRICT, ...POSIX },
    () =>
      withToken("first", async (path) => {
        await leave(`${path}.new`);
        const reader = await Deno.open(`${path}.new`).catch(() => undefined);
        await refreshTokenFile(path, { log: SILENT_LOG }).save("second");
        assert.equal((await Deno.lstat(path)).mode! & 0o777, 0o600);
        assert.equal(await Deno.readTextFile(path), "second\n");
        assert.equal(await Deno.stat(`${path}.new.target`).catch(() => undefined), undefined);
        const buffer = new Uint8Array(100);
        const read = await reader?.read(buffer) ?? 0;
        assert.doesNotMatch(new TextDecoder().decode(buffer.subarray(0, read)), /second/);
        reader?.close();
      }),
  );
}

Deno.test(
  "B4: a new refresh token that cannot be written is used all the same, and written when it can be",
  STRICT,
  () =>
    withToken("first", async (path) => {
      const { told, log } = listening();
      const keeper = refreshTokenFile(path, { log });
      assert.equal(await keeper.load(), "first");
      await Deno.mkdir(`${path}.new/in the way`, { recursive: true });
      await keeper.save("second");
      assert.equal(await keeper.load(), "second", "the first one is worthless");
      await keeper.save("third");
      assert.equal(await Deno.readTextFile(path), "first\n");
      assert.equal(told.length, 3);
      assert.equal(told[0]!.file, path);
      assert.doesNotMatch(JSON.stringify(told), /first|second|third/);
      await Deno.remove(`${path}.new`, { recursive: true });
      assert.equal(await keeper.load(), "third");
      assert.equal(await Deno.readTextFile(path), "third\n");
      assert.equal(await refreshTokenFile(path, { log }).load(), "third");
    }),
);

Deno.test(
  "B4: a refresh token that somebody has put there goes before one that could not be written",
  STRICT,
  () =>
    withToken("first", async (path) => {
      const keeper = refreshTokenFile(path, { log: SILENT_LOG });
      await keeper.load();
      await Deno.mkdir(`${path}.new/in the way`, { recursive: true });
      await keeper.save("second");
      await Deno.writeTextFile(path, "by hand\n");
      assert.equal(await keeper.load(), "by hand");
    }),
);

Deno.test(
  "B4: a token that could not be written goes on behind one that was written late, when the disk is full again",
  STRICT,
  () =>
    withToken("first", async (path) => {
      const keeper = refreshTokenFile(path, { log: SILENT_LOG });
      await keeper.load();
      const fill = () => Deno.mkdir(`${path}.new/in the way`, { recursive: true });
      await fill();
      await keeper.save("second");
      await Deno.remove(`${path}.new`, { recursive: true });
      assert.equal(await keeper.load(), "second");
      await fill();
      await keeper.save("third");
      assert.equal(await keeper.load(), "third", "the second one is worthless");
    }),
);
