// Session tokens that do not hold: whichever step of T2 tells, outside it is one and the same 401. (What has not even the
// form of one is told that it is none, in the challenge and in the message.)
import assert from "node:assert/strict";
import { SessionTokens } from "../../lib/identity/tokens/tokens.ts";
import { encodePayload, joinToken } from "../../lib/identity/tokens/tokens_form.ts";
import { TokenSecret } from "../../lib/identity/tokens/tokens_secret.ts";
import { openSqliteStore } from "../../lib/store/sqlite/sqlite.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const HOUR_MS = 3_600_000;

for (const lane of LANES) {
  Deno.test(`T2: a token that fails any step is answered with the same 401 (${lane} lane)`, STRICT, async () => {
    await using folder = await TempFolder.create();
    const text = new Uint8Array(32).fill(7).toBase64();
    await Deno.writeTextFile(`${folder.path}/secret`, text, { mode: 0o600 });
    const secret = TokenSecret.fromText(text);
    using store = { state: openSqliteStore(`${folder.path}/state`), [Symbol.dispose]: () => store.state.close() };
    let nowMs = Date.now();
    const tokens = new SessionTokens({
      store: store.state.tokens,
      secrets: [secret],
      maxPerAgent: 10,
      now: () => nowMs,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
    const issue = async (ttlMs = HOUR_MS) => await tokens.issue({ agent: "a", ttlMs });
    const sign = (sid: string, aid: string, exp: number) => {
      const signed = encodePayload({ sid, aid, exp });
      return joinToken(signed, secret.mac(signed));
    };
    const [good, short, gone] = [await issue(), await issue(1_000), await issue()];
    await tokens.revoke(gone.sid);
    const unsigned = btoa('{"sid":"x","aid":"a"}').replaceAll("=", "");
    const bad = {
      form: `${good.token}.more`,
      mac: good.token.slice(0, -43) + "A".repeat(43),
      payload: joinToken(unsigned, secret.mac(unsigned)),
      expired: short.token,
      unknown: gone.token,
      record: sign(good.sid, "b", good.expiresAtS),
    };
    const flags = ["--principal", "token", "--token-secret-file", `${folder.path}/secret`];
    const state = ["--state", `${folder.path}/state`];
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({
      ...{ upstream: upstream.url, lane, now: () => nowMs },
      flags: [...flags, ...state],
    });
    const id = await signet.open({ token: good.token });
    nowMs += 2_000;
    const seen = new Map<string, string>();
    for (const [step, token] of Object.entries(bad)) {
      const answer = await signet.post(call(1, "echo"), { id, token });
      const { error } = await answer.json();
      const { errorId: _, ...data } = error.data;
      const message = step === "form"
        ? error.message.replace(/the .*$/, "the session token does not hold")
        : error.message;
      seen.set(step, JSON.stringify([answer.status, error.code, message, data]));
      assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"/, step);
    }
    assert.deepEqual(
      new Set(seen.values()),
      new Set(['[401,-32000,"Unauthorized: the session token does not hold",{}]']),
      JSON.stringify([...seen]),
    );
    assert.equal(upstream.ran.get("echo"), undefined);
    assert.equal(await status(signet.post(call(2, "echo"), { id, token: good.token })), 200);
  });
}
