// The hostile caller of a soak: everything that has ever broken Signet, all at once, for as long as the soak goes on.
// What it gets is of no interest, unless it is somebody else's.
import { RawClient, rawPost } from "../raw_client.ts";
import { type Identity, initializeOf, post, type Scene } from "./caller.ts";
import { foreignMarks } from "./marks.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One way to do harm, once. It may fail in any way. */
type Act = (hostile: HostileCaller) => Promise<void>;

const ACTS: Record<string, Act> = {
  /** Notifications for a server that does not read: they must be nobody else's bytes by the time it does. */
  async "stdin that is backed up"(hostile) {
    const id = await hostile.session();
    const blocked = hostile.call(id, "block", { ms: 300 });
    // Of all lengths: those that lie whole in a connection's buffer, and those that do not.
    await Promise.all(Array.from({ length: 60 }, (_, n) => {
      const params = { mark: hostile.mark, text: "n".repeat(n % 2 === 0 ? 3000 + n * 100 : n * 1000) };
      return hostile.post({ jsonrpc: "2.0", method: "notifications/x", params }, { id });
    }));
    await blocked;
  },

  async "big calls that are abandoned"(hostile) {
    const id = await hostile.session();
    const over = new AbortController();
    const calls = Array.from(
      { length: 4 },
      () => hostile.call(id, "slow", { ms: 3000, text: "b".repeat(900_000) }, { signal: over.signal }),
    );
    await pause(150);
    over.abort();
    await Promise.allSettled(calls);
  },

  async "claims on ids that are nobody's"(hostile) {
    const id = crypto.randomUUID();
    const listening = hostile.listen(id, 200);
    await Promise.all([1, 2, 3].map(() => hostile.call(id, "echo", {})));
    await listening;
  },

  /** A byte each half second, from thirty sockets at once: head, then body. */
  async "slow drips"(hostile) {
    const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(hostile.url)));
    try {
      for (let n = 0; n < 8; n++) {
        await Promise.all(clients.map((client, i) => client.send(i % 2 === 0 ? "P" : "\r\n").catch(() => {})));
        await pause(500);
      }
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  },

  /** Fields that a server behind might take for those that Signet vouches for. */
  async "header twins"(hostile) {
    const id = await hostile.session();
    const [victim = id] = hostile.loot;
    const twins = [
      [`mcp_session_id: ${victim}`],
      [`mcp-session-id: ${victim}`],
      ["mcp_protocol_version: 2024-11-05", "x_api_key: y", "x_forwarded_user: root"],
      [`connection: mcp-session-id, authorization`],
      ["transfer-encoding: chunked"],
    ];
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "echo", mark: hostile.mark },
    });
    for (const fields of twins) {
      await hostile.raw(rawPost(body, [`authorization: Bearer ${hostile.token}`, `mcp-session-id: ${id}`, ...fields]));
    }
  },

  async "an initialize of 3 MB"(hostile) {
    const clientInfo = { name: hostile.mark, version: "1", more: "i".repeat(3_000_000) };
    await hostile.post(initializeOf(hostile.mark, { clientInfo }));
  },

  /** Answers of calls that have run, in words of a lost session: the server notes whether one comes again. */
  async "words taken for proof"(hostile) {
    const id = await hostile.session();
    const forms = ["text", "detail", "json"];
    await Promise.all(forms.map((form) => hostile.call(id, "refuse", { form, nonce: crypto.randomUUID() })));
  },

  async "a flood of streams"(hostile) {
    const id = await hostile.session();
    await Promise.all(Array.from({ length: 40 }, () => hostile.listen(id, 300)));
  },

  async "ids that are guessed or stolen"(hostile) {
    const [stolen = "x"] = hostile.loot;
    const at = Math.floor(Math.random() * stolen.length);
    const guesses = [
      stolen,
      stolen.slice(0, at) + "Q" + stolen.slice(at + 1),
      "0".repeat(400),
      "Z".repeat(4096),
      `${stolen}0`,
    ];
    for (const id of guesses) {
      await hostile.call(id, "echo", {});
      await hostile.listen(id, 100);
      await hostile.end(id);
      await hostile.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }, { id });
    }
  },

  async "bodies that break off"(hostile) {
    const id = await hostile.session();
    const fields = [`authorization: Bearer ${hostile.token}`, `mcp-session-id: ${id}`];
    const whole = rawPost(
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", text: "t".repeat(200_000) }),
      fields,
    );
    for (const share of [0.2, 0.5, 0.99]) {
      using client = await RawClient.connect(hostile.url);
      await client.send(whole.slice(0, Math.floor(whole.length * share)));
    }
  },

  async "bodies made to cost time"(hostile) {
    const id = await hostile.session();
    const names = Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`).join(",");
    await hostile.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${names}}}`, { id });
    await hostile.post(`[${"[],".repeat(500_000)}0]`, { id });
  },

  async "calls by the hundred"(hostile) {
    const id = await hostile.session();
    await Promise.all(Array.from({ length: 100 }, (_, n) => hostile.call(id, "slow", { ms: 500, n })));
  },

  async "sessions by the dozen"(hostile) {
    await Promise.all(Array.from({ length: 12 }, () => hostile.session()));
  },
};

