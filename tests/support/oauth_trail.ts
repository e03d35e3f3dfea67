// What an unmodified client asks of whom while it authorizes, as one readable line a request. It changes nothing.

/** One HTTP request of the client and how it was answered. */
export interface Step {
  /** `signet`, `issuer`, or an origin nobody expected. */
  readonly to: string;
  readonly method: string;
  readonly path: string;
  /** The JSON-RPC method, or the OAuth grant type. */
  readonly what: string | undefined;
  readonly sessionId: string | undefined;
  readonly token: string | undefined;
  status: number | undefined;
  challenge: string | undefined;
}

function whatOf(body: unknown): string | undefined {
  if (body instanceof URLSearchParams) return body.get("grant_type") ?? undefined;
  return typeof body === "string" ? (JSON.parse(body) as { method?: string }).method : undefined;
}

export class Trail {
  readonly steps: Step[] = [];
  readonly #names: ReadonlyMap<string, string>;

  /** @param names of origins, by URL */
  constructor(names: Readonly<Record<string, string>>) {
    this.#names = new Map(Object.entries(names).map(([name, url]) => [new URL(url).origin, name]));
  }

  /** For the `fetch` option of a client transport. */
  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    const step: Step = {
      to: this.#names.get(url.origin) ?? url.origin,
      method: init?.method ?? "GET",
      path: url.pathname,
      what: whatOf(init?.body),
      sessionId: headers.get("mcp-session-id") ?? undefined,
      token: headers.get("authorization")?.replace(/^Bearer /, ""),
      status: undefined,
      challenge: undefined,
    };
    this.steps.push(step);
    const response = await fetch(input, init);
    step.status = response.status;
    step.challenge = response.headers.get("www-authenticate") ?? undefined;
    return response;
  };

  /** `POST signet /mcp initialize 401`, in order, without the listening streams, which open whenever they like. */
  get lines(): string[] {
    return this.steps
      .filter(({ to, method, path }) => !(to === "signet" && method === "GET" && path === "/mcp"))
      .map(({ method, to, path, what, status }) => [method, to, path, what, status].filter((part) => part).join(" "));
  }

  /** The lines since this was last asked. */
  takeLines(): string[] {
    const { lines } = this;
    this.steps.length = 0;
    return lines;
  }
}
