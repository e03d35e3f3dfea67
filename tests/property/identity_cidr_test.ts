// Address ranges against an oracle that works on whole numbers and shares no code with the list.
import fc from "fast-check";
import assert from "node:assert/strict";
import { CidrList } from "../../lib/platform/network/cidr.ts";
import { STRICT } from "../support/strict.ts";

const v4Text = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
const groupsOf = (value: bigint) => Array.from({ length: 8 }, (_, i) => (value >> BigInt(112 - 16 * i)) & 0xffffn);

/** Ways to write one IPv6 address: all groups, leading zeros, upper case, one run of zeros as `::`, a dotted tail. */
function v6Texts(value: bigint): string[] {
  const groups = groupsOf(value).map((group) => group.toString(16));
  const full = groups.join(":");
  const texts = [full, groups.map((group) => group.padStart(4, "0")).join(":"), full.toUpperCase()];
  texts.push(`${groups.slice(0, 6).join(":")}:${v4Text(value & 0xffff_ffffn)}`);
  const run = /(?:^|:)0(?::0)*(?::|$)/.exec(full);
  if (run !== null) texts.push(full.slice(0, run.index) + "::" + full.slice(run.index + run[0].length));
  return texts;
}

const bits = (count: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(count)) - 1n });
/** Addresses of runs of zeros too, which random ones hardly have. */
const v6 = fc.tuple(bits(128), bits(8)).map(([value, mask]) =>
  groupsOf(value).reduce((sum, group, i) => (sum << 16n) | ((mask >> BigInt(i)) & 1n ? group : 0n), 0n)
).filter((value) => value >> 32n !== 0xffffn);

const shares = (one: bigint, other: bigint, rest: number) => one >> BigInt(rest) === other >> BigInt(rest);

Deno.test("I1: an IPv4 range holds exactly the addresses that share its prefix, mapped or not", STRICT, () => {
  fc.assert(
    fc.property(bits(32), fc.nat({ max: 32 }), bits(32), (range, prefix, noise) => {
      const list = new CidrList([`${v4Text(range)}/${prefix}`]);
      // One bit off at every position, and something unrelated.
      const near = Array.from({ length: 32 }, (_, i) => range ^ (1n << BigInt(i)));
      for (const address of [range, noise, ...near]) {
        const wanted = shares(range, address, 32 - prefix);
        assert.equal(list.contains(v4Text(address)), wanted, v4Text(address));
        assert.equal(list.contains(`::ffff:${v4Text(address)}`), wanted);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test(
  "I1: an IPv6 range holds exactly the addresses that share its prefix, however they are written",
  STRICT,
  () => {
    fc.assert(
      fc.property(v6, fc.nat({ max: 128 }), v6, fc.nat({ max: 200 }), (range, prefix, noise, choice) => {
        const rangeTexts = v6Texts(range);
        const list = new CidrList([`${rangeTexts[choice % rangeTexts.length]}/${prefix}`]);
        const near = Array.from({ length: 128 }, (_, i) => range ^ (1n << BigInt(i))).filter((one) =>
          one >> 32n !== 0xffffn
        );
        for (const address of [range, noise, ...near]) {
          const wanted = shares(range, address, 128 - prefix);
          for (const text of v6Texts(address)) assert.equal(list.contains(text), wanted, text);
        }
      }),
      { numRuns: 100 },
    );
  },
);
