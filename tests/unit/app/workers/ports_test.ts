import assert from "node:assert/strict";
import { hopAddress, hopAddressAgain } from "../../../../lib/app/workers/ports.ts";
import { STRICT } from "../../../support/strict.ts";

const OPTIONS = { ...STRICT, ignore: Deno.build.os !== "linux" };

Deno.test("R1: a worker comes back at its address, and at another one if somebody has taken that", OPTIONS, () => {
  const about = { machine: crypto.randomUUID(), listen: { hostname: "127.0.0.1", port: 1 } };
  const first = hopAddress(1, about);
  assert.deepEqual(hopAddressAgain(first, 1, about), first);
  using _thief = Deno.listen(first);
  const next = hopAddressAgain(first, 1, about);
  assert.equal(next.hostname, first.hostname);
  assert.notEqual(next.port, first.port);
  assert.notEqual(next.port, hopAddress(2, about).port, "nor its neighbour's");
  assert.deepEqual(hopAddressAgain(next, 1, about), next, "and stays there");
});
