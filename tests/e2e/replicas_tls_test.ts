// R1 R2 R3: replicas that reach each other over TLS, as real processes with certificates of an authority of their own:
// calls and streams cross, and whoever cannot be verified at a home's address is a dead home, which is told nothing.
import assert from "node:assert/strict";
import { freePort } from "../../scripts/free_port.ts";
import { Authority, type Certified } from "../support/authority.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { needing } from "../support/programs.ts";
import { call, INITIALIZE } from "../support/signet.ts";
import { signetCli } from "../support/signet_cli.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const NEEDS = await needing(["openssl"], "that replicas verify each other's certificates");

interface Replica {
  readonly signet: Signet;
  readonly upstream: FakeMcp;
}

class Scene implements AsyncDisposable {
  readonly ours: Authority;
  readonly others: Authority;
  readonly client: Deno.HttpClient;
  readonly #stack: AsyncDisposableStack;
  readonly #flags: readonly string[];

  private constructor(
    parts: Pick<Scene, "ours" | "others" | "client">,
    { stack, flags }: { stack: AsyncDisposableStack; flags: readonly string[] },
  ) {
    this.ours = parts.ours;
    this.others = parts.others;
    this.client = parts.client;
    this.#stack = stack;
    this.#flags = flags;
  }

  static async create(): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await TempFolder.create());
    const [ours, others] = [await Authority.create(path, "ours"), await Authority.create(path, "others")];
    await Deno.writeTextFile(`${path}/ring.keys`, newKey(), { mode: 0o600 });
    const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(ours.certFile)] });
    stack.defer(() => client.close());
    const flags = ["--key-file", `${path}/ring.keys`, "--principal", "bearer", "--peer", "127.0.0.0/8"];
    return new Scene({ ours, others, client }, { stack: stack.move(), flags });
  }

  /** @param trusts whose certificates of other replicas it takes */
  async replica(trusts: Authority, own?: Certified): Promise<Replica> {
    const { certFile, keyFile } = own ?? await this.ours.certify();
    const upstream = this.#stack.use(new FakeMcp({ predictable: true }));
    const counts = new Map<string | null, number>();
    upstream.tool("count", ({ request: { sessionId } }) => {
      const count = (counts.get(sessionId) ?? 0) + 1;
      counts.set(sessionId, count);
      return { content: [{ type: "text", text: `count ${count}` }] };
    });
    const listen = `127.0.0.1:${freePort()}`;
    const tls = ["--tls-cert", certFile, "--tls-key", keyFile, "--peer-ca-file", trusts.certFile];
    const args = [...this.#flags, ...tls, "--advertise", `https://${listen}`];
    return { signet: this.#stack.use(await startSignet({ upstream: upstream.url, listen, args })), upstream };
  }

  async open({ signet }: Replica): Promise<string> {
    const response = await this.#send(signet, INITIALIZE);
    await response.text();
    return response.headers.get("mcp-session-id") ?? assert.fail(`initialize: found status ${response.status}`);
  }

  async count({ signet }: Replica, id: string): Promise<number> {
    const response = await this.#send(signet, call(1, "count"), id);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return Number(/count (\d+)/.exec(text)?.[1]);
  }

  async listen({ signet }: Replica, id: string): Promise<Response> {
    const headers = { ...HEADERS, "mcp-session-id": id, accept: "text/event-stream" };
    return await fetch(signet.url, { headers, client: this.client });
  }

  async #send(signet: Signet, message: unknown, id?: string): Promise<Response> {
    const headers = { ...HEADERS, ...(id === undefined ? {} : { "mcp-session-id": id }) };
    return await fetch(signet.url, { method: "POST", headers, body: JSON.stringify(message), client: this.client });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  authorization: "Bearer alice",
};

Deno.test("R1 R2: calls and streams cross between replicas over TLS, verified by an authority of their own", {
  ...STRICT,
  ...NEEDS,
}, async () => {
  await using scene = await Scene.create();
  const [home, other] = await Promise.all([scene.replica(scene.ours), scene.replica(scene.ours)]);
  const id = await scene.open(home);
  for (let i = 1; i <= 6; i++) assert.equal(await scene.count(i % 2 === 0 ? home : other, id), i);
  assert.equal(other.upstream.requests.length, 0);
  const stream = await scene.listen(other, id);
  await until(() => home.upstream.streams.size === 1, "the stream at the home's server");
  home.upstream.push({ jsonrpc: "2.0", method: "notifications/x" });
  const reader = stream.body!.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /notifications\/x/);
  await reader.cancel();
  await until(() => home.upstream.streams.size === 0, "the stream to end");
  const shown = await signetCli(["status", "--admin", other.signet.adminUrl]);
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, new RegExp(`${new URL(home.signet.url).origin} +up · for .* · passed on 4, taken 0`));
});

Deno.test(
  "R2 R3: a home whose certificate is not of the authority that is trusted is a dead one, and the log says why",
  {
    ...STRICT,
    ...NEEDS,
  },
  async () => {
    await using scene = await Scene.create();
    const [home, wary] = await Promise.all([scene.replica(scene.ours), scene.replica(scene.others)]);
    const id = await scene.open(home);
    assert.equal(await scene.count(home, id), 1);
    const before = home.upstream.requests.length;
    assert.equal(await scene.count(wary, id), 1, "it came back where it was asked for");
    assert.equal(home.upstream.requests.length, before, "and the home was passed nothing");
    const { peer, found } = await wary.signet.waitForEvent("another replica was found dead");
    assert.equal(peer, new URL(home.signet.url).origin);
    assert.match(String(found), /no authority that is trusted/);
  },
);

const REFUSED_FOR = [
  { what: "has expired", of: { expired: true }, found: /has expired/ },
  {
    what: "is for another name",
    of: { names: "DNS:replica.example,IP:127.0.0.9" },
    found: /is for another name/,
  },
] as const;

for (const { what, of, found } of REFUSED_FOR) {
  Deno.test(`R2 R3: whoever shows a certificate that ${what} at a home's address is passed nothing`, {
    ...STRICT,
    ...NEEDS,
  }, async () => {
    await using scene = await Scene.create();
    const [home, other] = await Promise.all([scene.replica(scene.ours), scene.replica(scene.ours)]);
    const id = await scene.open(home);
    const { hostname, port, origin } = new URL(home.signet.url);
    await home.signet.kill();
    const { certFile, keyFile } = await scene.ours.certify(of);
    let reached = 0;
    const [cert, key] = [await Deno.readTextFile(certFile), await Deno.readTextFile(keyFile)];
    const options = { hostname, port: Number(port), cert, key, onListen: () => {} };
    await using _impostor = Deno.serve(options, () => (reached++, new Response("{}")));
    assert.equal(await scene.count(other, id), 1, "it came back where it was asked for");
    assert.equal(reached, 0, "no request, and so no credential");
    const told = await other.signet.waitForEvent("another replica was found dead");
    assert.equal(told.peer, origin);
    assert.match(String(told.found), found);
  });
}
