// The key file changes and SIGHUP tells Signet: sessions of keys still there go on, those of a removed key are dead.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, type Signet } from "../support/mcp_signet.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";

/** Writes the ring and waits until Signet has taken it: `reloads` is how many reloads there have been then. */
async function rotate(signet: Signet, file: string, ring: { keys: string[]; reloads: number }): Promise<void> {
  await Deno.writeTextFile(file, ring.keys.join("\n") + "\n");
  signet.signal("SIGHUP");
  await signet.waitForEvent("reloaded", ring.reloads);
}

for (const way of SIGNET_WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `E5: client ${kind} goes on over a key rotation until its key is removed ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        const file = await Deno.makeTempFile({ prefix: "signet-key-" });
        const [first, second] = [newKey(), newKey()];
        await Deno.writeTextFile(file, first);
        await Deno.chmod(file, 0o600);
        await using fixture = await startFixture("sdk1");
        await using signet = await startSignetFor(way, fixture, { args: ["--key-file", file] });
        await using old = await connectClient(kind, signet.url);

        await rotate(signet, file, { keys: [second, first], reloads: 1 });
        await using fresh = await connectClient(kind, signet.url);
        assert.equal(await old.client.call("echo", { text: "old" }), "old");
        assert.equal(await fresh.client.call("echo", { text: "fresh" }), "fresh");

        await rotate(signet, file, { keys: [second], reloads: 2 });
        assert.equal(await fresh.client.call("echo", { text: "fresh" }), "fresh");
        await assert.rejects(old.client.call("echo", { text: "old" }));
        assert.equal(old.wire.requests.findLast((request) => request.rpcMethod === "tools/call")?.status, 404);
        await Deno.remove(file);
      },
    );
  }
}
