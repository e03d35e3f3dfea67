import assert from "node:assert/strict";
import { chmod, chown, lchown, mkdir, symlink, writeFile } from "node:fs/promises";
import {
  foreignHands,
  type Identity,
  ownIdentity,
  type PathUse,
} from "../../../../lib/platform/files/foreign_hands.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

const SELF = ownIdentity();
/** Somebody who is not the one that made the files of the test; nothing of ours is his. */
const STRANGER: Identity = { uid: 54_321 };

interface Case {
  readonly what: string;
  readonly use: PathUse;
  /** Of the folder the file is in. */
  readonly folder?: number;
  /** Of the file; undefined: there is none. */
  readonly file?: number;
  readonly found?: RegExp;
}

const CASES: readonly Case[] = [
  { what: "a file of one's own", use: "file", file: 0o600 },
  { what: "a file that others may read", use: "file", file: 0o644 },
  {
    what: "a file that others may write",
    use: "file",
    file: 0o602,
    found: /other users can write .*file \(mode 0602\)/,
  },
  { what: "a file in a folder that others may write", use: "file", folder: 0o777, file: 0o600, found: /its folder/ },
  { what: "a file in a sticky folder", use: "file", folder: 0o1777, file: 0o600 },
  { what: "a state file of one's own", use: "state", file: 0o600 },
  { what: "a state file that is narrowed anyhow", use: "state", file: 0o664 },
  { what: "a state file that everybody could write", use: "state", file: 0o666, found: /other users can write/ },
  { what: "a state file that is not there yet", use: "state" },
  { what: "a state file to be, where others may write", use: "state", folder: 0o777, found: /in the place of/ },
  { what: "state in a sticky folder", use: "state", folder: 0o1777, file: 0o600, found: /its folder/ },
  { what: "a socket of one's own in a sticky folder", use: "socket", folder: 0o1777, file: 0o666 },
  { what: "no socket yet in a sticky folder", use: "socket", folder: 0o1777, found: /in the place of/ },
  { what: "a socket where others may write", use: "socket", folder: 0o777, file: 0o666, found: /its folder/ },
  { what: "a socket of one's own", use: "socket", file: 0o777 },
];

Deno.test("L6: nobody is told to narrow a device that others of the machine need as it is", {
  ...STRICT,
  ignore: Deno.build.os === "windows",
}, () => {
  for (const use of ["file", "state"] as const) {
    assert.deepEqual(foreignHands("/dev/null", use), {
      problem: "/dev/null is a device that other users can write",
      remedy: "Name a file in its place.",
    });
  }
});

for (const { what, use, folder = 0o700, file, found } of CASES) {
  Deno.test(`L6: ${what} is ${found === undefined ? "trusted" : "not trusted"}`, STRICT, async () => {
    await using temp = await TempFolder.create();
    const path = `${temp.path}/in/file`;
    await mkdir(`${temp.path}/in`);
    if (file !== undefined) {
      await writeFile(path, "");
      await chmod(path, file);
    }
    await chmod(`${temp.path}/in`, folder);
    const hands = foreignHands(path, use);
    if (found === undefined) return assert.equal(hands, undefined);
    assert.match(hands?.problem ?? "", found);
    assert.match(hands?.remedy ?? "", /^[A-Z].*\.$/);
    // What others of the machine share is narrowed by nobody.
    if (folder === 0o1777) assert.doesNotMatch(hands?.remedy ?? "", /chmod/);
  });
}

Deno.test("L6: what another user made is his, and the message says whose and what to do", STRICT, async () => {
  await using temp = await TempFolder.create();
  const path = `${temp.path}/file`;
  await writeFile(path, "", { mode: 0o600 });
  // Root's own are trusted by everybody, so there another's can only be made as root.
  if (SELF?.uid === 0) await chown(path, STRANGER.uid, STRANGER.uid);
  const reader = SELF?.uid === 0 ? SELF : STRANGER;
  for (const use of ["state", "file"] as const) {
    const hands = foreignHands(path, use, reader);
    assert.match(hands?.problem ?? "", /belongs to another user \(uid \d+; Signet runs as uid \d+\)/);
    assert.match(hands?.remedy ?? "", /^Run chown/);
  }
});

Deno.test({
  name: "L6: links, side files, folders and what is above them are looked at too",
  ignore: SELF?.uid !== 0,
  ...STRICT,
  fn: async () => {
    await using temp = await TempFolder.create();
    const root = temp.path;
    const fresh = async (name: string) => {
      await mkdir(`${root}/${name}/in`, { recursive: true });
      await writeFile(`${root}/${name}/in/file`, "", { mode: 0o600 });
      return `${root}/${name}/in/file`;
    };
    const give = (path: string) => chown(path, STRANGER.uid, STRANGER.uid);
    const isTrusted = (path: string, use: PathUse = "file") => foreignHands(path, use) === undefined;

    const side = await fresh("side");
    for (const end of ["-wal", "-shm", "-journal"]) {
      const state = await fresh(`side${end}`);
      await writeFile(state + end, "");
      assert.equal(isTrusted(state, "state"), true, end);
      await give(state + end);
      assert.equal(isTrusted(state, "state"), false, end);
    }
    assert.equal(isTrusted(side, "state"), true);

    const folder = await fresh("folder");
    await give(`${root}/folder/in`);
    assert.equal(isTrusted(folder), false, "a folder of another's");

    const above = await fresh("above");
    await chmod(`${root}/above`, 0o777);
    assert.equal(isTrusted(above), false, "a folder above that all may write");
    await chmod(`${root}/above`, 0o1777);
    assert.equal(isTrusted(above), true, "a sticky one above");
    await give(`${root}/above`);
    assert.equal(isTrusted(above), false, "one above of another's");

    const group = await fresh("group");
    await chmod(`${root}/group/in`, 0o770);
    assert.equal(isTrusted(group, "state"), false, "a folder that a group may write");

    const target = await fresh("target");
    await symlink(target, `${root}/link`);
    assert.equal(isTrusted(`${root}/link`), true);
    await give(target);
    assert.equal(isTrusted(`${root}/link`), false, "a link to another's file");
    const own = await fresh("own");
    await mkdir(`${root}/open`);
    await chmod(`${root}/open`, 0o1777);
    await symlink(own, `${root}/open/link`);
    assert.equal(isTrusted(`${root}/open/link`), true);
    await Deno.remove(`${root}/open/link`);
    await symlink(own, `${root}/open/link`);
    await lchown(`${root}/open/link`, STRANGER.uid, STRANGER.uid);
    assert.equal(isTrusted(`${root}/open/link`), false, "another's link to one's own file");
    await symlink(`${root}/nowhere`, `${root}/open/dangling`);
    await lchown(`${root}/open/dangling`, STRANGER.uid, STRANGER.uid);
    assert.equal(isTrusted(`${root}/open/dangling`, "state"), false, "another's link to nothing");
    const linked = await fresh("linked");
    await symlink(linked, `${root}/state-link`);
    assert.equal(isTrusted(`${root}/state-link`, "state"), true);
    await writeFile(`${linked}-wal`, "");
    await give(`${linked}-wal`);
    assert.equal(isTrusted(`${root}/state-link`, "state"), false, "what is beside a link's target");
  },
});
