import assert from "node:assert/strict";
import type { CommandContext } from "../../../../lib/cli/command.ts";
import { examineAddresses } from "../../../../lib/cli/doctor/addresses.ts";
import type { Settings } from "../../../../lib/config/schema.ts";
import { type Reached, ReachError } from "../../../../lib/platform/network/reach.ts";
import { STRICT } from "../../../support/strict.ts";

const NOW_MS = Date.UTC(2026, 7, 1, 12);
const DAY = 86_400_000;

interface World {
  readonly reach?: () => Promise<Reached>;
  /** How far the other clock is ahead, ms; undefined: it does not say. */
  readonly ahead?: number;
  readonly env?: Record<string, string>;
}

async function look(world: World): Promise<string[]> {
  const upstream = { name: "", url: "https://mcp.example/mcp", command: [], required: false };
  const settings = { upstreams: [upstream], jwtProviders: [] } as unknown as Settings;
  const headers: Record<string, string> = world.ahead === undefined
    ? {}
    : { date: new Date(NOW_MS + world.ahead).toUTCString() };
  const context = {
    env: world.env ?? {},
    now: () => NOW_MS,
    reach: world.reach ?? (() => Promise.resolve(certificate(100 * DAY))),
    fetch: () => Promise.resolve(new Response(null, { status: 404, headers })),
  } as unknown as CommandContext;
  const found: string[] = [];
  for await (const { verdict, found: text, cure } of examineAddresses(context, settings)) {
    found.push(`${verdict} ${text}${cure === undefined ? "" : ` | ${cure}`}`);
  }
  return found;
}

function certificate(leftMs: number, problem?: string): Reached {
  const expiresAtMs = NOW_MS + leftMs;
  return {
    attempts: [{ address: "10.0.0.1", code: undefined }],
    certificate: { subject: "mcp.example", issuer: "CA", expiresAtMs, problem },
  };
}

Deno.test(
  "V2: a certificate is told with its days; few, none, or one that is not trusted with the cure",
  STRICT,
  async () => {
    const judged = async (reached: Reached) => (await look({ reach: () => Promise.resolve(reached) }))[1]!;
    assert.match(
      await judged(certificate(100 * DAY)),
      /^ok certificate of mcp\.example by CA: trusted, 100 days left$/,
    );
    assert.match(await judged(certificate(13 * DAY)), /^warn .*13 days left \| Renew it before it expires\.$/);
    assert.match(await judged(certificate(-1, "CERT_HAS_EXPIRED")), /^fail .*it has expired \| Renew/);
    assert.match(
      await judged(certificate(9 * DAY, "DEPTH_ZERO_SELF_SIGNED_CERT")),
      /^fail .*not trusted.*--upstream-ca/,
    );
  },
);

Deno.test("V2: a step that fails is told by what it is: name, connection, TLS", STRICT, async () => {
  for (
    const [step, found] of [["name", /does not resolve \(X\)/], ["connection", /nobody takes the connection \(X\)/], [
      "tls",
      /TLS cannot be spoken/,
    ]] as const
  ) {
    const [line, ...more] = await look({ reach: () => Promise.reject(new ReachError(step, "X")) });
    assert.match(line!, found);
    assert.match(line!, /^fail .* \| .*--upstream/);
    assert.deepEqual(more, []);
  }
});

Deno.test("V2: clocks that differ are told, from some seconds on", STRICT, async () => {
  const clock = async (ahead: number) => (await look({ ahead }))[2];
  assert.match((await clock(0))!, /^ok .*agree$/);
  assert.match((await clock(-30_000))!, /^warn .*differ by 29s \| Set both by NTP/);
  assert.match((await clock(3_600_000))!, /^fail .*differ by 59m 59s/);
  assert.equal((await look({}))[2], undefined);
});

Deno.test("V2: what is reached by way of a proxy is not looked at past it", STRICT, async () => {
  const [line] = await look({
    env: { HTTPS_PROXY: "http://proxy:3128" },
    reach: () => Promise.reject(new Error("must not be asked")),
  });
  assert.match(line!, /^skip /);
});

Deno.test("V2: what came of each address of a name is told, and where else somebody listens", STRICT, async () => {
  const attempts = [{ address: "::1", code: "ECONNREFUSED" }, { address: "127.0.0.1", code: undefined }];
  const [some] = await look({ reach: () => Promise.resolve({ attempts, certificate: undefined }) });
  assert.equal(some, "ok https://mcp.example/mcp: reached at 127.0.0.1, not at ::1 (ECONNREFUSED)");
  const refused = new ReachError("connection", "ECONNREFUSED", [{ address: "127.0.0.1", code: "ECONNREFUSED" }], "::1");
  const [none] = await look({ reach: () => Promise.reject(refused) });
  assert.match(
    none!,
    /^fail .*\(127\.0\.0\.1 ECONNREFUSED\), but at \[::1\] somebody does \| Write \[::1\] in place of/,
  );
});
