// `signet reload`: what came of it, told by the running Signet's own API.
import assert from "node:assert/strict";
import { type ProcessControl, processRoutes } from "../../../../lib/admin/process_api.ts";
import { ConfigError, SignetError } from "../../../../lib/errors.ts";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";

/** The command before a Signet whose reload is `reload`. */
async function reloading(reload: ProcessControl["reload"]): Promise<{ code: number; machine: FakeMachine }> {
  const control: ProcessControl = { drainTimeoutMs: 0, logLevel: "info", stop() {}, reload };
  const routes = processRoutes(control, { token: undefined, loopback: true });
  const machine = new FakeMachine({
    fetch: async (url, init) => await routes.get(new URL(url).pathname)!(new Request(url, init), ""),
  });
  return { code: await machine.run("reload"), machine };
}

Deno.test("P2: reload names what waits for a restart, and is done all the same", STRICT, async () => {
  const whole = await reloading(() => Promise.resolve([]));
  assert.deepEqual([whole.code, whole.machine.stdout, whole.machine.stderr], [0, "reloaded\n", ""]);
  const partly = await reloading(() => Promise.resolve(["--listen", "--path"]));
  assert.deepEqual([partly.code, partly.machine.stdout], [0, "reloaded\n"]);
  assert.match(partly.machine.stderr, /^signet: What has changed of --listen, --path waits for a restart;/);
});

Deno.test("P2: reload shows every problem of what was refused", STRICT, async () => {
  const { code, machine } = await reloading(() =>
    Promise.reject(new ConfigError([{ place: "signet.yaml:2 (path)", problem: "it is odd", remedy: "Mend it." }]))
  );
  assert.deepEqual([code, machine.stdout], [1, ""]);
  assert.match(machine.stderr, /^signet: 1 problem\n\n {2}signet\.yaml:2 \(path\)\n {4}It is odd\.\n {4}Mend it\.\n$/);
});

Deno.test("P2: reload says that Signet is draining, and else where to look", STRICT, async () => {
  const draining = await reloading(() => Promise.reject(new SignetError("draining")));
  assert.deepEqual([draining.code, draining.machine.stdout], [1, ""]);
  assert.match(
    draining.machine.stderr,
    /^signet: The reload was refused: Signet is draining, and ends\.\nWhatever is started/,
  );
  const other = await reloading(() => Promise.reject(new Error("x")));
  assert.equal(other.code, 1);
  assert.match(other.machine.stderr, /stay as they were\.\nThe log says why\.\n$/);
});
