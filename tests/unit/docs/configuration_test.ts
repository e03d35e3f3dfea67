import assert from "node:assert/strict";
import { STRICT } from "../../support/strict.ts";
import { load } from "../config/sources.ts";

Deno.test("P3: the whole signet.yaml of the documentation is a configuration without a problem", STRICT, async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/configuration.md", import.meta.url));
  const yaml = /```yaml\n(# signet\.yaml[\s\S]*?)```/.exec(page)?.[1];
  assert.ok(yaml, "looking for the block that begins with # signet.yaml");
  const files = { "signet.yaml": yaml, "/etc/signet/key": btoa("k".repeat(32)) };
  const { settings } = await load({ argv: ["--config", "signet.yaml"], files });
  assert.deepEqual(settings.jwtProviders.map(({ issuer }) => issuer), [
    "https://login.partner.example/",
    "https://machines.example.com",
  ]);
  assert.equal(settings.stateFile, "/var/lib/signet/state.db");
});

Deno.test("P3: every signet.yaml of the guides is a configuration without a problem", STRICT, async () => {
  const guides = new URL("../../../docs/guides/", import.meta.url);
  let count = 0;
  for await (const { name } of Deno.readDir(guides)) {
    const page = await Deno.readTextFile(new URL(name, guides));
    for (const [, yaml] of page.matchAll(/```yaml\n(# signet\.yaml[\s\S]*?)```/g)) {
      const secret = btoa("k".repeat(32));
      const files = { "signet.yaml": yaml!, "/etc/signet/key": secret, "/etc/signet/introspection.secret": secret };
      await assert.doesNotReject(load({ argv: ["--config", "signet.yaml"], files }), `${name}: ${yaml}`);
      count++;
    }
  }
  assert.ok(count >= 6, `found ${count}: is this still how they begin?`);
});
