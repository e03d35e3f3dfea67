// Every principal source with callers it knows, and with as many credentials that do not hold as a test wants.
import { SessionTokens } from "../../lib/identity/tokens/tokens.ts";
import { TokenSecret } from "../../lib/identity/tokens/tokens_secret.ts";
import { openSqliteStore } from "../../lib/store/sqlite/sqlite.ts";
import { StubProvider } from "./oauth_provider.ts";

export type Headers = Record<string, string>;

/** A clock that only a test moves. */
export class Clock {
  nowMs = Date.now();
  readonly now = (): number => this.nowMs;
}

/** A way to prove callers, and how to abuse it. */
export interface AbusedSource extends AsyncDisposable {
  readonly flags: readonly string[];
  /** A credential of this user that holds. */
  good(user: string): Promise<Headers>;
  /** The `i`th of many that do not, or whose caller has no business here. */
  bad(i: number): Promise<Headers>;
  /** What a bad one is answered with. */
  readonly badStatus: number;
  /** Requests to whoever is asked about credentials: all, or those about this one. */
  asked(credential?: Headers): number;
  /** Whether proofs and refusals are remembered, since they cost enough. */
  readonly remembers: boolean;
}

export const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
const tokenOf = (headers: Headers) => headers["authorization"]!.slice("Bearer ".length);
const encode = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");

async function abuseJwt(clock: Clock): Promise<AbusedSource> {
  const provider = await StubProvider.start(clock.now);
  const { forger: key } = provider;
  const kinds: ((i: number) => Promise<string>)[] = [
    (i) => provider.sign(`forged-${i}`, { key }),
    (i) => provider.sign(`forged-${i}`, { key, kid: `invented-${i}` }),
    (i) => provider.sign(`expired-${i}`, { expiresInS: -3600 }),
    (i) => provider.sign(`elsewhere-${i}`, { audience: "https://other.example/mcp" }),
    (i) => Promise.resolve(`${encode({ alg: "none" })}.${encode({ sub: `unsigned-${i}` })}.`),
    (i) => Promise.resolve(`no-jwt-${i}`),
  ];
  return {
    flags: provider.flags("jwt"),
    good: async (user) => bearer(await provider.sign(user)),
    bad: async (i) => bearer(await kinds[i % kinds.length]!(i)),
    badStatus: 401,
    asked: () => provider.count("jwks"),
    remembers: true,
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

async function abuseAsked(clock: Clock, source: "introspection" | "resolver"): Promise<AbusedSource> {
  const provider = await StubProvider.start(clock.now);
  const question = source === "resolver" ? "resolve" : "introspect";
  return {
    flags: provider.flags(source),
    good: (user) => {
      const token = `good-${user}`;
      provider.known.set(token, user);
      return Promise.resolve(bearer(token));
    },
    bad: (i) => Promise.resolve(bearer(`bad-${i}`)),
    badStatus: 401,
    asked: (credential) => provider.count(question, credential && tokenOf(credential)),
    remembers: true,
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

async function abuseToken(clock: Clock): Promise<AbusedSource> {
  const folder = await Deno.makeTempDir({ prefix: "signet-tokens-" });
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64();
  await Deno.writeTextFile(`${folder}/secret`, secret, { mode: 0o600 });
  const store = openSqliteStore(`${folder}/state`);
  const tokens = new SessionTokens({
    store: store.tokens,
    secrets: [TokenSecret.fromText(secret)],
    maxPerAgent: 10,
    now: clock.now,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  const exp = Math.floor(clock.nowMs / 1000) + 3600;
  return {
    flags: ["--principal", "token", "--token-secret-file", `${folder}/secret`, "--state", `${folder}/state`],
    good: async (user) => bearer((await tokens.issue({ agent: user, ttlMs: 3_600_000 })).token),
    // Of the right form, so that nothing short of the MAC tells them apart; every third not even that.
    bad: (i) =>
      Promise.resolve(
        bearer(i % 3 === 0 ? `bad-${i}` : `${encode({ sid: `s${i}`, aid: "x", exp })}.${"A".repeat(43)}`),
      ),
    badStatus: 401,
    asked: () => 0,
    remembers: false,
    [Symbol.asyncDispose]: async () => {
      store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function abuseHeader(): Promise<AbusedSource> {
  return Promise.resolve({
    flags: ["--principal", "header", "--principal-header", "x-user", "--trusted-proxy", "127.0.0.0/8"],
    good: (user) => Promise.resolve({ "x-user": user }),
    bad: (i) => Promise.resolve({ "x-user": `${i}-`.padEnd(2_000, "x") }),
    badStatus: 401,
    asked: () => 0,
    remembers: false,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** Any token is somebody here: the abuse is to be many callers, none of whom owns the session. */
function abuseBearer(): Promise<AbusedSource> {
  return Promise.resolve({
    flags: ["--principal", "bearer"],
    good: (user) => Promise.resolve(bearer(`token-of-${user}`)),
    bad: (i) => Promise.resolve(bearer(`nobody-${i}`)),
    badStatus: 403,
    asked: () => 0,
    remembers: false,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** By the name of the source. */
export const ABUSED: Readonly<Record<string, (clock: Clock) => Promise<AbusedSource>>> = {
  jwt: abuseJwt,
  introspection: (clock) => abuseAsked(clock, "introspection"),
  resolver: (clock) => abuseAsked(clock, "resolver"),
  token: abuseToken,
  header: abuseHeader,
  bearer: abuseBearer,
};
