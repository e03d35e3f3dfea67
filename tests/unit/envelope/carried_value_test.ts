// Values that stateless clients bring back, against the vectors of a second implementation (tests/vectors/FORMAT.md §7).
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type Carriage,
  type CarriedKind,
  openCarried,
  requestBinding,
  sealCarried,
  upstreamTag,
} from "../../../lib/envelope/carried_value.ts";
import { KeyRing, MasterKey } from "../../../lib/envelope/key_ring.ts";
import { fingerprintOwner } from "../../../lib/envelope/owner_fingerprint.ts";
import { STRICT } from "../../support/strict.ts";
import carried from "../../vectors/carried.json" with { type: "json" };

type Vector = typeof carried.values[number];

const encoder = new TextEncoder();

function carriageOf({ owner: [issuer, subject, clientId], address, request }: Vector): Carriage {
  const owner = clientId === undefined ? { issuer: issuer!, subject: subject! } : {
    issuer: issuer!,
    subject: subject!,
    clientId,
  };
  return {
    ownerUnder: (key) => fingerprintOwner(key, owner),
    upstream: upstreamTag(address),
    binding: request.length === 0 ? undefined : () => requestBinding(request.map((part) => encoder.encode(part))),
  };
}

const MASTER = Buffer.from(carried.values[0]!.key, "base64");
const state = carried.values[0]!, task = carried.values.find(({ purpose }) => purpose === "task")!;

for (const vector of carried.values) {
  Deno.test(
    `E1: ${vector.purpose} ${vector.token} of ${vector.owner.at(-1)} is sealed as the format says`,
    STRICT,
    () => {
      const key = new MasterKey(Buffer.from(vector.key, "base64"));
      const kind = vector.purpose as CarriedKind;
      const token = encoder.encode(vector.token);
      const for_ = carriageOf(vector);
      assert.equal(sealCarried(key, kind, { token, expiresAtS: vector.expiresAtS }, for_), vector.text);
      const opened = openCarried(new KeyRing([key]), kind, vector.text, { ...for_, nowS: vector.expiresAtS - 1 });
      assert.deepEqual(opened.ok && Buffer.from(opened.token).toString(), vector.token);
    },
  );
}

const ring = new KeyRing([new MasterKey(MASTER)]);
const right = { ...carriageOf(state), nowS: state.expiresAtS - 1 };

const REFUSED: readonly (readonly [why: string, kind: CarriedKind, text: string, at: typeof right])[] = [
  ["owner", "request-state", state.text, {
    ...right,
    ...carriageOf({ ...state, owner: ["https://issuer.example/", "bob"] }),
  }],
  ["upstream", "request-state", state.text, { ...right, upstream: upstreamTag("http://127.0.0.1:3001/mcp") }],
  ["expired", "request-state", state.text, { ...right, nowS: state.expiresAtS }],
  ["binding", "request-state", state.text, { ...right, binding: () => requestBinding([encoder.encode("tools/call")]) }],
  ["binding", "request-state", state.text, { ...right, binding: undefined }],
  ["tag", "task", state.text, right],
  ["tag", "request-state", task.text, right],
];

const DAMAGED = carried.refused.filter(({ text }) => text.length < 1000)
  .map(({ text }) => ({ kind: "request-state" as CarriedKind, text, at: right }));

for (const [why, kind, text, at] of REFUSED) {
  Deno.test(`S1: a value is not opened for ${why} (${kind}, ${text.slice(0, 12)}…)`, STRICT, () => {
    assert.deepEqual(openCarried(ring, kind, text, at), { ok: false, reason: why });
  });
}

for (const { why, reason, text } of carried.refused) {
  Deno.test(`S1: a value is not opened: ${why}`, STRICT, () => {
    assert.deepEqual(openCarried(ring, "request-state", text, right), { ok: false, reason });
  });
}

Deno.test("S1: whatever bit of a value is changed, it is not opened", STRICT, () => {
  const envelope = Buffer.from(state.text, "base64url");
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    const changed = Buffer.from(envelope);
    changed[bit >> 3]! ^= 1 << bit % 8;
    assert.equal(openCarried(ring, "request-state", changed.toString("base64url"), right).ok, false, `bit ${bit}`);
  }
});

Deno.test("S1: whoever is refused, and why, all that a value is bound to has been looked at", STRICT, () => {
  const refused = [...REFUSED.map(([, kind, text, at]) => ({ kind, text, at })), ...DAMAGED];
  for (const { kind, text, at } of refused) {
    let asked = 0;
    const ownerUnder = (key: MasterKey) => (asked++, at.ownerUnder(key));
    const binding = () => (asked++, at.binding?.() ?? new Uint8Array(16));
    openCarried(ring, kind, text, { ...at, ownerUnder, binding });
    assert.equal(asked, 2, text.slice(0, 12));
  }
});

Deno.test("S1: a value of a key that is kept to open opens, and is looked at under that key", STRICT, () => {
  const kept = new KeyRing([new MasterKey(new Uint8Array(32).fill(9)), ring.active]);
  assert.equal(openCarried(kept, "request-state", state.text, right).ok, true);
});

Deno.test("S1: a value longer than its kind may be is not sealed", STRICT, () => {
  const token = encoder.encode(`"${"x".repeat(2047)}"`);
  assert.throws(() => sealCarried(ring.active, "task", { token, expiresAtS: 0 }, right), RangeError);
});
