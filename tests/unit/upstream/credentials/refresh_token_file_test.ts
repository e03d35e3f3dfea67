import assert from "node:assert/strict";
import { refreshTokenFile } from "../../../../lib/upstream/credentials/refresh_token_file.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

Deno.test("B4: a refresh token's file is replaced as a whole and readable by its owner only", STRICT, async () => {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/token`;
  await Deno.writeTextFile(path, "first\n");
  const keeper = refreshTokenFile(path);
  assert.equal(await keeper.load(), "first");
  await keeper.save("second");
  assert.equal(await keeper.load(), "second");
  if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["token"]);
});
