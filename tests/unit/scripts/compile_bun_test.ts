// What the executable made with Bun consists of, and what its runtime is made blind to.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { bundleProgram, MAIN, switchOff } from "../../../scripts/compile_bun.ts";
import { assertSelfContained, packagesOf, RUNTIME_PACKAGES } from "../../../scripts/compile_contents.ts";
import { fileNameOf, targetNamed, TARGETS } from "../../../scripts/compile_targets.ts";
import { sbomText } from "../../../scripts/sbom.ts";
import { STRICT } from "../../support/strict.ts";

const root = resolve(import.meta.dirname ?? ".", "../../..");

Deno.test("packagesOf names the packages of a bundle, once each, with their versions", STRICT, () => {
  const npm = "/cache/npm/registry.example";
  assert.deepEqual(
    packagesOf([`${npm}/jose/6.2.17/a.js`, "/p/main.ts", `${npm}/@redis/client/6.3.1/b.js`, "/p/lib/a.ts"], "/p")
      .concat(packagesOf([`${npm}/jose/6.2.17/a.js`, `${npm}/jose/6.2.17/b.js`], "/p")),
    [
      { name: "@redis/client", version: "6.3.1" },
      { name: "jose", version: "6.2.17" },
      { name: "jose", version: "6.2.17" },
    ],
  );
});

for (const source of ["/p/tests/a.ts", "/etc/passwd", "/cache/npm/registry.example/fast-check/4.10.2/a.js"]) {
  Deno.test(`packagesOf objects when ${source} got into the bundle`, STRICT, () => {
    assert.throws(() => packagesOf([source], "/p"), /got into the bundle/);
  });
}

Deno.test("assertSelfContained objects to whatever a bundle would load when it runs", STRICT, () => {
  assertSelfContained('import { a } from "node:fs";\nimport "node:net";\nconst text = "import x";\nexport { b };\n');
  assert.throws(() => assertSelfContained('import { a } from "node:fs";\nimport { jwt } from "jose";\n'), /jose/);
  assert.throws(() => assertSelfContained('import "./a.js";\n'), /a\.js/);
  assertSelfContained('const page = `\nimport { get } from "./api.js";\n`;\n');
});

Deno.test("assertSelfContained lets parts of a bundle import each other, and no file that is none", STRICT, () => {
  const parts = new Set(["chunk-A1B2.js"]);
  assertSelfContained('import {\n  a\n} from "./chunk-A1B2.js";\n', parts);
  assert.throws(() => assertSelfContained('import { a } from "./chunk-C3D4.js";\n', parts), /chunk-C3D4/);
});

Deno.test(
  "the program bundles into parts of its own files and its packages, and little is in the one that begins",
  STRICT,
  async () => {
    const { files, packages } = await bundleProgram(root);
    const sizes = [...files].map(([, code]) => code.length);
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) > 1_000_000);
    assert.ok(files.get(MAIN)!.length < 200_000, `${files.get(MAIN)!.length} characters`);
    // A package of CommonJS that is loaded by itself would have no names in it: see lib/config/yaml/yaml.ts.
    for (const [name, code] of files) assert.doesNotMatch(code, /^export default require_\w+\(\);$/m, name);
    assert.ok(packages.length > 3);
    assert.ok(packages.every(({ name }) => RUNTIME_PACKAGES.includes(name)));
    const started = new Set<string>();
    addWithImports(started, MAIN, files);
    addWithImports(started, [...files.keys()].find((name) => name.startsWith("app-"))!, files);
    const code = [...started].map((name) => files.get(name)!).join("\n");
    assert.match(code, /\/envelope\/poly1305\.ts/);
    for (const name of LATE) assert.ok(!code.includes(`/${name}/`), `${name} is loaded before anybody wants it`);
  },
);

/** Packages that `signet serve` can do without, unless a setting wants them. */
const LATE = ["@redis/client", "@marcbachmann/cel-js", "jose", "oauth4webapi", "yaml"];

/** A part and what it imports, dynamic imports left out. */
function addWithImports(into: Set<string>, name: string, files: ReadonlyMap<string, string>): void {
  if (into.has(name)) return;
  into.add(name);
  for (const [, imported] of files.get(name)!.matchAll(/^(?:import|export|\})[^"';]*?"\.\/([^"]+)";?$/gm)) {
    if (files.has(imported!)) addWithImports(into, imported!, files);
  }
}

Deno.test("switchOff makes every occurrence of a name one that no environment holds, and misses none", STRICT, () => {
  const bytes = new TextEncoder().encode("xBUN_BE_BUN BUN_BE_BUNBUN_OPTIONS");
  switchOff(bytes, ["BUN_BE_BUN", "BUN_OPTIONS"]);
  assert.equal(new TextDecoder().decode(bytes), "x\0UN_BE_BUN \0UN_BE_BUN\0UN_OPTIONS");
  assert.throws(() => switchOff(bytes, ["BUN_BE_BUN"]), /does not occur/);
});

Deno.test("targets have one name each, and Deno's triples stand for them", STRICT, () => {
  assert.equal(targetNamed("x86_64-unknown-linux-gnu").name, "linux-x64");
  assert.throws(() => targetNamed("amiga"), /want one of linux-x64, linux-arm64/);
  assert.equal(new Set(TARGETS.map((target) => fileNameOf(target))).size, TARGETS.length);
  assert.equal(fileNameOf(targetNamed("windows-x64")), "signet-windows-x64.exe");
});

Deno.test("the bill of materials names program, runtime and packages, with the lock file's hashes", STRICT, () => {
  const text = sbomText({
    ...{ version: "1.2.3", commit: "abc", target: "linux-x64", runtime: { name: "bun", version: "1.4.5" } },
    packages: [{ name: "@redis/client", version: "6.3.1" }],
    lock: { npm: { "@redis/client@6.3.1": { integrity: "sha512-AAEC" } } },
  });
  const bom = JSON.parse(text);
  assert.deepEqual([bom.bomFormat, bom.specVersion, bom.metadata.component.version], ["CycloneDX", "1.6", "1.2.3"]);
  assert.equal(bom.components[0].name, "bun");
  assert.deepEqual(bom.components[1].hashes, [{ alg: "SHA-512", content: "000102" }]);
  assert.equal(bom.components[1].purl, "pkg:npm/%40redis/client@6.3.1");
});
