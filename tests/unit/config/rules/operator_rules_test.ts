import assert from "node:assert/strict";
import { pemTexts } from "../../../support/authority.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemLines, warningsOf } from "../sources.ts";

const SECRET = btoa("s".repeat(32));
const files = { admin: SECRET, tokens: SECRET };

Deno.test("P1: an admin listener beyond loopback is warned of, and whether operators can use it", STRICT, async () => {
  const argv = ["--admin", "0.0.0.0:9090"];
  assert.match(
    await warningsOf({ argv }),
    /sees metrics, unasked\. The operators' API is off there; --admin-token-file/,
  );
  const open = await warningsOf({ argv: [...argv, "--admin-token-file", "admin"], files });
  assert.match(open, /asks for its token, which crosses the network in the clear/);
  assert.doesNotMatch(await warningsOf({ argv: ["--admin-token-file", "admin"], files }), /admin/);
});

Deno.test("an admin token without an admin listener is a problem", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--admin", "off", "--admin-token-file", "admin"], files }), [
    "--admin-token-file: the admin listener is off",
  ]);
});

Deno.test("T1 L6: tokens without a state file are warned to die with the process", STRICT, async () => {
  const argv = ["--principal", "token", "--token-secret-file", "tokens"];
  assert.match(await warningsOf({ argv, files }), /Without --state, issued session tokens and what was revoked/);
  assert.doesNotMatch(await warningsOf({ argv: [...argv, "--state", "s.db"], files }), /--state/);
});

Deno.test("V2 R2: what is said of this replica must hold of it as it does of all others", STRICT, async () => {
  const files = { ...await pemTexts() };
  const warned = (...argv: string[]) => warningsOf({ argv: ["--principal", "bearer", ...argv], files });
  const peers = ["--peer", "10.0.0.0/24", "--peer", "fd00::/8"];
  for (const fit of ["http://10.0.0.7:8080", "http://[fd00::7]:8080"]) {
    assert.doesNotMatch(await warned("--advertise", fit, ...peers), /--advertise/);
  }
  assert.match(await warned("--advertise", "http://10.0.1.7:8080", ...peers), /10\.0\.1\.7 is in none of the --peer/);
  assert.match(await warned("--advertise", "http://[fe80::7]:8080", ...peers), /fe80::7 is in none of the --peer/);
  const named = ["--advertise", "http://10.0.1.7:8080", ...peers, "--peers", "dns:peers.example"];
  assert.doesNotMatch(await warned(...named), /in none of/, "the name may stand for it");
  assert.match(await warned("--advertise", "http://pod-1:8080", ...peers), /names pod-1: peers are known by their IP/);
  assert.match(await warned("--advertise", "http://10.0.0.7:8080", ...peers, "--session-only"), /one replica's memory/);
  assert.match(await warned("--advertise", "https://10.0.0.7:8080", ...peers), /speaks none \(--tls-cert\)/);
  const tls = ["--tls-cert", "cert", "--tls-key", "key"];
  assert.doesNotMatch(await warned("--advertise", "https://10.0.0.7:8080", ...peers, ...tls), /--advertise/);
  assert.match(await warned("--advertise", "http://10.0.0.7:8080", ...peers, ...tls), /speaks TLS alone/);
});
