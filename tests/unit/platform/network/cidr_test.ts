import assert from "node:assert/strict";
import { CidrList, cidrProblem } from "../../../../lib/platform/network/cidr.ts";
import { STRICT } from "../../../support/strict.ts";

const CASES: readonly [range: string, inside: readonly string[], outside: readonly string[]][] = [
  ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "::ffff:a01:203"], ["9.255.255.255", "11.0.0.0"]],
  ["192.168.4.0/22", ["192.168.7.255"], ["192.168.8.0", "192.168.3.255"]],
  ["10.1.2.3/8", ["10.9.9.9"], ["11.1.2.3"]], // host bits are not looked at
  ["203.0.113.7", ["203.0.113.7"], ["203.0.113.6", "203.0.113.8"]],
  ["0.0.0.0/0", ["203.0.113.7", "::ffff:1.2.3.4"], ["::1", "2001:db8::1", "::"]],
  ["::/0", ["::1", "2001:db8::1"], ["203.0.113.7", "::ffff:1.2.3.4"]],
  ["fd00::/8", ["fd00::", "fdff:ffff::1"], ["fe80::1", "fc00::1", "fe00::"]],
  ["fe80::/10", ["fe80::1", "febf::1", "fe80::1%eth0"], ["fec0::1"]],
  ["2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::1"]],
  ["::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "::"]],
  ["2001:db8:1:2:3:4:5:6/128", ["2001:db8:1:2:3:4:0.5.0.6"], ["2001:db8:1:2:3:4:5:7"]],
  ["::ffff:192.168.0.0/112", ["192.168.255.1", "::ffff:192.168.0.9"], ["192.169.0.1"]],
];

for (const [range, inside, outside] of CASES) {
  Deno.test(`I1: range ${range} holds what it should and nothing else`, STRICT, () => {
    const list = new CidrList([range]);
    for (const address of inside) assert.equal(list.contains(address), true, address);
    for (const address of outside) assert.equal(list.contains(address), false, address);
  });
}

Deno.test("I1: a list holds an address when any of its ranges does", STRICT, () => {
  const list = new CidrList(["10.0.0.0/8", "::1"]);
  assert.deepEqual(["10.1.1.1", "::1", "::2", "127.0.0.1"].map((address) => list.contains(address)), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("I1: an empty list and text that is no address hold nothing", STRICT, () => {
  assert.equal(new CidrList([]).contains("127.0.0.1"), false);
  const everything = new CidrList(["0.0.0.0/0", "::/0"]);
  for (const text of ["", "junk", "1.2.3", "1.2.3.4.5", "01.2.3.4", "127.0.0.1:80", "[::1]", "::1::"]) {
    assert.equal(everything.contains(text), false, text);
  }
});

for (
  const text of [
    "",
    "10.0.0.0/33",
    "::/129",
    "10.0.0/8",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "host/8",
    "fe80::1%eth0",
    "10.0.0.0/8/8",
  ]
) {
  Deno.test(`I1: "${text}" is refused as a range`, STRICT, () => {
    assert.match(cidrProblem(text) ?? "", /not an IP address or CIDR range/);
    assert.throws(() => new CidrList([text]), TypeError);
  });
}
