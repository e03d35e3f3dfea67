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
import { seal } from "../../../lib/envelope/seal.ts";
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
const [state, , task] = carried.values as [Vector, Vector, Vector];

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
  ["length", "request-state", "", right],
  ["shape", "request-state", seal(ring.active, "request-state", encoder.encode("short")), right],
  ["shape", "request-state", seal(ring.active, "request-state", new Uint8Array(60).fill(2)), right],
];

for (const [why, kind, text, at] of REFUSED) {
  Deno.test(`S1: a value is not opened for ${why} (${kind}, ${text.slice(0, 12)}…)`, STRICT, () => {
    assert.deepEqual(openCarried(ring, kind, text, at), { ok: false, reason: why });
  });
}

Deno.test("S1: what a request is bound to is asked for once nothing else is left to refuse", STRICT, () => {
  const binding = () => assert.fail("asked for");
  openCarried(ring, "request-state", state.text.slice(0, -1) + "0", { ...right, binding });
  openCarried(ring, "request-state", state.text, { ...right, nowS: state.expiresAtS, binding });
});

Deno.test("S1: a value longer than its kind may be is not sealed", STRICT, () => {
  const token = encoder.encode(`"${"x".repeat(2047)}"`);
  assert.throws(() => sealCarried(ring.active, "task", { token, expiresAtS: 0 }, right), RangeError);
});
