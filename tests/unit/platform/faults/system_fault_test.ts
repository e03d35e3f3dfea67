// One name for a fault, whoever tells of it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { faultCode, isOnlyNow, systemError, systemFault } from "../../../../lib/platform/faults/system_fault.ts";
import { readTextFile } from "../../../../lib/platform/files/files.ts";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

const faultOf = (promise: Promise<unknown>) => promise.then(() => "none", systemFault);

Deno.test("systemFault reads codes, classes and neither", async () => {
  assert.equal(await faultOf(readFile("/no/such/file")), "NotFound");
  assert.equal(await faultOf(Deno.readFile("/no/such/file")), "NotFound");
  assert.equal(await faultOf(readTextFile("/")), "IsADirectory");
  assert.equal(systemFault(systemError("EADDRINUSE", "taken")), "AddrInUse");
  assert.equal(systemFault(new Deno.errors.NotCapable("x")), "NotCapable");
  assert.equal(systemFault(new RangeError("x")), undefined);
  assert.equal(systemFault("ENOENT"), undefined);
});

Deno.test("readTextFile refuses what is no UTF-8 instead of replacing it", async () => {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/text`;
  await Deno.writeFile(path, Uint8Array.of(0x61, 0xff));
  assert.equal(await faultOf(readTextFile(path)), "InvalidData");
  await Deno.writeTextFile(path, "ä");
  assert.equal(await readTextFile(path), "ä");
});

Deno.test("readTextFile reads a pipe, and no more than a text can have of what has no end", async () => {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/image`;
  await Deno.writeTextFile(path, "");
  await Deno.truncate(path, 16 * 1024 * 1024);
  assert.equal((await readTextFile(path)).length, 16 * 1024 * 1024);
  await Deno.truncate(path, 16 * 1024 * 1024 + 1);
  assert.equal(await faultOf(readTextFile(path)), "FileTooLarge");
  if (Deno.build.os === "windows") return;
  assert.equal(await faultOf(readTextFile("/dev/zero")), "FileTooLarge");
  const pipe = `${folder.path}/pipe`;
  const made = await runBounded("mkfifo", { what: "mkfifo", deadlineMs: 10_000, args: [pipe] });
  assert.equal(made.code, 0, made.stderr);
  const [text] = await Promise.all([readTextFile(pipe), Deno.writeTextFile(pipe, "ä".repeat(100_000))]);
  assert.equal(text, "ä".repeat(100_000));
});

Deno.test("isOnlyNow knows what passes by code, by class, and not what stays", () => {
  assert.deepEqual(
    ["EAGAIN", "EINTR", "EPIPE", "ENOSPC"].map((code) => isOnlyNow(systemError(code, "x"))),
    [true, true, false, false],
  );
  assert.ok(isOnlyNow(new Deno.errors.WouldBlock("x")));
  assert.ok(!isOnlyNow(new Deno.errors.BrokenPipe("x")));
  assert.ok(!isOnlyNow("EAGAIN"));
  assert.equal(faultCode(systemError("EPIPE", "x")), "EPIPE");
  assert.equal(faultCode(new Deno.errors.BrokenPipe("x")), "BrokenPipe");
});
