// V3: the operators' page in a real browser: it shows what is, live; changes what the token allows, after asking; and gives
// nothing to pages of others, to names that were led here, or to what callers call themselves.
import assert from "node:assert/strict";
import { serveAdmin } from "../../lib/admin/admin.ts";
import { AdminToken } from "../../lib/admin/admin_token.ts";
import { controlRoutes } from "../../lib/admin/control_api.ts";
import { Feeds } from "../../lib/admin/feeds.ts";
import { liveRoutes } from "../../lib/admin/live_api.ts";
import { pageRoutes } from "../../lib/admin/page.ts";
import { stateRoutes } from "../../lib/admin/state_view.ts";
import { createControl } from "../../lib/app/operators/control.ts";
import { StoredRevocations } from "../../lib/session/revocations/revocation_store.ts";
import { createMemoryStore } from "../../lib/store/memory/memory.ts";
import { Chromium, type Page, WITH_BROWSER } from "../support/chromium.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, status, TestSignet } from "../support/signet.ts";
import { SILENT_LOG } from "../support/silent_log.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { stateOf } from "../unit/cli/states.ts";
import { Bench, NOW_MS, principal, TTL_MS } from "../unit/session/fakes.ts";

const TOKEN = "hunter2hunter2hunter2hunter2hunter2";
const HOSTILE = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'"\u202e`;
/** As the page shows it: nothing in it turns text around, or is not seen. */
const HOSTILE_SHOWN = HOSTILE.replace("\u202e", "\\u202e");
const BROWSER = { ...STRICT, ...WITH_BROWSER };
const ROWS = "document.querySelectorAll('#sessions tbody tr').length";

const IS_OPEN = "document.querySelector('#token-dialog').open";

/** Types a token where it is asked for. */
async function offer(page: Page, token: string): Promise<void> {
  await page.until(`!document.querySelector('#sign-in').hidden && !${IS_OPEN}`, "signing in is offered");
  await page.click("#sign-in");
  await page.until(`${IS_OPEN} && document.activeElement.id === 'token'`, "the token is asked for");
  await page.type(token);
  await page.until(`document.querySelector('#token').value.length === ${token.length}`, "it was typed");
  await page.press("Enter");
}

async function signIn(page: Page): Promise<void> {
  await offer(page, TOKEN);
  await page.until("document.querySelector('#access').textContent === 'operator'", "signed in");
}

/** Clicks the nth button of the first row, and what the dialog then asks. */
async function revokeFirst(page: Page, button: number): Promise<void> {
  await page.click(`#sessions tbody tr .row-actions button:nth-child(${button})`);
  await page.until("document.querySelector('#confirm-dialog').open", "it asks first");
  await page.click("#confirm-ok");
  await page.until("!document.querySelector('#confirm-dialog').open", "it was done");
}

