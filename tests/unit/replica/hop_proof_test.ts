import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { ephemeralKeyRing, KeyRing } from "../../../lib/envelope/key_ring.ts";
import {
  digestOfBody,
  hmacSha256,
  type HopClaim,
  type HopRequest,
  proveAnswer,
  proveHop,
  proveQuestion,
  readAnswer,
  readHop,
  readQuestion,
} from "../../../lib/replica/hop_proof.ts";
import { STRICT } from "../../support/strict.ts";

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const ring = ephemeralKeyRing(random);
const NAME = "a".repeat(22);
const CLAIM: HopClaim = {
  ...{ instance: NAME, sender: "b".repeat(22), count: 7, client: "10.1.2.3" },
  bodyDigest: digestOfBody(new TextEncoder().encode("{}")),
};
const REQUEST: HopRequest = {
  ...{ to: "http://10.0.0.2:8080", method: "POST", target: "/mcp?a=1" },
  fields: ["host", "mcp.example", "authorization", "Bearer t", "mcp-session-id", "x"],
};

Deno.test("R2: a hop says what it was proven to say", STRICT, () => {
  assert.deepEqual(readHop(ring, proveHop(ring.active, CLAIM, REQUEST), REQUEST), CLAIM);
  const unix = { ...CLAIM, client: "", bodyDigest: digestOfBody(undefined) };
  assert.deepEqual(readHop(ring, proveHop(ring.active, unix, REQUEST), REQUEST), unix);
});

Deno.test("R2: a hop with anything changed is none", STRICT, () => {
  const proof = proveHop(ring.active, CLAIM, REQUEST);
  const changed: Partial<HopRequest>[] = [
    { to: "http://10.0.0.3:8080" },
    { method: "DELETE" },
    { target: "/mcp?a=2" },
    { fields: REQUEST.fields.map((text) => text === "Bearer t" ? "Bearer u" : text) },
    { fields: [...REQUEST.fields, "x", "y"] },
    // The same text, cut elsewhere.
    { fields: ["hos", "tmcp.example", ...REQUEST.fields.slice(2)] },
  ];
  for (const change of changed) assert.equal(readHop(ring, proof, { ...REQUEST, ...change }), undefined);
  const words = proof.split(" ");
  for (const [at, word] of [[1, "00000000"], [2, "c".repeat(22)], [4, "8"], [5, "10.1.2.4"], [6, "-"]] as const) {
    assert.equal(readHop(ring, words.with(at, word).join(" "), REQUEST), undefined, String(at));
  }
  for (const text of ["", "1", proof + " ", proof.slice(0, -1), proof.replace("1 ", "2 "), "x".repeat(5000)]) {
    assert.equal(readHop(ring, text, REQUEST), undefined);
  }
});

Deno.test("R2 E5: a hop holds under any key of the ring, and under no other", STRICT, () => {
  const other = ephemeralKeyRing(random);
  const both = new KeyRing([other.active, ring.active]);
  const proof = proveHop(ring.active, CLAIM, REQUEST);
  assert.deepEqual(readHop(both, proof, REQUEST), CLAIM);
  assert.equal(readHop(other, proof, REQUEST), undefined);
});

Deno.test("R2: who is there is answered for one question, and to those with the ring", STRICT, () => {
  const asked = { to: REQUEST.to, challenge: "q".repeat(22) };
  const question = readQuestion(ring, proveQuestion(ring.active, asked), asked.to);
  assert.deepEqual(question, { challenge: asked.challenge, key: ring.active });
  assert.equal(readQuestion(ring, proveQuestion(ring.active, asked), "http://10.0.0.9:8080"), undefined);
  const answer = proveAnswer(ring.active, { ...asked, instance: NAME });
  assert.equal(readAnswer(ring.active, answer, asked), NAME);
  assert.equal(readAnswer(ring.active, answer, { ...asked, challenge: "r".repeat(22) }), undefined);
  assert.equal(readAnswer(ephemeralKeyRing(random).active, answer, asked), undefined);
  // A question's proof is no hop's, and the other way round.
  assert.equal(readHop(ring, proveQuestion(ring.active, asked), REQUEST), undefined);
  assert.equal(readQuestion(ring, proveHop(ring.active, CLAIM, REQUEST), asked.to), undefined);
});

Deno.test("R2: the code of a proof is HMAC-SHA-256", STRICT, () => {
  for (const length of [0, 1, 63, 64, 65, 5000]) {
    const [key, text] = [random(32), random(length)];
    assert.equal(hmacSha256(key, text), createHmac("sha256", key).update(text).digest("base64url"));
  }
  // RFC 4231, test case 2.
  const [key, text] = ["Jefe", "what do ya want for nothing?"].map((words) => new TextEncoder().encode(words));
  const wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  assert.equal(
    hmacSha256(key!, text!),
    Uint8Array.fromHex(wanted).toBase64({ alphabet: "base64url", omitPadding: true }),
  );
});
