// The socket contract on both runtimes: here on Deno, and bundled on the Bun that the executable is made with.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../scripts/bounded_child.ts";
import { BUN_VERSION, findBun } from "../../../scripts/bun.ts";
import { SOCKET_CONTRACT } from "../../support/socket_contract.ts";
import { makeCertificate } from "../http1/tls_support.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const bun = await findBun();
if (bun === undefined) {
  console.warn(`%cNOT PROVEN: sockets on Bun, because bun@${BUN_VERSION} is not installed`, "color: red");
}

Deno.test("sockets keep their contract on Deno", async (t) => {
  await using first = await makeCertificate("a.test");
  await using second = await makeCertificate("a.test");
  const pairs = first.available ? { first, second } : { first: undefined, second: undefined };
  for (const { name, tls, run } of SOCKET_CONTRACT) {
    if (!tls || first.available) await t.step(name, () => run(pairs));
  }
});

Deno.test({
  name: "sockets keep their contract on Bun",
  ignore: bun === undefined,
  async fn(t) {
    await using first = await makeCertificate("a.test");
    await using second = await makeCertificate("a.test");
    const folder = await Deno.makeTempDir();
    const files = first.available ? [first.certFile, first.keyFile, second.certFile, second.keyFile] : [];
    const results = await runOnBun(await bundle(folder), files);
    for (const { name, error } of results) await t.step(name, () => assert.equal(error, undefined));
    const wanted = SOCKET_CONTRACT.filter(({ tls }) => !tls || first.available);
    assert.deepEqual(results.map(({ name }) => name), wanted.map(({ name }) => name));
    await Deno.remove(folder, { recursive: true });
  },
});

async function bundle(folder: string): Promise<string> {
  const path = `${folder}/contract.mjs`;
  const { code, stderr } = await runBounded(Deno.execPath(), {
    what: "deno bundle",
    deadlineMs: 120_000,
    args: ["bundle", "--quiet", "--platform", "deno", "--output", path, "tests/fixtures/socket_contract_main.ts"],
    cwd: ROOT,
  });
  assert.equal(code, 0, stderr);
  return path;
}

async function runOnBun(path: string, files: readonly string[]): Promise<{ name: string; error?: string }[]> {
  const { stdout, stderr } = await runBounded(bun!, {
    what: "the socket contract on Bun",
    deadlineMs: 120_000,
    args: ["--no-install", path, ...files],
  });
  const lines = stdout.split("\n").filter((line) => line !== "");
  // A fault thrown in a handler ends nothing on Bun: it is printed, and that is all there is of it.
  assert.equal(stderr, "");
  assert.ok(lines.length > 0);
  return lines.map((line) => JSON.parse(line));
}
