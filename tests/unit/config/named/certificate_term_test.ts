import assert from "node:assert/strict";
import { certificateTerm } from "../../../../lib/config/named/certificate_term.ts";
import { DAY, HOUR } from "../../../../lib/config/values/units.ts";
import { Authority } from "../../../support/authority.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { FakeMachine, NOW_MS } from "../../cli/fake_machine.ts";

/** A certificate that is good for two days from now, and its key. */
async function pair(folder: string): Promise<{ cert: string; key: string }> {
  const { certFile, keyFile } = await (await Authority.create(folder, "ours")).certify();
  return { cert: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) };
}

Deno.test("P3: a certificate is told to end, to have ended or not to have begun", STRICT, async () => {
  await using folder = await TempFolder.create();
  const { cert } = await pair(folder.path);
  const now = Date.now();
  const at = (ms: number) => certificateTerm(cert, now + ms);
  assert.deepEqual([at(HOUR)?.state, at(HOUR)?.found], ["soon", "is good for 1 day"]);
  assert.deepEqual([at(DAY + HOUR)?.state, at(DAY + HOUR)?.found], ["soon", "expires within a day"]);
  assert.match(at(3 * DAY)?.found ?? "", /^expired on \d{4}-\d\d-\d\d$/);
  assert.match(at(-DAY)?.found ?? "", /^is not valid before \d{4}-\d\d-\d\d$/);
  assert.deepEqual([at(3 * DAY)?.state, at(-DAY)?.state], ["bad", "bad"]);
  assert.equal(certificateTerm("-----BEGIN CERTIFICATE-----\n", now), undefined);
});

Deno.test("P3 V2: check warns of a certificate that clients refuse, and doctor says since when", STRICT, async () => {
  await using folder = await TempFolder.create();
  const { cert, key } = await pair(folder.path);
  const argv = ["--upstream", "http://127.0.0.1:3000/mcp", "--tls-cert", "c", "--tls-key", "k"];
  const machine = new FakeMachine({ files: { c: cert, k: key } });
  const at = async (nowMs: number, command: string) => {
    [machine.nowMs, machine.stdout] = [nowMs, ""];
    // What doctor looks at behind it is not here.
    const code = await machine.run(command, ...argv).catch(() => undefined);
    return [code, machine.stdout.replaceAll(/\s+/g, " ")] as const;
  };
  const [late, said] = await at(Date.now() + 9 * DAY, "check");
  assert.equal(late, 0, said);
  assert.match(said, /! --tls-cert: the certificate in c expired on [\d-]+\. Renew it and reload: clients refuse it\./);
  assert.match((await at(NOW_MS - 365 * DAY, "check"))[1], /is not valid before [\d-]+\. Clients refuse it until then/);
  assert.match((await at(Date.now() + 9 * DAY, "doctor"))[1], /FAIL certificate c: CN=replica, expired on/);
});
