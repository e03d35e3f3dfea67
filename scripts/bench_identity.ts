// What telling callers apart costs, by source: a credential proven, known again, refused, refused again, and a flood of
// distinct bad ones, with what it leaves in memory. Nothing is asked over a network: answers of providers are at hand,
// so the figures are Signet's own. Interleaved rounds and medians, so that a busy machine slows all rows alike.
//
//   deno run -A --v8-flags=--expose-gc scripts/bench_identity.ts [--rounds N] [--flood N] [--only SOURCE] [--json]
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { clientSecretBasic, IntrospectionSource } from "../lib/identity/asked/introspection.ts";
import { ResolverSource, type ResolverView } from "../lib/identity/asked/resolver.ts";
import { Authenticator } from "../lib/identity/authenticator.ts";
import { BearerSource } from "../lib/identity/bearer.ts";
import { createJwtSource } from "../lib/identity/jwt/jwt.ts";
import type { PrincipalSource } from "../lib/identity/principal.ts";
import { TrustedHeaderSource } from "../lib/identity/proxies/trusted_header.ts";
import { SessionTokenSource } from "../lib/identity/tokens/session_token_source.ts";
import { SessionTokens } from "../lib/identity/tokens/tokens.ts";
import { TokenSecret } from "../lib/identity/tokens/tokens_secret.ts";
import { CidrList } from "../lib/platform/network/cidr.ts";
import { createMemoryStore } from "../lib/store/memory/memory.ts";
import { median } from "./bench/report.ts";
import { readOptions } from "./options.ts";

const flags = readOptions(import.meta.url, {
  rounds: { type: "string", default: "15" },
  flood: { type: "string", default: "100000" },
  only: { type: "string" },
  json: { type: "boolean", default: false },
});
const ROUNDS = Number(flags.rounds);
const FLOOD = Number(flags.flood);
/** Calls a round: long enough for the clock, short enough that every row meets the same noise. */
const CALLS = 100;
const ISSUER = "https://login.example.com";
const AUDIENCE = "https://mcp.example.com/mcp";
/** Of the requests: moves on, so that what was proven has to be proven again. */
let nowMs = Date.now();
const BELIEVED_MS = 600_000;

/** One request. */
type View = ResolverView;

interface Contender {
  readonly name: string;
  readonly source: PrincipalSource;
  readonly good: View;
  /** Distinct for every `i`, and none that holds. */
  readonly bad: (i: number) => View;
}

function viewOf(name: string, value: string): View {
  return {
    get: (asked) => asked === name ? value : undefined,
    count: (asked) => asked === name ? 1 : 0,
    remoteAddress: "127.0.0.1",
    method: "POST",
    path: "/mcp",
  };
}

const bearer = (token: string) => viewOf("authorization", `Bearer ${token}`);
/** As long as BENCHMARKS.md's token: 800 characters. */
const opaque = (i: number) => `${i.toString(36)}-`.padEnd(800, "x");

/** The same token with ten characters of its signature changed: it does not hold, and costs a whole verification. */
function forge(token: string): (i: number) => string {
  const signature = token.lastIndexOf(".") + 1;
  const at = signature + Math.floor((token.length - signature) * 0.6);
  return (i) => token.slice(0, at) + i.toString(36).padStart(10, "0") + token.slice(at + 10);
}

async function jwt(alg: "ES256" | "RS256" | "EdDSA"): Promise<Contender> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const keySet = JSON.stringify({ keys: [{ ...await exportJWK(publicKey), kid: "k1", alg, use: "sig" }] });
  const token = await new SignJWT({ scope: "mcp:use files:read", groups: "g".repeat(180) })
    .setProtectedHeader({ alg, kid: "k1", typ: "at+jwt" })
    .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject("248289761001").setExpirationTime("10y")
    .sign(privateKey);
  const source = await createJwtSource({
    issuer: ISSUER,
    audiences: [AUDIENCE],
    jwks: { kind: "file", path: "keys.json" },
    fetch,
    readTextFile: () => Promise.resolve(keySet),
  });
  const forged = forge(token);
  return { name: `jwt ${alg}`, source, good: bearer(token), bad: (i) => bearer(forged(i)) };
}

