import assert from "node:assert/strict";
import { parseFlags } from "../../../lib/config/flags.ts";
import { SETTING_KEYS, type SettingKey } from "../../../lib/config/schema.ts";
import { STRICT } from "./sources.ts";

function parse(argv: string[], accepts: readonly SettingKey[] = SETTING_KEYS) {
  return parseFlags(argv, { command: "signet serve", accepts: new Set(accepts) });
}

Deno.test("parseFlags reads values after a blank and after an equals sign", STRICT, () => {
  const { given, problems } = parse(["--listen", "a:1", "--path=/x=y", "--full-lane", "--allow-host=", "--admin=off"]);
  assert.deepEqual(problems, []);
  assert.deepEqual([...given].map(([key, texts]) => [key, texts.map(({ text }) => text)]), [
    ["listen", ["a:1"]],
    ["path", ["/x=y"]],
    ["fullLane", ["true"]],
    ["allowHosts", [""]],
    ["admin", ["off"]],
  ]);
});

Deno.test("parseFlags keeps every occurrence in order", STRICT, () => {
  const { given } = parse(["--principal", "jwt", "--listen", "a:1", "--principal=bearer"]);
  assert.deepEqual(given.get("principals"), [
    { text: "jwt", place: "--principal" },
    { text: "bearer", place: "--principal" },
  ]);
});

Deno.test("parseFlags takes no value from a next flag", STRICT, () => {
  const { given, problems } = parse(["--listen", "--path", "/x", "--key-file"]);
  assert.deepEqual(problems.map(({ place, problem }) => [place, problem]), [
    ["--listen", "the value is missing"],
    ["--key-file", "the value is missing"],
  ]);
  assert.equal(given.get("path")?.[0]?.text, "/x");
});

Deno.test("parseFlags lets a flag without a value leave the next word alone", STRICT, () => {
  const { given, positionals } = parse(["--full-lane", "false", "--unsafe-listen=false"]);
  assert.equal(given.get("fullLane")?.[0]?.text, "true");
  assert.equal(given.get("unsafeListen")?.[0]?.text, "false");
  assert.deepEqual(positionals, ["false"]);
});

Deno.test("P3: parseFlags reports every unknown flag with the nearest name", STRICT, () => {
  const { problems, positionals } = parse(["--lisen", "a:1", "--sesion-ttl=3h", "-x", "--ful-lane", "word"]);
  assert.deepEqual(problems.map(({ place, remedy }) => [place, remedy.split("?")[0]]), [
    ["--lisen", "Did you mean --listen"],
    ["--sesion-ttl", "Did you mean --session-ttl"],
    ["-x", "`signet serve --help` lists all flags."],
    ["--ful-lane", "Did you mean --full-lane"],
  ]);
  assert.deepEqual(positionals, ["word"], "the value of the misspelt flag is not a stray word too");
});

Deno.test("parseFlags never repeats the value of an unknown flag", STRICT, () => {
  const { problems } = parse(["--api-token=hunter2", "--secret" + "s".repeat(100)]);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2|s{80}/);
});

Deno.test("parseFlags refuses a flag that is another command's", STRICT, () => {
  const { given, problems } = parse(["--upstream", "http://a/", "--key-file", "k"], ["keyFile"]);
  assert.deepEqual(problems.map(({ place, problem }) => [place, problem]), [
    ["--upstream", "`signet serve` has no use for this flag"],
  ]);
  assert.deepEqual([...given.keys()], ["keyFile"]);
  assert.match(parse(["--config", "x"], []).problems[0]?.problem ?? "", /no such flag/);
});

Deno.test("parseFlags ends at -- and keeps what follows as it is", STRICT, () => {
  const { given, rest, positionals } = parse(["a", "-", "--", "--listen", "b"]);
  assert.equal(given.size, 0);
  assert.deepEqual(positionals, ["a", "-"]);
  assert.deepEqual(rest, ["--listen", "b"]);
  assert.equal(parse([]).rest, undefined);
});

Deno.test("parseFlags finds help and the configuration file anywhere", STRICT, () => {
  assert.equal(parse(["--listen", "a:1", "-h"]).help, true);
  assert.equal(parse(["--help"]).help, true);
  assert.equal(parse(["--", "--help"]).help, false);
  assert.equal(parse(["--config", "s.yaml"]).configFile, "s.yaml");
  assert.equal(parse(["--config=s.yaml"]).configFile, "s.yaml");
});

Deno.test("parseFlags refuses a configuration file that is blank or named twice", STRICT, () => {
  assert.deepEqual(parse(["--config="]).problems.map(({ problem }) => problem), ["the value is blank"]);
  const twice = parse(["--config", "a", "--config", "b"]);
  assert.deepEqual(twice.problems.map(({ problem }) => problem), ["it is given 2 times"]);
});
