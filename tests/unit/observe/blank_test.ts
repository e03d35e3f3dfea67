import assert from "node:assert/strict";
import { Blanker } from "../../../lib/observe/blank.ts";
import { STRICT } from "../../support/strict.ts";

const PEM = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7
VJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDu
Q==
-----END PRIVATE KEY-----
`;

function blank(secrets: readonly string[], ...lines: readonly string[]): string[] {
  const blanker = new Blanker(secrets);
  return lines.map((line) => blanker.line(line));
}

Deno.test("B7: Blanker blanks every occurrence of every secret, overlapping ones as one", STRICT, () => {
  assert.deepEqual(blank(["hunter2", "hunter2-and-more"], "a hunter2 b hunter2-and-more c hunter2"), [
    "a [redacted] b [redacted] c [redacted]",
  ]);
  assert.deepEqual(blank(["abcdef", "defghi"], "x abcdefghi y"), ["x [redacted] y"]);
  assert.deepEqual(blank(["abcd"], "abcdabcd!"), ["[redacted]!"]);
});

Deno.test("B7: Blanker knows each line of a secret that has several, alone and within other text", STRICT, () => {
  const lines = PEM.trim().split("\n");
  for (const shown of blank([PEM], ...lines.map((line) => `key: ${line}`))) assert.equal(shown, "key: [redacted]");
  const [joined = ""] = blank([PEM], JSON.stringify({ key: PEM }));
  for (const line of lines) assert.equal(joined.includes(line), false, joined);
  const [crlf = ""] = blank([PEM.replaceAll("\n", "\r\n")], lines[1]!);
  assert.equal(crlf, "[redacted]");
});

Deno.test("B7: Blanker blanks short secrets where they stand alone, and leaves words whole", STRICT, () => {
  assert.deepEqual(blank(["on"], "pin=on, connection on-line (on)"), [
    "pin=[redacted], connection on-line ([redacted])",
  ]);
  assert.deepEqual(blank(["p@ss"], "xp@ssx"), ["x[redacted]x"]);
});

Deno.test("B7: Blanker knows a secret in the forms of JSON and of URLs", STRICT, () => {
  const secret = 'pa"ss\\word /&?';
  for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
    assert.deepEqual(blank([secret], `<${form}>`), ["<[redacted]>"]);
  }
});

Deno.test("B7: Blanker shows no half of a secret that goes over the end of a line, or over several", STRICT, () => {
  const secret = "sk-0123456789abcdefghijklmnopqrstuvwxyz";
  for (let at = 4; at < secret.length; at++) {
    assert.deepEqual(blank([secret], `key ${secret.slice(0, at)}`, `${secret.slice(at)} end`), [
      "key [redacted]",
      "[redacted] end",
    ]);
  }
  assert.deepEqual(blank([secret], secret.slice(0, 10), secret.slice(10, 20), secret.slice(20)), [
    "[redacted]",
    "[redacted]",
    "[redacted]",
  ]);
  assert.deepEqual(blank([secret], "nothing", secret.slice(10)), ["nothing", secret.slice(10)]);
});

Deno.test("B7: Blanker leaves text without secrets as it is, and takes none and blank ones", STRICT, () => {
  assert.deepEqual(blank([], "text"), ["text"]);
  assert.deepEqual(blank(["", "  ", "\n"], "a b"), ["a b"]);
});

Deno.test("B7: a secret in base64 is blanked wherever it stands in what was encoded", STRICT, () => {
  const secret = "s3cret/pass~word>?";
  for (const before of ["", "u:", "me:", "somebody:"]) {
    for (const behind of ["", "x", "yz", "!!!"]) {
      for (const alphabet of ["base64", "base64url"] as const) {
        const encoded = new TextEncoder().encode(before + secret + behind).toBase64({ alphabet });
        const line = new Blanker([secret]).line(`authorization: Basic ${encoded}`);
        assert.match(line, /^authorization: Basic \S*\[redacted\]\S*$/, encoded);
        assert.ok(line.length < "authorization: Basic ".length + encoded.length - secret.length + 8, line);
      }
    }
  }
  assert.equal(new Blanker(["short"]).line("c2hvcnQ"), "c2hvcnQ", "too little to be told by");
});
