import assert from "node:assert/strict";
import { formatProblems, printable, printed, sentence, styleFor, wrap } from "../../../../lib/cli/screen/text.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("wrap breaks at blanks and loses no word", STRICT, () => {
  assert.deepEqual(wrap("one two three four", 9), ["one two", "three", "four"]);
  assert.deepEqual(wrap("exactly ten", 11), ["exactly ten"]);
  assert.deepEqual(wrap("a verylongwordindeed b", 6), ["a", "verylongwordindeed", "b"]);
  assert.deepEqual(wrap("", 6), [""]);
});

Deno.test("sentence puts a capital in front and a stop at the end, once", STRICT, () => {
  assert.equal(sentence("there is none"), "There is none.");
  assert.equal(sentence("Did you mean x?"), "Did you mean x?");
  assert.equal(sentence('"x" is no size'), '"x" is no size.');
  assert.equal(sentence("http://a/mcp is Signet itself"), "http://a/mcp is Signet itself.");
  assert.equal(sentence("signet.key is none, nobody's"), "signet.key is none, nobody's.");
  assert.equal(sentence("it's none"), "It's none.");
});

Deno.test("styleFor is plain without a terminal, with NO_COLOR, and on a dumb terminal", STRICT, () => {
  assert.equal(styleFor(true, {}).bold("x"), "\x1b[1mx\x1b[0m");
  assert.equal(styleFor(true, { NO_COLOR: "" }).bold("x"), "\x1b[1mx\x1b[0m", "https://no-color.org: not empty");
  for (const style of [styleFor(false, {}), styleFor(true, { NO_COLOR: "1" }), styleFor(true, { TERM: "dumb" })]) {
    assert.deepEqual([style.bold("x"), style.dim("x"), style.danger("x")], ["x", "x", "x"]);
  }
});

Deno.test("P3: formatProblems shows place, problem and remedy of each", STRICT, () => {
  const problems = [
    { place: "--listen", problem: '"x" is not an address', remedy: "Write HOST:PORT" },
    { place: "signet.yaml:3 (path)", problem: "there is no value", remedy: "Write one." },
  ];
  assert.equal(
    formatProblems(problems, styleFor(false, {})),
    'signet: 2 problems\n\n  --listen\n    "x" is not an address.\n    Write HOST:PORT.\n\n' +
      "  signet.yaml:3 (path)\n    There is no value.\n    Write one.\n",
  );
  assert.match(formatProblems(problems.slice(1), styleFor(false, {})), /^signet: 1 problem\n/);
});

Deno.test("V3: no two callers look like one in a table, nor in where a problem is", STRICT, () => {
  const names = ["ali?ce", "ali\u200bce", "ali\u200cce", "alice"];
  assert.deepEqual(names.map(printable), ["ali?ce", "ali\\u200bce", "ali\\u200cce", "alice"]);
  const problem = { place: "--upstrea\u202em", problem: "there is no such flag", remedy: "Leave it out." };
  assert.ok(formatProblems([problem], styleFor(false, {})).includes("--upstrea\\u202em"));
  const named = {
    place: "--tls-cert",
    problem: "\u001b[2J is not there",
    remedy: "Create \u202e\u009b, or name another.",
  };
  const told = formatProblems([named], styleFor(false, {}));
  assert.ok(told.includes("\\u001b[2J is not there.") && told.includes("Create \\u202e\\u009b, or"), told);
});

Deno.test("P3: of a whole text only line ends and a style's own emphasis stay as they are", STRICT, () => {
  const [plain, rich] = [styleFor(false, {}), styleFor(true, {})];
  const text = `${rich.danger("a")} b\u001b[2J\u001b[7m\r\n\tc\u202e\n`;
  assert.equal(printed(text, rich), `${rich.danger("a")} b\\u001b[2J\\u001b[7m\\u000d\n\\u0009c\\u202e\n`);
  assert.equal(printed(text, plain), "\\u001b[31ma\\u001b[0m b\\u001b[2J\\u001b[7m\\u000d\n\\u0009c\\u202e\n");
});

Deno.test("messages are as wide as the terminal, within bounds", STRICT, () => {
  const widths = [undefined, 200, 60, 10].map((width) => styleFor(true, {}, width).columns);
  assert.deepEqual(widths, [80, 80, 60, 40]);
  assert.equal(styleFor(false, {}, 60).columns, 98, "a file has none");
});