Deno.test(
  "V3: an operator sees sessions and their callers, live, and revokes one and all of a caller",
  BROWSER,
  async () => {
    await using folder = await TempFolder.create();
    const tokenFile = `${folder.path}/admin`;
    await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
    await using mcp = new FakeMcp();
    mcp.tool(HOSTILE, () => ({ content: [] }));
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({
      upstream: mcp.url,
      flags: [...issuer.flags, "--admin-token-file", tokenFile],
    });
    const token = await issuer.token(HOSTILE);
    const ids = [await signet.open({ token }), await signet.open({ token }), await signet.open({ token })];
    await using browser = await Chromium.start();
    const page = await browser.page(`http://${signet.app.admin}/`);

    // By keyboard: past the header to what there is.
    await page.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.className"), "skip");

    // Without the token: numbers, and nothing of callers, addresses or the log.
    await page.until("document.querySelector('#live').textContent === '3'", "the state was shown");
    assert.equal(await page.text("#condition"), "ready");
    assert.equal(await page.evaluate(ROWS), 0);
    const before = await page.text("body");
    assert.ok(
      !before.includes(new URL(mcp.url).port) && !before.includes("hacked") && !before.includes("session opened"),
      before,
    );
    assert.equal(
      await page.evaluate(
        "fetch('/sessions/revoke', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{\"kind\":\"all\"}' }).then(r => r.status)",
      ),
      401,
    );
    assert.equal(await page.evaluate("fetch('/sessions').then(r => r.status)"), 401);
    page.complaints.length = 0; // two refusals that were asked for

    // A token that is none is told so, and kept by nobody.
    await offer(page, "wrong".repeat(10));
    await page.until("!document.querySelector('#token-problem').hidden", "a wrong token was refused");
    await page.press("Escape");
    await signIn(page);
    await page.until("document.activeElement.id === 'sign-out'", "who signed in by keyboard is where signing in was");
    await page.until(`${ROWS} === 3`, "sessions were listed");
    assert.equal(await page.text("#sessions tbody tr td:nth-child(2) button"), HOSTILE_SHOWN);
    await page.until("document.querySelector('#log').textContent.includes('session opened')", "lines of the log");

    // Live: a call is counted, a refusal has its reason, a session that is opened appears.
    assert.equal(await status(signet.post(call(1, "echo"), { id: "forged", token })), 404);
    ids.push(await signet.open({ token }));
    await page.until(`${ROWS} === 4`, "a new session appeared");
    await page.until(
      "document.querySelector('#refusals').textContent.includes('session_not_found')",
      "the refusal was shown",
    );
    await page.until("document.querySelector('#log').textContent.includes('request refused')", "its line was shown");
    await page.click("#refusals tbody summary");
    await page.until(
      "document.querySelector('#refusals details p').textContent.includes('does not open or is dead')",
      "the reason was explained",
    );

    // Watching one: its tool by its own name, as text.
    await page.click("#sessions tbody tr .row-actions button:nth-child(1)");
    await page.until("document.querySelector('#tap-dialog').open", "the session is watched");
    await page.until("document.querySelector('#tap-state').textContent !== ''", "the watch has begun");
    assert.equal(await status(signet.post(call(7, HOSTILE), { id: ids[0], token })), 200);
    await page.until("document.querySelectorAll('#tap tbody tr').length > 0", "the exchange was seen");
    assert.match(await page.text("#tap tbody td"), /^[012]\d:\d\d:\d\d$/, "of 24 hours, as in the log");
    assert.equal(
      await page.evaluate("document.querySelector('#tap tbody td:nth-child(3)').textContent"),
      HOSTILE_SHOWN,
    );
    await page.press("Escape");

    // Cancelling changes nothing; Enter cancels.
    await page.click("#sessions tbody tr .row-actions button:nth-child(3)");
    await page.press("Enter");
    await page.until("!document.querySelector('#confirm-dialog').open", "Enter cancels");
    assert.equal(await status(signet.post(call(2, "echo"), { id: ids[0], token })), 200);
    await revokeFirst(page, 2);
    await page.until(`${ROWS} === 3`, "the session is gone");
    assert.equal(await status(signet.post(call(3, "echo"), { id: ids[0], token })), 404);
    assert.equal(await status(signet.post(call(3, "echo"), { id: ids[1], token })), 200);
    await revokeFirst(page, 3);
    await page.until(`${ROWS} === 0`, "the caller's sessions are gone");
    for (const id of ids) assert.equal(await status(signet.post(call(4, "echo"), { id, token })), 404);

    // Signing out takes everything from the screen that was an operator's.
    await page.click("#sign-out");
    await page.until("document.querySelector('#access').textContent === 'read-only'", "signed out");
    await page.until("document.activeElement.id === 'sign-in'", "the focus is where signing out was");
    assert.equal(await page.evaluate("document.querySelector('#log').children.length"), 0);
    assert.equal(await page.evaluate("window.hacked"), undefined);
    assert.equal(await page.evaluate("[...document.images].every(({ src }) => src.endsWith('/page/icon.svg'))"), true);
    assert.deepEqual(page.complaints, []);
  },
);

