import assert from "node:assert/strict";
import plugin from "../../../scripts/import_order.ts";
import { STRICT } from "../../support/strict.ts";

const found = (source: string) => Deno.lint.runPlugin(plugin, "a.ts", source);

/** `source` as `deno lint --fix` leaves it. */
function mended(source: string): string {
  const fixes = found(source).flatMap(({ fix }) => [...fix ?? []]).toSorted((a, b) => b.range[0] - a.range[0]);
  return fixes.reduce((text, { range, text: by }) => text.slice(0, range[0]) + by + text.slice(range[1]), source);
}

Deno.test("imports in order are let be: packages, then our own, from far to near", STRICT, () => {
  const source =
    'import a from "node:a";\nimport { b } from "yaml";\nimport "../../c.ts";\nimport "../d.ts";\nimport "./e.ts";\n';
  assert.deepEqual(found(source), []);
});

Deno.test("imports out of order are told of once, and put in order", STRICT, () => {
  const source =
    '// What.\nimport { e } from "./e.ts";\nimport {\n  type C,\n} from "../c.ts";\nimport a from "node:a";\n\ne();\n';
  assert.equal(found(source).length, 1);
  const wanted =
    '// What.\nimport a from "node:a";\nimport {\n  type C,\n} from "../c.ts";\nimport { e } from "./e.ts";\n\ne();\n';
  assert.equal(mended(source), wanted);
});

Deno.test(
  "a module whose names are imported twice is told of; all that it exports may stand beside some of it",
  STRICT,
  () => {
    const twice = 'import { a } from "./a.ts";\nimport type { B } from "./a.ts";\n';
    assert.deepEqual(found(twice).map(({ message }) => message), [
      "./a.ts is imported twice, where one import is wanted",
    ]);
    assert.deepEqual(found('import * as all from "./a.ts";\nimport { a } from "./a.ts";\n'), []);
  },
);
