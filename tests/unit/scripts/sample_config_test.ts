import assert from "node:assert/strict";
import { loadSettings } from "../../../lib/config/load.ts";
import { SETTING_KEYS, settingOf } from "../../../lib/config/schema.ts";
import { readConfigFile } from "../../../lib/config/yaml/config_file.ts";
import { formatSampleConfig, SAMPLE_FILE } from "../../../scripts/sample_config.ts";
import { STRICT } from "../../support/strict.ts";
import { sourcesOf } from "../config/sources.ts";

const sample = formatSampleConfig();

const load = (text: string) => loadSettings(sourcesOf({ argv: ["--config", "s.yaml"], files: { "s.yaml": text } }));

Deno.test("the annotated configuration in deploy/ is the one the program has", STRICT, async () => {
  const found = await Deno.readTextFile(new URL(`../../../${SAMPLE_FILE}`, import.meta.url));
  assert.equal(found, sample, "out of date: run deno run -A scripts/config_table.ts --write");
});

Deno.test("the annotated configuration names every setting once, and loads as it stands", STRICT, async () => {
  const names = [...sample.matchAll(/^#?([a-z-]+): /gm)].map(([, name]) => name);
  assert.deepEqual(
    names,
    SETTING_KEYS.map((key) => settingOf(key).name).sort((a, b) => names.indexOf(a) - names.indexOf(b)),
  );
  const { settings } = await load(sample);
  assert.equal(settings.upstreams[0]?.url, "http://127.0.0.1:3000/mcp");
});

Deno.test("every default in the annotated configuration reads as the setting's own", STRICT, async () => {
  const { given, problems } = await readConfigFile("s.yaml", sample.replaceAll(/^#([a-z-]+: )/gm, "$1"));
  assert.deepEqual(problems, []);
  for (const key of SETTING_KEYS) {
    const { name, kind, repeatable, isWords, default: fallback } = settingOf(key);
    const wanted = repeatable ? fallback as readonly unknown[] : [fallback];
    if (isWords || fallback === undefined || wanted.length === 0) continue;
    const read = given.get(key)!.map(({ text }) => kind.parse(text));
    assert.deepEqual(read, wanted.map((value) => ({ value })), name);
  }
});
