import fc from "fast-check";
import assert from "node:assert/strict";
import { duration, integer, moment, size } from "../../../../lib/config/values/quantities.ts";
import { STRICT } from "../../../support/strict.ts";
import { problemOf, valueOf } from "../parsed.ts";

const anyDuration = duration({ min: 0, max: Number.MAX_SAFE_INTEGER });
const anySize = size({ min: 0, max: Number.MAX_SAFE_INTEGER });

Deno.test("duration reads every unit into milliseconds", STRICT, () => {
  const cases: [string, number][] = [
    ["500ms", 500],
    ["30s", 30_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["0", 0],
    ["0s", 0],
    ["007s", 7000],
  ];
  for (const [text, ms] of cases) assert.equal(valueOf(anyDuration, text), ms, text);
});

Deno.test("duration refuses what is not a number with a known unit", STRICT, () => {
  for (const text of ["", "5", "s", "-1s", "1.5h", "1 h", "1H", "1w", "1h30m", "1e3s", "٣s", "Infinity", "1s\n"]) {
    assert.match(problemOf(anyDuration, text), /is not a duration\. Write a number and a unit/, JSON.stringify(text));
  }
});

Deno.test("T4: duration refuses a product that is no longer exact", STRICT, () => {
  assert.equal(valueOf(anyDuration, "104249991d"), 104249991 * 86_400_000);
  assert.notEqual(problemOf(anyDuration, "104249992d"), "");
  assert.notEqual(problemOf(anyDuration, "999999999999d"), "");
});

Deno.test("duration tells the bound and the value when it is passed", STRICT, () => {
  const bounded = duration({ min: 1000, max: 3_600_000 });
  assert.equal(valueOf(bounded, "1s"), 1000);
  assert.equal(valueOf(bounded, "60m"), 3_600_000);
  assert.equal(problemOf(bounded, "999ms"), "999ms is below the least, 1s. Write a value from 1s to 1h.");
  assert.equal(problemOf(bounded, "61m"), "61m is above the most, 1h. Write a value from 1s to 1h.");
  assert.match(problemOf(bounded, "0"), /below the least/);
  assert.equal(valueOf(duration({ min: 1000, max: 2000, orZero: true }), "0"), 0);
});

Deno.test("duration and size read back what they show", STRICT, () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (value) => {
    assert.equal(valueOf(anyDuration, anyDuration.format(value)), value);
    assert.equal(valueOf(anySize, anySize.format(value)), value);
  }));
  assert.equal(anyDuration.format(86_400_000), "24h");
  assert.equal(anyDuration.format(172_800_000), "2d");
  assert.equal(anyDuration.format(75_000), "75s");
  assert.equal(anySize.format(4 * 1024 * 1024), "4MiB");
});

Deno.test("size reads binary units into bytes and refuses decimal ones", STRICT, () => {
  assert.equal(valueOf(anySize, "512B"), 512);
  assert.equal(valueOf(anySize, "16KiB"), 16_384);
  assert.equal(valueOf(anySize, "4MiB"), 4_194_304);
  assert.equal(valueOf(anySize, "1GiB"), 1_073_741_824);
  for (const text of ["4MB", "4M", "4", "4mib", "-4MiB"]) {
    assert.match(problemOf(anySize, text), /is not a size/, text);
  }
});

Deno.test("integer takes digits within its bounds only", STRICT, () => {
  const kind = integer({ min: 1, max: 100 });
  assert.equal(valueOf(kind, "1"), 1);
  assert.equal(valueOf(kind, "100"), 100);
  assert.match(problemOf(kind, "0"), /0 is below the least, 1/);
  assert.match(problemOf(kind, "101"), /101 is above the most, 100/);
  for (const text of ["", "1.0", "1e1", "0x10", "-1", "+1", " 1", "1_000", "9999999999999999"]) {
    assert.match(problemOf(kind, text), /is not a whole number/, text);
  }
});

Deno.test("moment reads RFC 3339 with a zone, and no day that is not there", STRICT, () => {
  const cases: [string, number][] = [
    ["2026-08-01T12:00:00Z", Date.UTC(2026, 7, 1, 12)],
    ["2026-08-01t14:00:00.5+02:00", Date.UTC(2026, 7, 1, 12, 0, 0, 500)],
    ["2026-08-01 12:00:00.0009z", Date.UTC(2026, 7, 1, 12)],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
  ];
  for (const [text, ms] of cases) assert.equal(valueOf(moment, text), ms, text);
  const wrong = ["", "now", "2026-08-01", "2026-08-01T12:00:00", "1785585600", "2026-02-29T00:00:00Z"];
  for (const text of [...wrong, "2026-13-01T00:00:00Z", "2026-08-01T25:00:00Z", "2026-06-31T00:00:00Z"]) {
    assert.match(problemOf(moment, text), /is not a moment\. Write one such as/, text);
  }
});