export class HostileCaller {
  readonly #scene: Scene;
  readonly #identity: Identity;
  /** How often each act was tried. */
  readonly acts: Record<string, number> = {};
  #calls = 0;

  constructor(scene: Scene, identity: Identity) {
    this.#scene = scene;
    this.#identity = identity;
  }

  get url(): string {
    return this.#scene.url;
  }

  get mark(): string {
    return this.#identity.mark;
  }

  get token(): string {
    return this.#identity.token;
  }

  get loot(): ReadonlySet<string> {
    return this.#scene.loot;
  }

  /** All acts at once, each again and again. */
  async run(): Promise<void> {
    await Promise.all(
      Object.entries(ACTS).map(async ([name, act]) => {
        this.acts[name] = 0;
        while (!this.#scene.over.aborted) {
          this.acts[name]++;
          await act(this).catch(() => {});
          await pause(100 + Math.random() * 400);
        }
      }),
    );
  }

  /** @throws Error if none is opened */
  async session(): Promise<string> {
    const response = await post(this.#scene, this.token, initializeOf(this.mark));
    this.#inspect(await response.text());
    const id = response.headers.get("mcp-session-id");
    if (id === null) throw new Error(`opening: ${response.status}`);
    return id;
  }

  async post(message: unknown, init: RequestInit & { id?: string } = {}): Promise<void> {
    const response = await post(this.#scene, this.token, message, init);
    this.#inspect(await response.text());
  }

  call(id: string, name: string, args: Record<string, unknown>, init: RequestInit = {}): Promise<void> {
    const params = { name, arguments: { mark: this.mark, ...args } };
    const message = { jsonrpc: "2.0", id: `${this.mark}-${++this.#calls}`, method: "tools/call", params };
    return this.post(message, { ...init, id }).catch(() => {});
  }

  /** Opens a stream and leaves it after a while. */
  async listen(id: string, ms: number): Promise<void> {
    const { url, client } = this.#scene;
    const headers = { accept: "text/event-stream", authorization: `Bearer ${this.token}`, "mcp-session-id": id };
    try {
      const response = await fetch(url, { client, headers, signal: AbortSignal.timeout(ms) });
      this.#inspect(await response.text());
    } catch {
      // It was left, or never there.
    }
  }

  async end(id: string): Promise<void> {
    const { url, client } = this.#scene;
    const headers = { authorization: `Bearer ${this.token}`, "mcp-session-id": id };
    const signal = AbortSignal.timeout(30_000);
    this.#inspect(await (await fetch(url, { method: "DELETE", client, headers, signal })).text());
  }

  async raw(text: string): Promise<void> {
    using client = await RawClient.connect(this.url);
    await client.send(text);
    // One that waits for more than it got answers after its time-out only.
    const answer = await Promise.race([client.answer(), pause(1000)]);
    if (answer !== undefined) this.#inspect((answer as { head: string; body: string }).body);
  }

  #inspect(text: string): void {
    const foreign = foreignMarks(text, this.mark);
    if (foreign.length > 0) {
      this.#scene.findings.add("foreign bytes at the hostile caller", `${foreign}: ${text.slice(0, 300)}`);
    }
  }
}
