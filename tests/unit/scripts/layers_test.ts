// The layer check on small trees of its own, read by the real `deno info`.
import assert from "node:assert/strict";
import { checkLayers, layerOf, LAYERS } from "../../../scripts/layers.ts";
import { STRICT } from "../../support/strict.ts";

/** Writes a project of `files` (path → source), checks it, and removes it. */
async function problemsOf(files: Record<string, string>): Promise<string[]> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "signet_layers_" }));
  try {
    await Deno.writeTextFile(`${root}/deno.json`, `{ "imports": { "jose": "npm:jose@6.2.17" } }`);
    for (const [path, source] of Object.entries({ "main.ts": "", "lib/errors.ts": "export {};", ...files })) {
      await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]+$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, source);
    }
    return (await checkLayers(root)).problems;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("layerOf names the layer when the file is in lib or main.ts", STRICT, () => {
  assert.equal(layerOf("main.ts"), "main");
  assert.equal(layerOf("lib/app.ts"), "app");
  assert.equal(layerOf("lib/errors.ts"), "errors");
  assert.equal(layerOf("lib/session/deep/registry.ts"), "session");
  assert.equal(layerOf("scripts/layers.ts"), undefined);
  assert.equal(layerOf("tests/unit/lib/x.ts"), undefined);
});

Deno.test(
  "checkLayers passes when imports point downwards, sideways within a layer, or to packages",
  STRICT,
  async () => {
    assert.deepEqual(
      await problemsOf({
        "main.ts": `import "./lib/cli/serve.ts";`,
        "lib/cli/serve.ts": `import { app } from "../app.ts"; import "node:fs"; export const x = app;`,
        "lib/app.ts": `import { a } from "./gateway/a.ts"; export const app = a;`,
        "lib/gateway/a.ts":
          `import { b } from "./b.ts"; import type { J } from "jose"; export const a = b; export type K = J;`,
        "lib/gateway/b.ts": `import "../errors.ts"; export const b = 1;`,
      }),
      [],
    );
  },
);

for (
  const [form, source] of [
    ["a plain import", `import { up } from "../gateway/up.ts"; export const x = up;`],
    ["a side-effect import", `import "../gateway/up.ts";`],
    ["import type", `import type { Up } from "../gateway/up.ts"; export type X = Up;`],
    ["an import() type", `export type X = import("../gateway/up.ts").Up;`],
    ["export from", `export { up } from "../gateway/up.ts";`],
    ["export star", `export * from "../gateway/up.ts";`],
    ["a dynamic import", `export const x = await import("../gateway/up.ts");`],
  ] as const
) {
  Deno.test(`checkLayers names both files and the cure when ${form} points upwards`, STRICT, async () => {
    const problems = await problemsOf({
      "lib/session/registry.ts": `// first line\n${source}`,
      "lib/gateway/up.ts": "export const up = 1; export type Up = number;",
    });
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(
      problems[0] ?? "",
      /^lib\/session\/registry\.ts:2 imports lib\/gateway\/up\.ts: gateway lies above session\. Take it/,
    );
  });
}

Deno.test("checkLayers ignores an import in a comment or a string", STRICT, async () => {
  assert.deepEqual(
    await problemsOf({
      "lib/session/registry.ts": `// import "../gateway/up.ts";\nexport const x = 'import "../gateway/up.ts";';`,
      "lib/gateway/up.ts": "export {};",
    }),
    [],
  );
});

Deno.test("checkLayers refuses each pair of layers in the wrong order", STRICT, async () => {
  // One tree in which every layer imports the one right above it: every edge but none in between is wrong.
  const files: Record<string, string> = {};
  const path = (layer: string) => layer === "main" ? "main.ts" : `lib/${layer}/x.ts`;
  for (const [index, layer] of LAYERS.entries()) {
    const above = LAYERS[index - 1];
    files[path(layer)] = above === undefined
      ? "export {};"
      : `import ${JSON.stringify(above === "main" ? "../../main.ts" : `../${above}/x.ts`)};`;
  }
  const problems = await problemsOf(files);
  assert.equal(problems.length, LAYERS.length - 1, problems.join("\n"));
});

