import assert from "node:assert/strict";
import { FilesAtStart } from "../../../../lib/app/reload/files_at_start.ts";
import type { Settings } from "../../../../lib/config/schema.ts";
import { STRICT } from "../../../support/strict.ts";

const SETTINGS = {
  tokenSecretFile: "token",
  upstreamCaFile: "ca",
  peerCaFile: "ca",
  storeCaFile: "absent",
  stdioSecrets: [{ name: "A", path: "a" }, { name: "B", path: "b" }],
  memberCredentials: [{ member: "m", path: "m" }],
} as unknown as Settings;

Deno.test("P2: files that are read at the start alone are told of once they hold something else", STRICT, async () => {
  const texts = new Map(["token", "ca", "a", "b", "m"].map((path) => [path, `of ${path}`]));
  const read = (path: string) => {
    const text = texts.get(path);
    return text === undefined ? Promise.reject(new Error("not there")) : Promise.resolve(text);
  };
  const files = await FilesAtStart.read(SETTINGS, read);
  assert.deepEqual(await files.changed(), []);
  texts.set("ca", "of another");
  assert.deepEqual(await files.changed(), ["--upstream-ca", "--peer-ca-file"]);
  texts.set("ca", "of ca");
  for (const path of ["token", "a", "b", "m"]) texts.delete(path);
  assert.deepEqual(await files.changed(), [
    "--token-secret-file",
    "--stdio-secret",
    "--member-credential",
  ]);
});
