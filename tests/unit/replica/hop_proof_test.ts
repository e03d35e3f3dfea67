import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { ephemeralKeyRing, KeyRing } from "../../../lib/envelope/key_ring.ts";
import {
  digestOfBody,
  HopHead,
  type HopOrigin,
  type HopRequest,
  proveAnswer,
  proveQuestion,
  readAnswer,
  readHopHead,
  readQuestion,
} from "../../../lib/replica/hop_proof.ts";
import { STRICT } from "../../support/strict.ts";

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const ring = ephemeralKeyRing(random);
const NAME = "a".repeat(22);
const ORIGIN: HopOrigin = { instance: NAME, sender: "b".repeat(22), from: "http://10.0.0.1:80", client: "10.1.2.3" };
const DIGEST = digestOfBody(new TextEncoder().encode("{}"));
const REQUEST: HopRequest = {
  ...{ to: "http://10.0.0.2:8080", method: "POST", target: "/mcp?a=1" },
  fields: ["host", "mcp.example", "authorization", "Bearer t"],
};
const MESSAGE = { count: 7, bodyDigest: DIGEST, sessionId: "x" };
const HEAD = new HopHead(ring.active, ORIGIN, REQUEST);

Deno.test("R2: a hop says what it was proven to say, each of one head for itself", STRICT, () => {
  const head = readHopHead(ring, HEAD.field, REQUEST);
  for (const count of [7, 8, 999_999_999_999_999]) {
    for (const sessionId of ["x", undefined, "", "i".repeat(350), "y"]) {
      const proof = HEAD.prove({ count, bodyDigest: DIGEST, sessionId });
      assert.deepEqual(head?.read(proof, sessionId), { key: ring.active, ...ORIGIN, count, bodyDigest: DIGEST });
    }
  }
  const unix = new HopHead(ring.active, { ...ORIGIN, client: "" }, REQUEST);
  const bodyDigest = digestOfBody(undefined);
  const claim = readHopHead(ring, unix.field, REQUEST)?.read(unix.prove({ count: 0, bodyDigest, sessionId: "x" }), "x");
  assert.deepEqual(claim, { key: ring.active, ...ORIGIN, client: "", count: 0, bodyDigest });
});

Deno.test("R2: a hop with anything changed is none", STRICT, () => {
  const proof = HEAD.prove(MESSAGE);
  for (const sessionId of [undefined, "", "y", "X", "xx", ":x"]) assert.equal(HEAD.read(proof, sessionId), undefined);
  const ofNone = HEAD.prove({ ...MESSAGE, sessionId: undefined });
  for (const sessionId of ["", "x", ":"]) assert.equal(HEAD.read(ofNone, sessionId), undefined);
  const changed: Partial<HopRequest>[] = [
    { to: "http://10.0.0.3:8080" },
    { method: "DELETE" },
    { target: "/mcp?a=2" },
    { fields: REQUEST.fields.map((text) => text === "Bearer t" ? "Bearer u" : text) },
    { fields: [...REQUEST.fields, "x", "y"] },
    // The same text, cut elsewhere.
    { fields: ["hos", "tmcp.example", ...REQUEST.fields.slice(2)] },
  ];
  for (const change of changed) {
    assert.equal(readHopHead(ring, HEAD.field, { ...REQUEST, ...change })?.read(proof, "x"), undefined);
  }
  const words = HEAD.field.split(" ");
  const others = ["1", "00000000", "c".repeat(22), "d".repeat(22), "http://10.0.0.9:80", "10.1.2.4"];
  for (const [at, word] of others.entries()) {
    assert.equal(readHopHead(ring, words.with(at, word).join(" "), REQUEST)?.read(proof, "x"), undefined, String(at));
  }
  for (const text of ["", "3", HEAD.field + " ", HEAD.field.slice(0, -9) + "!", "x".repeat(5000)]) {
    assert.equal(readHopHead(ring, text, REQUEST), undefined, text);
  }
  for (let at = 0; at < proof.length; at++) {
    const text = proof.slice(0, at) + (proof[at] === "0" ? "1" : "0") + proof.slice(at + 1);
    assert.equal(HEAD.read(text, "x"), undefined, String(at));
  }
  for (const text of ["", proof + "0", proof.slice(0, -1), "\xff".repeat(proof.length), proof.toUpperCase()]) {
    assert.equal(HEAD.read(text, "x"), undefined);
  }
});

Deno.test("R2 E5: a hop holds under any key of the ring, and under no other", STRICT, () => {
  const other = ephemeralKeyRing(random);
  const both = new KeyRing([other.active, ring.active]);
  const proof = HEAD.prove(MESSAGE);
  assert.equal(readHopHead(both, HEAD.field, REQUEST)?.read(proof, "x")?.count, 7);
  assert.equal(readHopHead(other, HEAD.field, REQUEST), undefined);
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
  // A question is no hop, and the other way round.
  assert.equal(
    readHopHead(ring, proveQuestion(ring.active, asked), REQUEST)?.read(HEAD.prove(MESSAGE), "x"),
    undefined,
  );
  assert.equal(readQuestion(ring, HEAD.field, asked.to), undefined);
});

Deno.test("R2: the code of a proof is HMAC-SHA-256 under the key's own for hops", STRICT, () => {
  const macOf = (text: string | Uint8Array) => createHmac("sha256", ring.active.hopKey).update(text).digest("hex");
  for (const to of ["http://a", `http://${"b".repeat(5000)}`]) {
    const words = proveQuestion(ring.active, { to, challenge: NAME }).split(" ");
    const parts = [...words.slice(0, -1), to];
    assert.equal(words.at(-1), macOf(parts.map((part) => `${part.length}:${part}`).join("")));
  }
  const proof = HEAD.prove({ ...MESSAGE, sessionId: undefined });
  const { to, method, target, fields } = REQUEST;
  const framed = [HEAD.field, to, method, target, ...fields].map((part) => `${part.length}:${part}`).join("");
  const head = createHash("sha256").update(framed, "latin1").digest();
  assert.equal(proof.slice(-64), macOf(Buffer.concat([Buffer.from("hop "), head, Buffer.from(proof.slice(0, -64))])));
});