const GOOD = opaque(0);

function introspection(): Contender {
  const headers = { "content-type": "application/json" };
  const active = JSON.stringify({ active: true, sub: "248289761001", scope: "mcp:use", client_id: "app", iss: ISSUER });
  const source = new IntrospectionSource({
    endpoint: `${ISSUER}/introspect`,
    issuer: ISSUER,
    client: clientSecretBasic("signet", "s".repeat(32)),
    fetch: (_url, { body }) => {
      const holds = (body as URLSearchParams).get("token") === GOOD;
      return Promise.resolve(new Response(holds ? active : '{"active":false}', { headers }));
    },
  });
  return { name: "introspection", source, good: bearer(GOOD), bad: (i) => bearer(opaque(i + 1)) };
}

function resolver(): Contender {
  const source = new ResolverSource({
    endpoint: `${ISSUER}/resolve`,
    headers: ["authorization"],
    fetch: (_url, { body }) => {
      const holds = String(body).includes(GOOD);
      return Promise.resolve(holds ? Response.json({ subject: "248289761001" }) : new Response(null, { status: 401 }));
    },
  });
  return { name: "resolver", source, good: bearer(GOOD), bad: (i) => bearer(opaque(i + 1)) };
}

async function sessionToken(): Promise<Contender> {
  const tokens = new SessionTokens({
    store: createMemoryStore().tokens,
    secrets: [TokenSecret.fromText("s".repeat(43))],
    maxPerAgent: 10,
    now: () => nowMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  const { token } = await tokens.issue({ agent: "did:example:a", ttlMs: 3_650 * 24 * 3_600_000 });
  const forged = forge(token);
  const source = new SessionTokenSource(tokens, { refuseForeign: true });
  return { name: "token", source, good: bearer(token), bad: (i) => bearer(forged(i)) };
}

function header(): Contender {
  const source = new TrustedHeaderSource({ header: "x-user", peers: new CidrList(["10.0.0.0/8", "127.0.0.0/8"]) });
  const tooLong = (i: number) => viewOf("x-user", `${i}`.padEnd(2_000, "x"));
  return { name: "header", source, good: viewOf("x-user", "248289761001"), bad: tooLong };
}

/** No token is bad here: a new one is a new caller, which is what the flood consists of. */
function opaqueBearer(): Contender {
  return { name: "bearer", source: new BearerSource(), good: bearer(GOOD), bad: (i) => bearer(opaque(i + 1)) };
}

/** What a flood leaves behind is the same whatever the algorithm. */
const UNFLOODED: ReadonlySet<string> = new Set(["jwt RS256", "jwt EdDSA"]);

interface Row {
  readonly name: string;
  readonly contender: Contender;
  readonly authenticator: Authenticator;
  /** µs a call, a round each. */
  readonly micros: Record<Measure, number[]>;
  flood: Flood | undefined;
}

const MEASURES = ["proven", "known", "refused", "refused again"] as const;
type Measure = typeof MEASURES[number];

interface Flood {
  /** µs a credential: of the first tenth and of the last. */
  readonly first: number;
  readonly last: number;
  readonly heapMiB: number;
  readonly rssMiB: number;
  readonly entries: number;
}

let distinct = 0;

/** Awaits only where somebody has to be asked, as the path of a request does. */
async function identify({ authenticator }: Row, view: View, wanted: "principal" | "invalid"): Promise<void> {
  const answer = authenticator.identify(view, nowMs);
  const { kind } = answer instanceof Promise ? await answer : answer;
  if (kind !== wanted) throw new Error(`a credential is ${kind}, want ${wanted}`);
}

async function time(measure: () => Promise<void>, calls: number): Promise<number> {
  const start = performance.now();
  await measure();
  return (performance.now() - start) * 1000 / calls;
}

async function measureRound(row: Row, keep: boolean): Promise<void> {
  const { good, bad } = row.contender;
  const refused = row.contender.source.name === "bearer" ? "principal" : "invalid";
  const run: Record<Measure, (i: number) => Promise<void>> = {
    proven: () => {
      nowMs += BELIEVED_MS;
      return identify(row, good, "principal");
    },
    known: () => identify(row, good, "principal"),
    refused: () => identify(row, bad(distinct++), refused),
    "refused again": () => identify(row, bad(0), refused),
  };
  for (const measure of MEASURES) {
    await run[measure](0);
    const micros = await time(async () => {
      for (let i = 0; i < CALLS; i++) await run[measure](i);
    }, CALLS);
    if (keep) row.micros[measure].push(micros);
  }
}

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});