Deno.test("V3: pages of others, and names that were led here, get nothing and change nothing", BROWSER, async () => {
  await using mcp = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: mcp.url });
  const id = await signet.open();
  const admin = `http://${signet.app.admin}`;
  await using evil = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response(`<!DOCTYPE html><title>evil</title><iframe src="${admin}/"></iframe>`, {
        headers: { "content-type": "text/html" },
      }),
  );
  await using browser = await Chromium.start();
  const page = await browser.page(`http://127.0.0.1:${(evil.addr as Deno.NetAddr).port}/`);
  const attempts = [
    `fetch("${admin}/state")`,
    `fetch("${admin}/sessions/revoke", { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body: '{"kind":"all"}' })`,
    `fetch("${admin}/sessions/revoke", { method: "POST", headers: { "content-type": "application/json" }, body: '{"kind":"all"}' })`,
    `fetch("${admin}/stop", { method: "POST", headers: { "content-type": "application/json", authorization: "Bearer x" }, body: "{}" })`,
  ];
  for (const attempt of attempts) {
    const read = await page.evaluate<string>(
      `${attempt}.then(async (r) => r.type === "opaque" ? "opaque" : await r.text(), () => "blocked")`,
    );
    assert.ok(read === "blocked" || read === "opaque", `${attempt}: ${read}`);
  }
  await page.evaluate(`new Promise((resolve) => {
    const form = document.createElement("form");
    form.method = "POST"; form.action = "${admin}/stop"; form.target = "frame"; form.enctype = "text/plain";
    const frame = document.createElement("iframe"); frame.name = "frame"; frame.onload = resolve;
    const field = document.createElement("input"); field.name = "{}"; form.append(field);
    document.body.append(frame, form); form.submit();
  })`);
  assert.equal(
    await page.evaluate(
      "(() => { try { return document.querySelector('iframe').contentDocument?.title ?? 'none' } catch { return 'none' } })()",
    ),
    "none",
  );
  assert.equal(await status(signet.post(call(1, "echo"), { id })), 200, "the session lives");

  const rebound = await browser.page(`http://rebound.example:${new URL(admin).port}/`);
  assert.match(await rebound.text("body"), /Forbidden: this listener answers to loopback names/);
  for (const path of ["/state", "/sessions", "/log", "/page/page.js"]) {
    assert.equal(await rebound.evaluate(`fetch("${path}").then((r) => r.status)`), 403, path);
  }

  // Its own page, without a token that there could be: reads, and changes nothing.
  const own = await browser.page(`${admin}/`);
  await own.until(`${ROWS} === 1`, "sessions are read on loopback");
  assert.equal(
    await own.evaluate("document.querySelector('#sessions tbody tr .row-actions button:nth-child(2)').disabled"),
    true,
  );
  assert.equal(
    await own.evaluate(
      "fetch('/sessions/revoke', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{\"kind\":\"all\"}' }).then(r => r.status)",
    ),
    403,
  );
  assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
});

