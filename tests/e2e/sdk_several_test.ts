// Unmodified servers together behind one session: server-everything twice under one name, server-memory over stdio, and a
// server on SDK 2.x; driven by the official clients, and by them through a restart of Signet in mid-session.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CLIENT_SANITIZERS, connectClient, type Connected, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { exerciseEverything } from "../support/mcp_everything.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LOCKED = `--config ${ROOT}deno.json --lock=${ROOT}tests/deno.lock --frozen`;
const MEMORY = `${Deno.execPath()} run -A ${LOCKED} npm:@modelcontextprotocol/server-memory@2026.8.31`;

/** The same client as one that speaks to a member by its bare names. */
function asMember({ client, ...connected }: Connected, prefix: string, whole: Connected): Connected {
  const named = (name: string) => `${prefix}_${name}`;
  const bare = new Proxy(client, {
    get(target, property) {
      if (property === "listTools") {
        return async () =>
          (await target.listTools()).filter((name) => name.startsWith(prefix)).map((name) =>
            name.slice(prefix.length + 1)
          );
      }
      if (property === "call") return (name: string, ...rest: []) => target.call(named(name), ...rest);
      if (property === "prompt") {
        return (name: string, args: Record<string, string>) => target.prompt(named(name), args);
      }
      const value = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return Object.assign(Object.create(whole), { ...connected, client: bare, heard: whole.heard.bind(whole) });
}

for (const kind of LEGACY_CLIENTS) {
  Deno.test(
    `A1 A2 A5: client ${kind} works with four servers as with one, and goes on when Signet restarts`,
    CLIENT_SANITIZERS,
    async (t) => {
      await using first = await startFixture("everything");
      await using second = await startFixture("everything");
      await using modern = await startFixture("sdk2");
      const folder = await Deno.makeTempDir({ prefix: "signet-memory-" });
      await using signet = await startSignet({
        upstream: `everything=${first.url}`,
        args: [
          ...["--upstream", `everything=${second.url}`, "--upstream", `modern=${modern.url}`],
          ...["--upstream", `memory=stdio:${MEMORY}`, "--stdio-env", `MEMORY_FILE_PATH=${folder}/memory.jsonl`],
          ...["--member-timeout", "60s"],
        ],
        env: { MCP_ENCRYPTION_KEY: newKey() },
      });
      await using connected = await connectClient(kind, signet.url);
      const { client } = connected;
      await t.step(
        "the first of two of one name",
        (t) => exerciseEverything(t, asMember(connected, "everything_1", connected)),
      );
      await t.step("the second", (t) => exerciseEverything(t, asMember(connected, "everything_2", connected)));
      const names = await client.listTools();
      const id = client.sessionId;
      const entity = { name: "Signet", entityType: "program", observations: ["stands in front"] };
      await client.call("memory_create_entities", { entities: [entity] });
      await client.call("modern_note", { id: "mine", text: "kept" });
      const underWay = Promise.withResolvers<void>();
      const cut = client.call("modern_slow", { steps: 1, gate: "never", key: "k" }, {
        onProgress: () => underWay.resolve(),
      });
      const heard = cut.then(() => "an answer", (error: Error) => error.message);
      await underWay.promise;

      await signet.restart();

      assert.match(await heard, /lost when Signet was restarted/);
      assert.match(await client.call("memory_read_graph"), /stands in front/);
      assert.deepEqual(await client.listTools(), names);
      assert.equal(client.sessionId, id);
      assert.match(await client.readResource("modern+fixture://notes/mine"), /kept/);
      await client.setLogLevel("debug");
      await client.terminate();
      await Deno.remove(folder, { recursive: true });
    },
  );
}
