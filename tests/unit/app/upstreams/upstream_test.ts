// What one kind of upstream needs is loaded for that kind alone: a Signet before an HTTP server has no stdio code in memory.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { STRICT } from "../../../support/strict.ts";

interface Listed {
  readonly specifier: string;
  readonly dependencies?: readonly { readonly code?: { readonly specifier: string }; readonly isDynamic?: boolean }[];
}

/** Files of lib that are loaded with `entry`, without what it may load later. */
async function loadedWith(entry: string): Promise<string[]> {
  const root = new URL("../../../../", import.meta.url);
  const args = ["info", "--json", "--config", fileURLToPath(new URL("deno.json", root)), entry];
  const { stdout, code } = await runBounded(Deno.execPath(), {
    ...{ what: "deno info", deadlineMs: 120_000, retries: 1, args, cwd: fileURLToPath(root) },
  });
  assert.equal(code, 0);
  const { modules, roots } = JSON.parse(stdout) as { modules: Listed[]; roots: string[] };
  const byName = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>(roots);
  for (const name of loaded) {
    for (const { code, isDynamic } of byName.get(name)?.dependencies ?? []) {
      if (code !== undefined && !isDynamic) loaded.add(code.specifier);
    }
  }
  return [...loaded].filter((name) => name.startsWith(root.href)).map((name) => name.slice(root.href.length));
}

Deno.test("an app before an HTTP server loads nothing of stdio or of credentials", STRICT, async () => {
  const loaded = await loadedWith("lib/app/app.ts");
  assert.ok(loaded.includes("lib/upstream/http.ts"), "the graph was not read");
  assert.deepEqual(
    loaded.filter((name) =>
      /^lib\/bridge\/|^lib\/upstream\/(stdio|credentials)|^lib\/app\/(stdio|credentials)/.test(name)
    ),
    [],
  );
  assert.ok((await loadedWith("lib/app/upstreams/stdio_upstream.ts")).includes("lib/upstream/stdio.ts"));
});
