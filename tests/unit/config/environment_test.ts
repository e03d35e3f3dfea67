import assert from "node:assert/strict";
import { readEnvironment } from "../../../lib/config/environment.ts";
import { keyOfEnvironment, SETTING_KEYS, settingOf } from "../../../lib/config/schema.ts";
import { environmentName } from "../../../lib/config/setting.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("readEnvironment reads every setting by its SIGNET_ name", STRICT, () => {
  for (const key of SETTING_KEYS.filter((key) => !settingOf(key).isWords)) {
    const name = environmentName(settingOf(key));
    assert.match(name, /^SIGNET_[A-Z]+(_[A-Z]+)*$/);
    assert.equal(keyOfEnvironment(name), key);
    const { given, problems } = readEnvironment({ [name]: " value " });
    assert.deepEqual(given.get(key), [{ text: "value", place: name }]);
    assert.deepEqual(problems, []);
  }
});

Deno.test("readEnvironment refuses a command, whose words it could not tell apart", STRICT, () => {
  const { given, problems } = readEnvironment({ SIGNET_COMMAND: "npx -y hunter2" });
  assert.equal(given.size, 0);
  assert.deepEqual(problems.map(({ place }) => place), ["SIGNET_COMMAND"]);
  assert.match(problems[0]!.problem, /not read from the environment/);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
  assert.deepEqual(readEnvironment({ SIGNET_COMMAND: " " }).problems, []);
  assert.match(readEnvironment({ SIGNET_COMMAN: "x" }).problems[0]!.remedy, /lists all names/);
});

Deno.test("readEnvironment counts a blank variable as not set", STRICT, () => {
  const { given, problems } = readEnvironment({ SIGNET_LISTEN: "", SIGNET_PATH: "  ", OTHER: "x" });
  assert.equal(given.size, 0);
  assert.deepEqual(problems, []);
});

Deno.test("P3: readEnvironment refuses a name nobody knows and proposes the nearest", STRICT, () => {
  const { problems } = readEnvironment({ SIGNET_PRINCIPEL: "jwt", SIGNET_COLOUR: "hunter2", SIGNET_CONFIG: "x" });
  assert.deepEqual(problems.map(({ place, remedy }) => [place, remedy]), [
    ["SIGNET_PRINCIPEL", "Did you mean SIGNET_PRINCIPAL?"],
    ["SIGNET_COLOUR", "Unset it; `signet serve --help` lists all names."],
  ]);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

Deno.test("readEnvironment overlooks what Kubernetes adds for a Service called signet or signet-mcp", STRICT, () => {
  const { given, problems } = readEnvironment({
    SIGNET_SERVICE_HOST: "10.0.0.1",
    SIGNET_SERVICE_PORT: "8080",
    SIGNET_SERVICE_PORT_HTTP: "8080",
    SIGNET_PORT: "tcp://10.0.0.1:8080",
    SIGNET_PORT_8080_TCP: "tcp://10.0.0.1:8080",
    SIGNET_PORT_8080_TCP_PROTO: "tcp",
    SIGNET_PORT_8080_TCP_PORT: "8080",
    SIGNET_PORT_8080_TCP_ADDR: "10.0.0.1",
    SIGNET_MCP_SERVICE_HOST: "10.0.0.1",
    SIGNET_MCP_PORT_80_TCP: "tcp://10.0.0.1:80",
  });
  assert.equal(given.size, 0);
  assert.deepEqual(problems, []);
});

Deno.test("readEnvironment refuses DENO_SERVE_ADDRESS, even blank", STRICT, () => {
  for (const value of ["tcp:0.0.0.0:80", ""]) {
    const { problems } = readEnvironment({ DENO_SERVE_ADDRESS: value });
    assert.deepEqual(problems.map(({ place }) => place), ["DENO_SERVE_ADDRESS"]);
  }
});
