// What a reload changes about callers holds from the next request on, also on connections that are open (P2, I1, I5).
import assert from "node:assert/strict";
import { ConfigError } from "../../lib/errors.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

for (const lane of LANES) {
  Deno.test(
    `P2: a scope required by a reload is required on open connections too (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
      const token = await issuer.token("alice", { scope: "mcp:use" });
      const id = await signet.open({ token });
      using client = await RawClient.connect(signet.url);
      const request = rawPost(JSON.stringify(call(1, "echo")), [
        `mcp-session-id: ${id}`,
        `authorization: Bearer ${token}`,
      ]);
      await client.send(request);
      assert.equal((await client.answer()).status, 200);
      signet.flags = [...signet.flags, "--require-scope", "files:write"];
      await signet.app.reload();
      await client.send(request);
      const refused = await client.answer();
      assert.equal(refused.status, 403);
      assert.match(refused.head, /error="insufficient_scope".*scope="files:write"/);
    },
  );

  Deno.test(`P2: a key withdrawn by a reload counts on no open connection (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using other = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await signet.open({ token });
    using client = await RawClient.connect(signet.url);
    const request = rawPost(JSON.stringify(call(1, "echo")), [
      `mcp-session-id: ${id}`,
      `authorization: Bearer ${token}`,
    ]);
    await client.send(request);
    assert.equal((await client.answer()).status, 200);
    await Deno.copyFile(other.jwksFile, issuer.jwksFile);
    await signet.app.reload();
    await client.send(request);
    assert.equal((await client.answer()).status, 401);
  });

  Deno.test(`P2: a reload with a broken key file keeps the old keys (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
    const token = await issuer.token("alice");
    const id = await signet.open({ token });
    await Deno.writeTextFile(issuer.jwksFile, "not JSON");
    await assert.rejects(() => signet.app.reload(), ConfigError);
    const answer = await signet.post(call(1, "echo"), { id, token });
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
  });
}
