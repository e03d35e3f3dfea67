import assert from "node:assert/strict";
import { type OwnFlag, ownValue, parseFlags } from "../../../lib/config/flags.ts";
import { SETTING_KEYS, type SettingKey } from "../../../lib/config/schema.ts";
import { boolean, string } from "../../../lib/config/values/kinds.ts";
import { duration } from "../../../lib/config/values/quantities.ts";
import { STRICT } from "../../support/strict.ts";

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
    ["-x", "`signet serve --help-all` lists all flags."],
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
  const { given, rest, positionals } = parse(["a", "-", "--", "--listen", "b"], ["listen"]);
  assert.equal(given.size, 0);
  assert.deepEqual(positionals, ["a", "-"]);
  assert.deepEqual(rest, ["--listen", "b"]);
  assert.equal(parse([]).rest, undefined);
});

Deno.test("parseFlags takes what follows -- for the command where one can be started", STRICT, () => {
  const words = ["npx", "-y", "a,b", " ", "", "-y", "--listen=x", "--"];
  const { given, rest, problems } = parse(["--path", "/x", "--", ...words]);
  assert.deepEqual(problems, []);
  assert.equal(rest, undefined);
  assert.deepEqual(given.get("command")?.map(({ text }) => text), words);
  assert.deepEqual(given.get("command")?.map(({ place }) => place), words.map(() => "--"));
  assert.match(parse(["--"]).problems[0]!.problem, /no command stands behind it/);
  for (const argv of [["--command", "hunter2"], ["--command=hunter2"]]) {
    const { given, problems, positionals } = parse(argv);
    assert.deepEqual([given.size, positionals, problems.map(({ place }) => place)], [0, [], ["--command"]]);
    assert.match(problems[0]!.remedy, /behind --/);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
  }
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

const AGENT: OwnFlag<string> = { name: "agent", doc: "x", kind: string };
const TTL: OwnFlag<number> = { name: "ttl", doc: "x", kind: duration({ min: 1, max: 1000 }) };
const JSON_LINES: OwnFlag<boolean> = { name: "json", doc: "x", kind: boolean, isFlag: true };
const PATH: OwnFlag<string> = { name: "path", doc: "x", kind: string };

function parseOwn(argv: string[], takesWords = true) {
  const own = [AGENT, TTL, JSON_LINES, PATH];
  return parseFlags(argv, { command: "signet x", accepts: new Set(["path", "admin"]), own, takesWords });
}

Deno.test("parseFlags reads a command's own flags by their kinds", STRICT, () => {
  const flags = parseOwn(["--agent", "a b", "--ttl=1s", "--json", "word"]);
  assert.deepEqual(flags.problems, []);
  assert.deepEqual([ownValue(flags, AGENT), ownValue(flags, TTL), ownValue(flags, JSON_LINES)], ["a b", 1000, true]);
  assert.deepEqual([ownValue(flags, PATH), flags.given.size, flags.positionals], [undefined, 0, ["word"]]);
  assert.equal(ownValue(parseOwn(["--json=false"]), JSON_LINES), false);
});

Deno.test("parseFlags gives a command's own flag in place of the setting of that name", STRICT, () => {
  const flags = parseOwn(["--path", "no path at all"]);
  assert.deepEqual([flags.problems, ownValue(flags, PATH), flags.given.size], [[], "no path at all", 0]);
});

Deno.test("parseFlags tells what is wrong with a command's own flags, each of them", STRICT, () => {
  const { problems } = parseOwn(["--agent", "a", "--agent", "b", "--ttl", "2s", "--jsn", "--json=7", "--agent"]);
  assert.deepEqual(problems.map(({ place, problem }) => `${place}: ${problem}`), [
    "--agent: it is given 2 times",
    "--ttl: 2s is above the most, 1s",
    "--jsn: there is no such flag",
    '--json: "7" is neither true nor false',
    "--agent: the value is missing",
  ]);
  assert.match(problems[2]!.remedy, /Did you mean --json\?/);
});

Deno.test("parseFlags takes the value of a misspelt own flag with it, and none of a misspelt switch", STRICT, () => {
  const value = parseOwn(["--agnet", "hunter2", "word"]);
  assert.deepEqual([value.problems.length, value.positionals], [1, ["word"]]);
  const bare = parseOwn(["--jsom", "word"]);
  assert.deepEqual([bare.problems.length, bare.positionals], [1, ["word"]]);
});

Deno.test("parseFlags takes a number below zero as a word where there are words: no flag is called so", STRICT, () => {
  const flags = parseOwn(["-32001", "--json"]);
  assert.deepEqual([flags.problems, flags.positionals, ownValue(flags, JSON_LINES)], [[], ["-32001"], true]);
  assert.match(parseOwn(["-32001"], false).problems[0]!.problem, /no such flag/);
});

Deno.test("parseFlags takes words that begin with a dash behind --, where there are words", STRICT, () => {
  assert.deepEqual(parseOwn(["--", "-sid", "--agent"]).positionals, ["-sid", "--agent"]);
  const stray = parseOwn(["-sid"]);
  assert.match(stray.problems[0]!.remedy, /Write -- before a word that begins with a dash\./);
  assert.deepEqual(parseOwn(["--", "-sid"], false).rest, ["-sid"]);
});
