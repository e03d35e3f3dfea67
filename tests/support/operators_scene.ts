// A real Signet with session tokens in front of a fake MCP server, and what its operators have: state file, secrets, keys.
import assert from "node:assert/strict";
import { FakeMcp } from "./fake_mcp.ts";
import { type RawAnswer, sendRaw } from "./mcp_raw.ts";
import { newKey, type Signet, startSignet } from "./mcp_signet.ts";
import { type CliResult, signetCli } from "./signet_cli.ts";

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

export interface SceneOptions {
  /** Default true. */
  readonly state?: boolean;
  readonly adminToken?: boolean;
}

/** An agent's session: what it sends with every request. */
export interface Held {
  readonly id: string;
  readonly token: string;
}

export class Scene implements AsyncDisposable {
  readonly folder: string;
  readonly upstream: FakeMcp;
  readonly signet: Signet;
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string, upstream: FakeMcp, signet: Signet, env: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.upstream = upstream;
    this.signet = signet;
    this.env = env;
  }

  static async start(options: SceneOptions = {}): Promise<Scene> {
    const folder = await Deno.makeTempDir({ prefix: "signet-operators-" });
    for (const name of ["secrets", "admin"]) {
      await Deno.writeTextFile(`${folder}/${name}`, `${newKey()}\n`, { mode: 0o600 });
    }
    const env = { MCP_ENCRYPTION_KEY: newKey() };
    const upstream = new FakeMcp({ stateless: true });
    const args = [
      ...["--principal", "token", "--token-secret-file", `${folder}/secrets`],
      ...(options.state === false ? [] : ["--state", `${folder}/state.db`]),
      ...(options.adminToken ? ["--admin-token-file", `${folder}/admin`] : []),
    ];
    try {
      return new Scene(folder, upstream, await startSignet({ upstream: upstream.url, args, env }), env);
    } catch (error) {
      await upstream[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Flags that lead to the running Signet. */
  get admin(): string[] {
    return ["--admin", this.signet.adminUrl];
  }

  /** Flags that lead to its state file. */
  get state(): string[] {
    return ["--state", `${this.folder}/state.db`];
  }

  /** Of what signs or verifies on the state file. */
  get secrets(): string[] {
    return ["--token-secret-file", `${this.folder}/secrets`];
  }

  /** An operator's command, with the key ring in its environment. */
  run(args: readonly string[], stdin = ""): Promise<CliResult> {
    return signetCli(args, { stdin, env: this.env });
  }

  /** The same, which must succeed. */
  async ok(args: readonly string[], stdin = ""): Promise<CliResult> {
    const result = await this.run(args, stdin);
    assert.equal(result.code, 0, result.err);
    return result;
  }

  /** A token of an agent, issued by the running Signet. */
  async issue(agent: string): Promise<string> {
    return (await this.ok(["token", "issue", "--agent", agent, ...this.admin])).out.trim();
  }

  /** A session opened with a token. */
  async open(token: string): Promise<Held> {
    const answer = await sendRaw(this.signet.url, {
      message: INITIALIZE,
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(answer.status, 200, answer.body);
    return { id: answer.headers.get("mcp-session-id") ?? "", token };
  }

  /** A tool call in a session; without one, the token alone is tried. */
  call({ id, token }: Held): Promise<RawAnswer> {
    return sendRaw(this.signet.url, {
      headers: { authorization: `Bearer ${token}`, "mcp-session-id": id },
      message: { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: {} } },
    });
  }

  /** An open listening stream of a session; resolves once it is open. Its text resolves when it ends. */
  async listen({ id, token }: Held): Promise<{ ended: Promise<string> }> {
    const response = await fetch(this.signet.url, {
      headers: { authorization: `Bearer ${token}`, "mcp-session-id": id, accept: "text/event-stream" },
    });
    assert.equal(response.status, 200);
    return { ended: response.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
