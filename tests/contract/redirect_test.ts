// Redirects and addresses of the server (docs/behaviour.md P6): what stays with the same server is followed once,
// anything else is refused with a cure, and no field of an answer leads a client past Signet.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

/** A server whose endpoint is at `/mcp/`; at `/mcp` it says so. */
function moved(code: number, location: (upstream: FakeMcp, query: string) => string): FakeMcp {
  const upstream = new FakeMcp();
  upstream.onRequest = ({ path }) => {
    const [at, query] = path.split("?");
    if (at !== "/mcp") return undefined;
    const headers = { location: location(upstream, query === undefined ? "" : `?${query}`) };
    return new Response("moved", { status: code, headers });
  };
  return upstream;
}

const FOLLOWED: [string, (upstream: FakeMcp, query: string) => string][] = [
  ["a path", (_, query) => `/mcp/${query}`],
  ["a relative path", (_, query) => `mcp/${query}`],
  ["its whole address", ({ port }, query) => `http://127.0.0.1:${port}/mcp/${query}`],
  ["an address without a scheme", ({ port }, query) => `//127.0.0.1:${port}/mcp/${query}`],
];

const REFUSED: [string, number, (upstream: FakeMcp) => string][] = [
  ["another host", 307, () => "http://mcp.example.com/mcp/"],
  ["another port", 307, ({ port }) => `http://127.0.0.1:${port === 1 ? 2 : 1}/mcp/`],
  ["another scheme and port", 308, ({ port }) => `https://127.0.0.1:${port}/mcp/`],
  ["a name for the same host", 307, ({ port }) => `http://localhost:${port}/mcp/`],
  ["credentials in it", 307, ({ port }) => `http://a:b@127.0.0.1:${port}/mcp/`],
  ["no HTTP", 307, () => "javascript:alert(1)"],
  ["no address", 307, () => "http://["],
  ["nothing", 308, () => ""],
  ["itself", 307, () => "/mcp"],
  ["the same by 301", 301, () => "/mcp/"],
  ["the same by 302", 302, () => "/mcp/"],
  ["the same by 303", 303, () => "/mcp/"],
  ["a choice", 300, () => "/mcp/"],
];

for (const lane of LANES) {
  for (const code of [307, 308]) {
    for (const [what, location] of FOLLOWED) {
      Deno.test(
        `P6: ${code} to ${what} of the same server is followed for every method (${lane} lane)`,
        STRICT,
        async () => {
          await using upstream = moved(code, location);
          await using signet = await TestSignet.start({ upstream: upstream.url, lane });
          const id = await signet.open();
          const answer = await signet.post(call(1, "echo", { a: 1 }), { id });
          assert.deepEqual([answer.status, (await answer.json()).result], [200, { echoed: { a: 1 } }]);
          const stream = await signet.get({ id });
          assert.equal(stream.status, 200);
          await stream.body?.cancel();
          assert.equal(await status(signet.delete({ id })), 204);
          assert.equal(upstream.ran.get("echo"), 1);
          assert.equal(upstream.sessions.size, 0);
        },
      );
    }
  }

  Deno.test(`P6 L4: a lost session behind a redirect is opened again there (${lane} lane)`, STRICT, async () => {
    await using upstream = moved(307, (_, query) => `/mcp/${query}`);
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    upstream.forgetSessions();
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    assert.equal(upstream.ran.get("echo"), 1);
  });

  Deno.test(
    `P6: each request is sent where the settings say, and from there where that leads by then (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const ids = [await signet.open(), await signet.open()];
      let from: string | undefined;
      upstream.onRequest = ({ path }) =>
        path === from ? new Response("moved", { status: 307, headers: { location: `${path}moved/` } }) : undefined;
      // Heads are kept: of one session in bytes, of several but for their ids.
      for (const order of [[0, 0, 0], [0, 1, 0], [1, 1]]) {
        for (from of [undefined, "/mcp", undefined]) {
          for (const [at, session] of order.entries()) {
            const before = upstream.requests.length;
            assert.equal(await status(signet.post(call(at, "echo"), { id: ids[session]! })), 200);
            const paths = upstream.requests.slice(before).map(({ path }) => path);
            assert.deepEqual(paths, from === undefined ? ["/mcp"] : ["/mcp", "/mcpmoved/"]);
          }
        }
      }
    },
  );

  for (const [what, code, location] of REFUSED) {
    Deno.test(
      `P6: ${code} to ${what} is 502 with a cure, and the address stays here (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        upstream.onRequest = () => new Response("moved", { status: code, headers: { location: location(upstream) } });
        const before = upstream.requests.length;
        const asked = [signet.post(call(1, "echo"), { id }), signet.get({ id }), signet.post(INITIALIZE)];
        for (const answer of await Promise.all(asked.map((answer) => answer))) {
          assert.deepEqual([answer.status, answer.headers.get("location")], [502, null]);
          const text = await answer.text();
          assert.equal(JSON.parse(text).error.message, "Bad gateway: the MCP server answers with a redirect");
          assert.equal(text.includes(String(upstream.port)) || text.includes("example.com"), false);
        }
        assert.equal(upstream.requests.length, before + 3, "nothing is sent twice");
        const line = signet.logs.find(({ event }) => event === "request failed");
        assert.match(String(line?.remedy), /--upstream/);
        assert.match(String(line?.found), new RegExp(`status ${code}`));
        upstream.onRequest = undefined;
        assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
      },
    );
  }

  Deno.test(
    `P6: a redirect that leads to another is refused, and nothing goes in a circle (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.onRequest = ({ path }) => new Response(null, { status: 307, headers: { location: `${path}/` } });
      const before = upstream.requests.length;
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 502);
      assert.equal(upstream.requests.length, before + 2);
    },
  );

  Deno.test(`P6: no field of an answer names the server (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const { url, port } = upstream;
    const hidden = {
      location: "/mcp/1",
      "content-location": "/mcp/1",
      refresh: `0; url=${url}`,
      link: `<${url}>; rel="self"`,
      "alt-svc": `h2=":${port}"`,
      "reporting-endpoints": `x="${url}"`,
      "x-backend": `127.0.0.1:${port}`,
      "set-cookie": `route=127.0.0.1:${port}; Path=/`,
    };
    for (const code of [200, 201, 400, 403, 500]) {
      upstream.onRequest = () => new Response("{}", { status: code, headers: { ...hidden, "x-kept": "yes" } });
      const answer = await signet.post(call(1, "x"), { id });
      assert.equal(answer.status, code);
      await answer.body?.cancel();
      const names = [...answer.headers.keys()];
      assert.deepEqual(names.filter((name) => Object.hasOwn(hidden, name)), []);
      assert.equal(answer.headers.get("x-kept"), "yes");
    }
  });
}
