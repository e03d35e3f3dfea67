import assert from "node:assert/strict";
import { checkReadiness } from "../../../../lib/app/operators/readiness.ts";
import { freshRing } from "../../../support/signet.ts";
import { STRICT } from "../../../support/strict.ts";

const registry = { ring: freshRing() };
const metrics = { lastHandshake: "not tried yet" };

Deno.test("P1: ready means that the upstream answers and nothing drains", STRICT, async () => {
  const checkUpstream = () => Promise.resolve("ok");
  const found = await checkReadiness({
    lifecycle: { leaving: false, draining: false },
    registry,
    metrics,
    checkUpstream,
  });
  assert.deepEqual(found, {
    ready: true,
    checks: { draining: "no", keys: "1 loaded", upstream: "connects", initialize: "not tried yet" },
  });
  const down = () => Promise.resolve("unreachable: refused");
  assert.equal(
    (await checkReadiness({ lifecycle: { leaving: false, draining: false }, registry, metrics, checkUpstream: down }))
      .ready,
    false,
  );
  const unasked = () => Promise.reject(new Error("asked while draining"));
  assert.equal(
    (await checkReadiness({ lifecycle: { leaving: true, draining: false }, registry, metrics, checkUpstream: unasked }))
      .ready,
    false,
  );
});

Deno.test("P2: a probe that was under way when draining began is not answered with ready", STRICT, async () => {
  const lifecycle = { leaving: false, draining: false };
  const probe = Promise.withResolvers<string>();
  const asked = checkReadiness({ lifecycle, registry, metrics, checkUpstream: () => probe.promise });
  lifecycle.draining = true;
  probe.resolve("ok");
  assert.deepEqual([(await asked).ready, (await asked).checks.draining], [false, "yes"]);
});
