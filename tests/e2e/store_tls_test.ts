// R4 R6: the shared store over TLS, a real one with a certificate of an authority of its own and a user of Signet's: what is
// deleted on one replica is refused on the other; a store that cannot be verified, or refuses, is told of in clear words.
import assert from "node:assert/strict";
import { freePort } from "../../scripts/free_port.ts";
import { Authority, type CertifiedFor } from "../support/authority.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { call, INITIALIZE } from "../support/signet.ts";
import { type CliResult, signetCli } from "../support/signet_cli.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const NEEDS = await needing(["redis-server", "openssl"], "that a store is reached over TLS");

/** As docs/guides/replicas.md has it. */
const USER = ["on", ">sesame", "~*signet:*", "&*signet:*", "+@all", "-@dangerous"];

class Scene implements AsyncDisposable {
  readonly upstream: FakeMcp;
  readonly path: string;
  readonly others: Authority;
  /** What a replica is told of the store unless a test says otherwise. */
  readonly flags: Readonly<Record<string, string>>;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Pick<Scene, "upstream" | "path" | "others" | "flags">, stack: AsyncDisposableStack) {
    this.upstream = parts.upstream;
    this.path = parts.path;
    this.others = parts.others;
    this.flags = parts.flags;
    this.#stack = stack;
  }

  /** @param store what its certificate is like */
  static async create(store: CertifiedFor = {}): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await TempFolder.create());
    const [ours, others] = [await Authority.create(path, "ours"), await Authority.create(path, "others")];
    const { certFile, keyFile } = await ours.certify(store);
    const port = freePort();
    // deno-fmt-ignore
    const redis = stack.use(await RedisServer.start([
      "--tls-port", String(port), "--tls-cert-file", certFile, "--tls-key-file", keyFile,
      "--tls-ca-cert-file", ours.certFile, "--tls-auth-clients", "no",
    ]));
    assert.match(await redis.ask("ACL", "SETUSER", "signet", ...USER), /OK/);
    await Deno.writeTextFile(`${path}/ring.keys`, newKey(), { mode: 0o600 });
    await Deno.writeTextFile(`${path}/password`, "sesame\n", { mode: 0o600 });
    const upstream = stack.use(new FakeMcp());
    const flags = {
      ...{ "--store": `rediss://signet@127.0.0.1:${port}`, "--store-password-file": `${path}/password` },
      ...{ "--store-ca-file": ours.certFile, "--store-timeout": "1s", "--key-file": `${path}/ring.keys` },
    };
    return new Scene({ upstream, path, others, flags }, stack.move());
  }

  args(otherwise: Readonly<Record<string, string>> = {}): string[] {
    return Object.entries({ ...this.flags, ...otherwise, "--principal": "bearer" }).flat();
  }

  async replica(otherwise?: Readonly<Record<string, string>>): Promise<Signet> {
    return this.#stack.use(await startSignet({ upstream: this.upstream.url, args: this.args(otherwise) }));
  }

  async probe(otherwise?: Readonly<Record<string, string>>): Promise<CliResult> {
    return await signetCli(["check", "--probe", "--upstream", this.upstream.url, ...this.args(otherwise)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function send({ url }: Signet, method: "POST" | "DELETE", { id, body }: { id?: string; body?: unknown }) {
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    authorization: "Bearer alice",
    ...(id === undefined ? {} : { "mcp-session-id": id }),
  };
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  await response.text();
  return response;
}

async function storeUp({ adminUrl }: Signet): Promise<boolean> {
  const page = await (await fetch(`http://${adminUrl.replace(/^http:\/\//, "")}/metrics`)).text();
  return /^signet_store_up 1$/m.test(page);
}

Deno.test("R4: what is deleted on one replica is refused on the other by a store over TLS, with a user of its own", {
  ...STRICT,
  ...NEEDS,
}, async () => {
  await using scene = await Scene.create();
  const [one, other] = await Promise.all([scene.replica(), scene.replica()]);
  for (const signet of [one, other]) await until(() => storeUp(signet), "the store to answer");
  const id = (await send(one, "POST", { body: INITIALIZE })).headers.get("mcp-session-id") ?? assert.fail("no session");
  for (const signet of [one, other]) {
    assert.equal((await send(signet, "POST", { id, body: call(1, "echo") })).status, 200);
  }
  assert.equal((await send(other, "DELETE", { id })).status, 204);
  await until(
    async () => (await send(one, "POST", { id, body: call(2, "echo") })).status === 404,
    "the deleted session to be dead on both",
  );
  const probe = await scene.probe();
  assert.match(probe.out, /rediss:\/\/signet@127\.0\.0\.1:\d+ answers/, probe.out + probe.err);
});

const REFUSED_FOR = [
  { what: "is of another authority", of: {}, found: /no authority that is trusted \(--store-ca-file\)/, wary: true },
  { what: "has expired", of: { expired: true }, found: /has expired/, wary: false },
  {
    what: "is for another name",
    of: { names: "DNS:store.example,IP:127.0.0.9" },
    found: /is for another name/,
    wary: false,
  },
] as const;

for (const { what, of, found, wary } of REFUSED_FOR) {
  Deno.test(`R6: a store whose certificate ${what} is one that does not answer, and is told so`, {
    ...STRICT,
    ...NEEDS,
  }, async () => {
    await using scene = await Scene.create(of);
    const trusting = wary ? { "--store-ca-file": scene.others.certFile } : {};
    const signet = await scene.replica(trusting);
    const { cause } = await signet.waitForEvent("the shared store does not answer");
    assert.match(String(cause), found);
    assert.equal(await storeUp(signet), false);
    const probe = await scene.probe(trusting);
    assert.equal(probe.code, 1);
    assert.match((probe.out + probe.err).replaceAll(/\s+/g, " "), found);
  });
}

Deno.test("R6: a store that refuses the password is one that does not answer, and the password is told to nobody", {
  ...STRICT,
  ...NEEDS,
}, async () => {
  await using scene = await Scene.create();
  const file = `${scene.path}/wrong`;
  await Deno.writeTextFile(file, "open-barley\n", { mode: 0o600 });
  const signet = await scene.replica({ "--store-password-file": file });
  const { cause } = await signet.waitForEvent("the shared store does not answer");
  assert.match(String(cause), /WRONGPASS/);
  assert.ok(!signet.logs.join("\n").includes("open-barley"));
});
