import fc from "fast-check";
import assert from "node:assert/strict";
import { closest } from "../../../lib/config/closest.ts";
import { STRICT } from "../../support/strict.ts";

const NAMES = ["listen", "path", "session-ttl", "session-idle", "max-sessions", "max-sessions-per-principal"];

Deno.test("closest finds the name when letters are wrong, missing, doubled or swapped", STRICT, () => {
  assert.equal(closest("lsiten", NAMES), "listen");
  assert.equal(closest("listn", NAMES), "listen");
  assert.equal(closest("listenn", NAMES), "listen");
  assert.equal(closest("paht", NAMES), "path");
  assert.equal(closest("sesion-ttl", NAMES), "session-ttl");
  assert.equal(closest("max-session", NAMES), "max-sessions");
});

Deno.test("closest finds nothing when no name is near, or the input is a value", STRICT, () => {
  assert.equal(closest("completely-different", NAMES), undefined);
  assert.equal(closest("", NAMES), undefined);
  assert.equal(closest("x", NAMES), undefined);
  assert.equal(closest("max-sessions" + "s".repeat(60), ["max-sessions" + "s".repeat(61)]), undefined);
});

Deno.test("closest finds a name by its words where letters say little", STRICT, () => {
  const names = [
    "jwt-issuer",
    "session-ttl",
    "identity-ttl",
    "store-timeout",
    "stdio-start-timeout",
    "state",
    "config",
  ];
  const cases: readonly (readonly [asked: string, wanted: string | undefined])[] = [
    ["issuer", "jwt-issuer"],
    ["ttl", "session-ttl"],
    ["start-timeout", "stdio-start-timeout"],
    ["stare-timeout", "store-timeout"],
    ["state-file", "state"],
    ["statefile", undefined],
    ["config-file", "config"],
    ["hunter2", undefined],
  ];
  for (const [asked, wanted] of cases) assert.equal(closest(asked, names), wanted, asked);
  const shouted = names.map((name) => name.toUpperCase().replaceAll("-", "_"));
  assert.equal(closest("STATE_FILE", shouted), "STATE");
  assert.equal(closest("ISSUER", shouted), "JWT_ISSUER");
  assert.equal(closest("a", ["a-a", "b-a", "c-a", "d-a"]), undefined, "too many to be one");
});

Deno.test("closest finds every name from any single slip in it", STRICT, () => {
  const slip = fc.record({
    name: fc.constantFrom(...NAMES),
    at: fc.nat(100),
    kind: fc.constantFrom("drop", "add", "swap"),
  });
  fc.assert(fc.property(slip, ({ name, at, kind }) => {
    const i = at % (name.length - 1);
    const slipped = kind === "drop"
      ? name.slice(0, i) + name.slice(i + 1)
      : kind === "add"
      ? `${name.slice(0, i)}q${name.slice(i)}`
      : name.slice(0, i) + name[i + 1] + name[i] + name.slice(i + 2);
    assert.equal(closest(slipped, NAMES), name);
  }));
});