Deno.test("V3: ten thousand sessions are shown a page at a time, and found, at 320 px as well", BROWSER, async () => {
  const store = createMemoryStore();
  const revocations = new StoredRevocations({ store, maxSessionTtlMs: TTL_MS }, 0);
  const bench = new Bench({ revocations, caps: { maxSessions: 20_000 } });
  const owners = Array.from({ length: 200 }, (_, n) => principal(`user-${n}`));
  for (let n = 0; n < 10_000; n++) bench.initialize(owners[n % owners.length]!);
  const { registry } = bench;
  const options = {
    registry,
    revocations,
    owners: bench.owners,
    tokens: undefined,
    ring: () => registry.ring,
    now: () => NOW_MS,
  };
  const access = { token: new AdminToken(TOKEN), loopback: true };
  const workers: { workers?: number } = {};
  const state = () =>
    Promise.resolve(stateOf({
      ...workers,
      ...{ nowMs: NOW_MS, version: HOSTILE, checks: { [HOSTILE]: HOSTILE }, refusals: { [HOSTILE]: 1 } },
      use: { sessions: { used: registry.size, most: 20_000 } },
      upstream: {
        kind: "several",
        servers: [{ name: HOSTILE, address: HOSTILE, state: HOSTILE, counts: { [HOSTILE]: 1 } }],
      },
      replicas: {
        ...{ self: HOSTILE, hops: { [HOSTILE]: 1 }, received: 1 },
        peers: [{ address: HOSTILE, why: HOSTILE, state: "dead", sinceMs: NOW_MS - 61_000, passed: 7, received: 5 }],
      },
    }));
  const feeds = new Feeds();
  const admin = await serveAdmin({
    ...{ hostname: "127.0.0.1", port: 0, ready: () => Promise.resolve({ ready: true, checks: {} }), metrics: () => "" },
    routes: new Map([
      ...pageRoutes(access),
      ...controlRoutes(createControl(options), access),
      ...stateRoutes(state, access),
      ...liveRoutes({ feeds, tail: undefined, tap: () => undefined }, access),
    ]),
    onClose: () => feeds.closeAll(),
    log: SILENT_LOG,
  });
  try {
    const source = await (await fetch(`http://${admin.address}/`)).text();
    assert.match(source, /<p id="refusals-none" class="quiet" hidden>/, "what is not known yet is not said");
    assert.match(source, /<nav class="pager" [^>]*hidden>/, "there are no pages yet");
    await using browser = await Chromium.start();
    const page = await browser.page(`http://${admin.address}/`, { width: 400, height: 800 });
    await signIn(page);
    await page.until(`${ROWS} === 10`, "a page of sessions");
    assert.match(await page.text("#page"), /^1–10 of 10,000$/);
    assert.match(
      await page.text("#sessions tbody td:nth-child(5)"),
      /in (1d|23h 59m)$/,
      "by Signet's clock, not the browser's",
    );
    const first = await page.text("#sessions tbody td");
    await page.click("#next");
    await page.until("document.querySelector('#page').textContent.startsWith('11–20')", "the next page");
    assert.notEqual(await page.text("#sessions tbody td"), first);
    const columns = "new Set([...document.querySelectorAll('.tile')].map((tile) => tile.offsetLeft)).size";
    const shortest =
      "Math.min(...[...document.querySelectorAll('#use .meter:not(.unbound)')].map((m) => m.offsetWidth))";
    for (const width of [400, 320]) {
      await page.show({ width, height: 800 });
      assert.equal(await page.evaluate(columns), 2, `no tile stands alone at ${width}`);
      assert.ok(await page.evaluate<number>(shortest) > width / 2, `bars can be read at ${width}`);
      assert.ok(
        await page.evaluate<number>("document.documentElement.scrollWidth") <= width,
        `nothing is wider than a screen of ${width}`,
      );
    }
    for (const width of [1400, 1000, 900, 800, 700]) {
      await page.show({ width, height: 800 });
      assert.ok(
        await page.evaluate<number>("document.documentElement.scrollWidth") <= width,
        `nothing is wider than a screen of ${width}`,
      );
    }
    await page.click("#find");
    await page.type("user-17");
    await page.until("document.querySelector('#page').textContent.endsWith('of 550')", "sessions found by name");
    await page.click("#sessions tbody td:nth-child(2) button");
    await page.until("document.querySelector('#page').textContent.endsWith('of 50')", "only one caller's");
    await page.click("#find");
    await page.type("nobody");
    await page.until(`${ROWS} === 0`, "none is found");
    assert.equal(await page.text("#sessions-none"), "No session is found.");

    // Whatever servers and states are called is text, and the browser would make nothing else of any text.
    assert.equal(await page.text("#servers tbody td"), HOSTILE_SHOWN);
    assert.equal(await page.text("#replicas tbody td"), HOSTILE_SHOWN);
    assert.match(await page.text("#replicas tbody td:nth-child(2)"), /^dead for 1m/);
    assert.equal(await page.text("#replicas-title"), "Other replicas");
    workers.workers = 2;
    await page.until("document.querySelector('#replicas-title').textContent === 'Workers'", "workers called so");
    assert.match(await page.text("#live-more"), /left a worker's memory/);
    assert.equal(await page.evaluate("window.hacked"), undefined);
    assert.equal(await page.evaluate("document.images.length"), 1);
    assert.deepEqual(page.complaints, []);
    assert.equal(
      await page.evaluate(
        "(() => { try { document.body.innerHTML = 'x'; return 'set'; } catch { return 'refused'; } })()",
      ),
      "refused",
    );

    for (const [width, wanted] of [[1400, 4], [960, 4], [900, 2], [700, 2]] as const) {
      await page.show({ width, height: 800 });
      assert.equal(await page.evaluate(columns), wanted, `no tile stands alone at ${width}`);
    }

    await admin.close();
    await page.until("!document.querySelector('#notice').hidden", "the page says that it has lost contact");
    assert.match(await page.text("#notice"), /^No contact with Signet/);
  } finally {
    await admin.close();
  }
});
