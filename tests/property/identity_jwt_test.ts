// A token changed anywhere proves nobody; and the authenticator answers exactly as its source would, remembered or not.
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Authenticator } from "../../lib/identity/authenticator.ts";
import { createJwtSource } from "../../lib/identity/jwt/jwt.ts";
import { AUDIENCE, ISSUER, Issuer, keySetOf, NOW_MS, NOW_S } from "../support/issuer.ts";
import { STRICT } from "../support/strict.ts";
import { KeyServer, principalOf, withToken } from "../unit/identity/fakes.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=";

const issuer = await Issuer.create("key-1");
const stranger = await Issuer.create("key-1");
const source = await createJwtSource({
  issuer: ISSUER,
  audiences: [AUDIENCE],
  jwks: { kind: "url", url: "https://issuer.example/keys" },
  fetch: new KeyServer(() => new Response(keySetOf(issuer))).fetch as typeof fetch,
  readTextFile: () => Promise.reject(new Error("no files here")),
  clockSkewMs: 0,
});
const token = await issuer.sign();

/** The bits of a text that mean something: the last character of a base64url segment carries unused ones. */
const meaningOf = (text: string) =>
  text.split(".").map((part) => Buffer.from(part, "base64url").toString("hex")).join(".");

Deno.test("I3: a token with a character changed, left out or put in proves nobody", STRICT, async () => {
  principalOf(await source.identify(withToken(token), NOW_MS));
  const edit = fc.record({
    at: fc.nat({ max: token.length - 1 }),
    cut: fc.constantFrom(0, 1, 2),
    put: fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(edit, async ({ at, cut, put }) => {
      const changed = token.slice(0, at) + put + token.slice(at + cut);
      fc.pre(meaningOf(changed) !== meaningOf(token));
      const answer = await source.identify(withToken(changed), NOW_MS);
      assert.notEqual(answer.kind, "principal", changed);
    }),
    { numRuns: 500 },
  );
});

Deno.test(
  "I1 I3: remembered or not, in any order and at any time, the answer is the source's own",
  STRICT,
  async () => {
    const tokens = await Promise.all([
      issuer.sign({ sub: "alice" }),
      issuer.sign({ sub: "bob", exp: NOW_S + 5 }),
      issuer.sign({ sub: "carol", nbf: NOW_S + 5 }),
      stranger.sign({ sub: "mallory" }),
      issuer.sign({ sub: "dave", aud: "https://other.example" }),
    ]);
    const request = fc.record({ index: fc.nat({ max: tokens.length - 1 }), passMs: fc.constantFrom(0, 1, 999, 2_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 30 }), async (requests) => {
        // No refusals remembered beyond their moment: a refusal may lag by design, a proof may not.
        const authenticator = new Authenticator([source], { maxVerified: 2, maxRefused: 1, refusedMs: 0 });
        let nowMs = NOW_MS;
        for (const { index, passMs } of requests) {
          nowMs += passMs;
          const view = withToken(tokens[index]!);
          assert.deepEqual(await authenticator.identify(view, nowMs), await source.identify(view, nowMs));
        }
      }),
      { numRuns: 40 },
    );
  },
);
