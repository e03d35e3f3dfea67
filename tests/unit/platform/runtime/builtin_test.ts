// Built-in modules that a start can do without are loaded in one place, when they are wanted; what they do is what they did.
import assert from "node:assert/strict";
import { hash as hashOfNode } from "node:crypto";
import { fileURLToPath } from "node:url";
import { hash, isIP, timingSafeEqual, youngCollection } from "../../../../lib/platform/runtime/builtin.ts";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { findBun } from "../../../../scripts/bun.ts";
import { STRICT } from "../../../support/strict.ts";

const LIB = new URL("../../../../lib/", import.meta.url);
const DEAR =
  /^import (?!type )(?:[^;]*?)from "node:(child_process|crypto|dgram|dns|dns\/promises|http|https|net|sqlite|stream|tls|tty|util|zlib)";/gm;
const bun = await findBun();

async function* sources(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}

Deno.test("no file of the program imports a built-in module that a start can do without", STRICT, async () => {
  const found: string[] = [];
  for await (const source of sources(LIB)) {
    const text = await Deno.readTextFile(source);
    for (const [, name] of text.matchAll(DEAR)) found.push(`${fileURLToPath(source)}: node:${name}`);
  }
  assert.deepEqual(found, [], "want their functions from lib/platform/runtime/builtin.ts");
});

const INPUTS = ["", "abc", "\xe9\u{1f600}", new Uint8Array([0, 255, 7])];
const PROGRAM = `
  const { hash, isIP, timingSafeEqual, youngCollection } = await import(process.argv[2]);
  const young = Array.from({ length: 1_000 }, () => new WeakRef({}));
  const left = () => young.filter((each) => each.deref() !== undefined).length;
  // What has been looked at stays until the turn ends; what the stack seems to name, a while longer.
  const before = left();
  await new Promise((resolve) => setTimeout(resolve, 1));
  youngCollection();
  const after = left();
  const inputs = ["", "abc", "\xe9\u{1f600}", new Uint8Array([0, 255, 7])];
  const refuses = (() => { try { timingSafeEqual(new Uint8Array(1), new Uint8Array(2)); return false; } catch { return true; } })();
  console.log(JSON.stringify({
    digests: inputs.flatMap((input) => ["hex", "base64url"].map((coding) => hash("sha256", input, coding))),
    bytes: [...hash("sha256", "abc", "buffer")],
    same: [timingSafeEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2])), timingSafeEqual(new Uint8Array([1]), new Uint8Array([2]))],
    refuses,
    collects: before === 1_000 && after < 100,
    addresses: [isIP("::1"), isIP("127.0.0.1"), isIP("a")],
  }));
`;
const codings = ["hex", "base64url"] as const;
const WANTED = {
  digests: INPUTS.flatMap((input) => codings.map((coding) => hashOfNode("sha256", input, coding))),
  bytes: [...hashOfNode("sha256", "abc", "buffer")],
  same: [true, false],
  refuses: true,
  addresses: [6, 4, 0],
};

Deno.test("what is loaded late does what its module does", STRICT, () => {
  assert.deepEqual(INPUTS.flatMap((input) => codings.map((coding) => hash("sha256", input, coding))), WANTED.digests);
  assert.deepEqual([...hash("sha256", "abc", "buffer")], WANTED.bytes);
  assert.equal(timingSafeEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2])), true);
  assert.equal(timingSafeEqual(new Uint8Array([1]), new Uint8Array([2])), false);
  assert.throws(() => timingSafeEqual(new Uint8Array(1), new Uint8Array(2)), RangeError);
  assert.deepEqual([isIP("::1"), isIP("127.0.0.1"), isIP("a")], WANTED.addresses);
  assert.equal(youngCollection, undefined);
});

Deno.test({
  name: "what is loaded late does what its module does, on Bun, where digests are the runtime's own",
  ignore: bun === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/main.mjs`, PROGRAM);
      const { code, stdout, stderr } = await runBounded(bun!, {
        what: "late modules on Bun",
        deadlineMs: 60_000,
        args: ["--no-install", `${folder}/main.mjs`, fileURLToPath(new URL("platform/runtime/builtin.ts", LIB))],
      });
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), { ...WANTED, collects: true });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
