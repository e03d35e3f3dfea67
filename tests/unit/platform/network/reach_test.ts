import assert from "node:assert/strict";
import { reach, ReachError } from "../../../../lib/platform/network/reach.ts";
import { STRICT } from "../../../support/strict.ts";
import { PATIENCE_MS } from "../../../support/until.ts";
import { makeCertificate } from "../../http1/tls_support.ts";

async function fault(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "reached";
  } catch (error) {
    assert.ok(error instanceof ReachError, String(error));
    return error.step;
  }
}

Deno.test("V2: reaching tells which step fails", STRICT, async () => {
  const refused = { hostname: "127.0.0.1", port: 1, secure: false };
  assert.equal(await fault(reach(refused, PATIENCE_MS)), "connection");
  assert.equal(await fault(reach({ ...refused, hostname: "nowhere.invalid" }, PATIENCE_MS)), "name");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const hangUp = (async () => {
    for await (const connection of listener) connection.close();
  })().catch(() => {});
  const target = { hostname: "127.0.0.1", port, secure: false };
  assert.deepEqual(await reach(target, PATIENCE_MS), {
    attempts: [{ address: "127.0.0.1", code: undefined }],
    certificate: undefined,
  });
  assert.equal(await fault(reach({ ...target, secure: true }, PATIENCE_MS)), "tls");
  listener.close();
  await hangUp;
});

Deno.test("V2: a certificate is read whether it is trusted or not", STRICT, async () => {
  await using made = await makeCertificate("localhost");
  if (!made.available) return;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: made.cert, key: made.key, onListen: () => {} },
    () => new Response("ok"),
  );
  const target = { hostname: "127.0.0.1", port: (server.addr as Deno.NetAddr).port, secure: true };
  const { certificate } = await reach(target, PATIENCE_MS);
  assert.equal(certificate!.subject, "localhost");
  assert.match(certificate!.problem!, /SELF_SIGNED/i);
  assert.ok(certificate!.expiresAtMs > Date.now());
  const trusting = await reach({ ...target, caCerts: [made.cert] }, PATIENCE_MS);
  assert.equal(trusting.certificate!.problem, undefined);
});

Deno.test("V2: a certificate for another name is not trusted, whoever has signed it", STRICT, async () => {
  await using made = await makeCertificate("other.example");
  if (!made.available) return;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: made.cert, key: made.key, onListen: () => {} },
    () => new Response("ok"),
  );
  const target = {
    hostname: "localhost",
    port: (server.addr as Deno.NetAddr).port,
    secure: true,
    caCerts: [made.cert],
  };
  const { certificate } = await reach(target, PATIENCE_MS);
  assert.match(certificate?.problem ?? "trusted", /ALTNAME|hostname|name/i);
});

Deno.test(
  "V2: each address of a name is tried and told, and a server at the other loopback address is found",
  STRICT,
  async () => {
    using listener = Deno.listen({ hostname: "::1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const target = { hostname: "127.0.0.1", port, secure: false };
    const error = await reach(target, PATIENCE_MS).then(() => undefined, (error) => error as ReachError);
    assert.deepEqual(error?.attempts, [{ address: "127.0.0.1", code: "ECONNREFUSED" }]);
    assert.equal(error.elsewhere, "::1");
  },
);