Deno.test("checkLayers names every file on the way round when imports make a cycle", STRICT, async () => {
  const problems = await problemsOf({
    "lib/mcp/a.ts": `import "./b.ts";`,
    "lib/mcp/b.ts": `import type { C } from "./c.ts"; export type B = C;`,
    "lib/mcp/c.ts": `import "./a.ts"; export type C = 1;`,
    "lib/mcp/d.ts": `import "./a.ts";`,
  });
  assert.deepEqual(problems, [
    "import cycle: lib/mcp/a.ts → lib/mcp/b.ts → lib/mcp/c.ts → lib/mcp/a.ts. " +
    "Move what they share into a file of its own that both import",
  ]);
});

Deno.test("checkLayers reports two cycles when two groups of files are tangled", STRICT, async () => {
  const problems = await problemsOf({
    "lib/mcp/a.ts": `import "./b.ts";`,
    "lib/mcp/b.ts": `import "./a.ts"; import "../http1/x.ts";`,
    "lib/http1/x.ts": `import "./y.ts";`,
    "lib/http1/y.ts": `import "./x.ts";`,
  });
  assert.deepEqual(problems.map((p) => p.split(".")[0]), ["import cycle: lib/http1/x", "import cycle: lib/mcp/a"]);
});

Deno.test(
  "checkLayers refuses rooms of a folder that import each other, though no file imports itself",
  STRICT,
  async () => {
    const problems = await problemsOf({
      "lib/mcp/json/text.ts": "export {};",
      "lib/mcp/json/scan.ts": `// judges\nimport "../message.ts";`,
      "lib/mcp/message.ts": `import "./json/text.ts";`,
      "lib/mcp/eras/era.ts": `import "../json/scan.ts";`,
    });
    assert.deepEqual(problems, [
      "rooms of lib/mcp import each other: json/ → message.ts → json/ (lib/mcp/json/scan.ts:2, lib/mcp/message.ts:1). " +
      "Move what they share into one that both import",
    ]);
  },
);

Deno.test("checkLayers tells of rooms in the innermost folder that holds both", STRICT, async () => {
  const problems = await problemsOf({
    "lib/mcp/json/deep/a.ts": `import "../flat/b.ts";`,
    "lib/mcp/json/flat/b.ts": "export {};",
    "lib/mcp/json/flat/c.ts": `import "../deep/d.ts"; import "../../message.ts";`,
    "lib/mcp/json/deep/d.ts": "export {};",
    "lib/mcp/message.ts": "export {};",
  });
  assert.deepEqual(problems.map((problem) => problem.split(" (")[0]), [
    "rooms of lib/mcp/json import each other: deep/ → flat/ → deep/",
  ]);
});

Deno.test("checkLayers reports a file that imports itself", STRICT, async () => {
  const problems = await problemsOf({ "lib/mcp/a.ts": `import "./a.ts";` });
  assert.deepEqual(problems.length, 1);
  assert.match(problems[0] ?? "", /^import cycle: lib\/mcp\/a\.ts → lib\/mcp\/a\.ts\./);
});

Deno.test("checkLayers refuses a folder that is no layer, and an import from outside lib", STRICT, async () => {
  const problems = await problemsOf({
    "lib/helpers/a.ts": "export {};",
    "lib/mcp/a.ts": `import "../../tests/support/fake.ts";`,
    "tests/support/fake.ts": "export {};",
  });
  assert.equal(problems.length, 2, problems.join("\n"));
  assert.ok(problems.some((p) => p.startsWith("lib/helpers/a.ts: no layer is called helpers.")));
  assert.ok(
    problems.some((p) =>
      p.startsWith("lib/mcp/a.ts:1 imports tests/support/fake.ts, which is not part of the program")
    ),
  );
});

Deno.test("checkLayers reports an import that leads nowhere", STRICT, async () => {
  const problems = await problemsOf({ "lib/mcp/a.ts": `import "./missing.ts";` });
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.match(problems[0] ?? "", /missing\.ts/);
});

Deno.test("checkLayers fails where a runtime is named outside lib/platform, in comments too", STRICT, async () => {
  const problems = await problemsOf({
    "lib/platform/files.ts": "export const read = Deno.readTextFile;",
    "lib/app.ts": "// as Deno.serve does\nexport const env = Bun?.env;\nexport const a = myDeno.env;",
  });
  assert.deepEqual(problems.map((problem) => problem.slice(0, problem.indexOf(": Signet"))), [
    "lib/app.ts:1 names Deno",
    "lib/app.ts:2 names Bun",
  ]);
});