/**
 * Distinct bad credentials, one after the other: whether the last cost more than the first, and what stays in memory.
 */
async function measureFlood(measured: Row): Promise<Flood> {
  const row = { ...measured, authenticator: new Authenticator([measured.contender.source]) };
  const refused = row.contender.source.name === "bearer" ? "principal" : "invalid";
  const tenth = Math.floor(FLOOD / 10);
  const wave = async () => {
    for (let i = 0; i < tenth; i++) await identify(row, row.contender.bad(distinct++), refused);
  };
  collect();
  const before = Deno.memoryUsage();
  const tenths: number[] = [];
  for (let i = 0; i < 10; i++) tenths.push(await time(wave, tenth));
  collect();
  const after = Deno.memoryUsage();
  const { verified, refused: refusals, pending, principals } = row.authenticator.sizes();
  return {
    first: tenths[0]!,
    last: tenths[9]!,
    heapMiB: (after.heapUsed - before.heapUsed) / 2 ** 20,
    rssMiB: (after.rss - before.rss) / 2 ** 20,
    entries: verified + refusals + pending + principals,
  };
}

const contenders = [
  ...await Promise.all([jwt("ES256"), jwt("RS256"), jwt("EdDSA")]),
  ...[introspection(), resolver(), await sessionToken(), header(), opaqueBearer()],
];
const rows: Row[] = contenders.filter(({ name }) => flags.only === undefined || name === flags.only).map((
  contender,
) => ({
  name: contender.name,
  contender,
  authenticator: new Authenticator([contender.source]),
  micros: { proven: [], known: [], refused: [], "refused again": [] },
  flood: undefined,
}));
for (let round = -3; round < ROUNDS; round++) for (const row of rows) await measureRound(row, round >= 0);
for (const row of rows) if (FLOOD >= 10 && !UNFLOODED.has(row.name)) row.flood = await measureFlood(row);

const table = rows.map(({ name, micros, flood }) => ({
  name,
  medianMicros: Object.fromEntries(MEASURES.map((measure) => [measure, median(micros[measure])])),
  flood,
}));
if (flags.json) {
  console.log(JSON.stringify({ rounds: ROUNDS, calls: CALLS, flood: FLOOD, rows: table }));
} else {
  const show = (value: number | undefined, digits = 1) => (value?.toFixed(digits) ?? "").padStart(14);
  console.log(
    `${ROUNDS} rounds of ${CALLS} calls, interleaved; medians in µs. Flood: ${FLOOD} distinct bad credentials.`,
  );
  const heads = [...MEASURES, "flood: first", "last tenth", "heap MiB", "RSS MiB", "entries"];
  console.log("".padEnd(15) + heads.map((text) => text.padStart(14)).join(""));
  for (const { name, medianMicros, flood } of table) {
    const costs = MEASURES.map((measure) => show(medianMicros[measure]));
    const [first, last] = [show(flood?.first), show(flood?.last)];
    const rest = [show(flood?.heapMiB), show(flood?.rssMiB), show(flood?.entries, 0)];
    console.log(name.padEnd(15) + [...costs, first, last, ...rest].join(""));
  }
}
