// Signet before an identity provider that the test controls, with a clock that only the test moves.
import { FakeMcp } from "./fake_mcp.ts";
import { Clock } from "./oauth_abuse.ts";
import { type Question, StubProvider } from "./oauth_provider.ts";
import { call, INITIALIZE, type Lane, status, TestSignet } from "./signet.ts";

/** The sources that ask somebody else. */
export const ASKING_SOURCES = ["jwt", "introspection", "resolver"] as const;
export type AskingSource = typeof ASKING_SOURCES[number];

const QUESTIONS: Readonly<Record<AskingSource, Question>> = {
  jwt: "jwks",
  introspection: "introspect",
  resolver: "resolve",
};

export class Scene implements AsyncDisposable {
  readonly source: AskingSource;
  readonly clock: Clock;
  readonly upstream: FakeMcp;
  readonly provider: StubProvider;
  readonly signet: TestSignet;

  private constructor(
    source: AskingSource,
    clock: Clock,
    parts: { upstream: FakeMcp; provider: StubProvider; signet: TestSignet },
  ) {
    this.source = source;
    this.clock = clock;
    this.upstream = parts.upstream;
    this.provider = parts.provider;
    this.signet = parts.signet;
  }

  static async open(
    source: AskingSource,
    options: { readonly lane?: Lane; readonly flags?: readonly string[] } = {},
  ): Promise<Scene> {
    const clock = new Clock();
    const upstream = new FakeMcp();
    const provider = await StubProvider.start(clock.now);
    const flags = [...provider.flags(source), ...options.flags ?? []];
    const signet = await TestSignet.start({
      ...{ upstream: upstream.url, flags, now: clock.now },
      ...(options.lane ? { lane: options.lane } : {}),
    });
    return new Scene(source, clock, { upstream, provider, signet });
  }

  /** A new token of this user, which holds for a day. */
  async token(user: string): Promise<string> {
    if (this.source === "jwt") return await this.provider.sign(user);
    const token = `${user}-${crypto.randomUUID()}`;
    this.provider.known.set(token, user);
    return token;
  }

  /** How often the provider was asked. */
  get asked(): number {
    return this.provider.count(QUESTIONS[this.source]);
  }

  /** Status of an initialize: whether the token is believed. */
  knock(token: string): Promise<number> {
    return status(this.signet.post(INITIALIZE, { token }));
  }

  /** Status of a call in this session. */
  call(token: string, id: string): Promise<number> {
    return status(this.signet.post(call(1, "echo"), { token, id }));
  }

  /** Entries of one of the authenticator's maps. */
  entries(map: "verified" | "refused" | "pending"): Promise<number> {
    return this.signet.metric(`signet_map_entries{map="${map}"}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet[Symbol.asyncDispose]();
    await this.provider[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
  }
}
