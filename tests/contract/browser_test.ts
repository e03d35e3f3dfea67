// What a web page sees: it may learn where to log in from anywhere, and read every refusal where its origin is allowed,
// the engine's own included (docs/behaviour.md I5, I6; docs/protocol.md 14, 22; Fetch standard, "CORS protocol").
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient } from "../support/raw_client.ts";
import { LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { RESOURCE_FLAGS, TestIssuer } from "../support/tokens.ts";

const ORIGIN = "https://app.example";
const FOREIGN = "https://elsewhere.example";

for (const lane of LANES) {
  Deno.test(`I5: a page of any origin may discover, and do nothing else (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      lane,
      flags: [...issuer.flags, ...RESOURCE_FLAGS],
    });
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = { origin: FOREIGN, ...init.headers as Record<string, string> };
      const response = await fetch(new URL(path, signet.url), { ...init, headers });
      await response.body?.cancel();
      return [response.status, response.headers.get("access-control-allow-origin")] as const;
    };
    const metadata = "/.well-known/oauth-protected-resource/mcp";
    assert.deepEqual(await ask(metadata), [200, "*"]);
    assert.deepEqual(await ask(metadata, { method: "HEAD" }), [200, "*"]);
    assert.deepEqual(await ask(metadata, { method: "OPTIONS" }), [204, "*"]);
    assert.deepEqual(await ask(metadata, { method: "POST", body: "{}" }), [403, null]);
    assert.deepEqual(await ask("/mcp"), [403, null]);
    assert.deepEqual(await ask("/.well-known/oauth-protected-resource/other"), [403, null]);
    using client = await RawClient.connect(signet.url);
    await client.send(`GET ${metadata} HTTP/1.1\r\nHost: evil.example\r\nOrigin: ${FOREIGN}\r\n\r\n`);
    assert.equal((await client.answer()).status, 403, "the guard of Host stands");
  });
}

const HEAD = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nOrigin: ${ORIGIN}\r\n`;
const REFUSED: readonly [string, number, string][] = [
  ["an announced body over the cap", 413, `${HEAD}Content-Length: 99999999\r\n\r\n`],
  [
    "a body over the cap in chunks",
    413,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n2800\r\n${"x".repeat(0x2800)}\r\n0\r\n\r\n`,
  ],
  ["two lengths", 400, `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
  ["a repeated field of Signet's", 400, `${HEAD}Authorization: a\r\nAuthorization: b\r\nContent-Length: 0\r\n\r\n`],
  ["a line without CR", 400, `${HEAD}X: y\nContent-Length: 0\r\n\r\n`],
  ["a head over the cap", 431, `${HEAD}X: ${"y".repeat(70_000)}`],
  ["an unknown transfer coding", 501, `${HEAD}Transfer-Encoding: zip\r\n\r\n`],
  ["another version", 505, HEAD.replace("HTTP/1.1", "HTTP/2.0") + "\r\n"],
];

for (const [what, wanted, message] of REFUSED) {
  Deno.test(`PROTOCOL 14: a page may read why ${what} is refused, if its origin is allowed`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const flags = ["--allow-origin", ORIGIN, "--max-body", "8KiB"];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags });
    const cases: readonly [string, string | undefined][] = [
      [message, ORIGIN],
      [message.replace(ORIGIN, FOREIGN), undefined],
      [message.replace(`Origin: ${ORIGIN}`, `oRIGIN:\t${ORIGIN} `), ORIGIN],
      [message.replace(`Origin: ${ORIGIN}\r\n`, ""), undefined],
      [message.replace("Host:", `Origin: ${FOREIGN}\r\nHost:`), undefined],
    ];
    for (const [text, origin] of cases) {
      using client = await RawClient.connect(signet.url);
      await client.send(text);
      const { status, head } = await client.answer();
      assert.equal(/access-control-allow-origin: (\S+)/.exec(head)?.[1], origin, head);
      if (origin !== undefined) assert.equal(status, wanted);
    }
  });
}
