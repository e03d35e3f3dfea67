// The files of the page, read as they are served: what a browser would refuse, or be harmed by, is not in them.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { pageRoutes } from "../../../lib/admin/page.ts";
import { visible } from "../../../lib/admin/page/dom.js";
import * as shown from "../../../lib/admin/page/format.js";
import * as told from "../../../lib/cli/screen/status_numbers.ts";
import { formatSpan } from "../../../lib/cli/screen/times.ts";
import { escapeUnsafe } from "../../../lib/observe/escape.ts";
import { STRICT } from "../../support/strict.ts";

const FOLDER = fileURLToPath(new URL("../../../lib/admin/page/", import.meta.url));
const ACCESS = { token: undefined, loopback: true };

async function served(path: string, url = `http://127.0.0.1:9090${path}`, method = "GET"): Promise<Response> {
  return await pageRoutes(ACCESS).get(path)!(new Request(url, { method }), "127.0.0.1");
}

Deno.test("V3: every file of the page is served, and every one that a file names", STRICT, async () => {
  const paths = [...pageRoutes(ACCESS).keys()];
  for await (const { name } of Deno.readDir(FOLDER)) {
    assert.ok(paths.includes(name === "index.html" ? "/" : `/page/${name}`), name);
  }
  for (const path of paths) {
    const text = await (await served(path)).text();
    for (const [, linked, imported] of text.matchAll(/(?:src|href)="(\/page\/[^"]+)"|from "\.\/(\w+\.js)"/g)) {
      const named = linked ?? `/page/${imported}`;
      assert.ok(paths.includes(named), `${path} names ${named}`);
    }
  }
});

Deno.test("V3: the page has no inline script or style, and nothing from elsewhere", STRICT, async () => {
  const html = await (await served("/")).text();
  assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:/i);
  assert.doesNotMatch(html, /(?:src|href)="(?:https?:)?\/\//);
  for (const path of pageRoutes(ACCESS).keys()) {
    const text = await (await served(path)).text();
    if (!path.endsWith(".js")) continue;
    // Text gets into the page as text alone.
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|localStorage|sessionStorage|document\.cookie/,
      path,
    );
  }
});

Deno.test("V3: the page is kept by nobody, framed by nobody, and tells nobody where it was read", STRICT, async () => {
  for (const path of pageRoutes(ACCESS).keys()) {
    const { headers } = await served(path);
    const policy = headers.get("content-security-policy")!;
    for (
      const wanted of [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
      ]
    ) {
      assert.ok(policy.includes(wanted), wanted);
    }
    assert.ok(!policy.includes("unsafe"));
    assert.deepEqual(
      ["cache-control", "referrer-policy", "x-content-type-options", "x-frame-options"].map((name) =>
        headers.get(name)
      ),
      ["no-store", "no-referrer", "nosniff", "DENY"],
    );
  }
  assert.equal((await served("/", "http://evil.example:9090/")).status, 403);
  assert.equal((await served("/", "http://127.0.0.1:9090/", "POST")).status, 405);
});

Deno.test("the page shows numbers as `signet status` does", STRICT, () => {
  for (let n = 0; n < 500; n++) {
    const value = n ** 4 * 1.37;
    assert.equal(shown.formatCount(value), told.formatCount(value));
    assert.equal(shown.formatBytes(value), told.formatBytes(value));
    assert.equal(shown.formatSeconds(value / 1e6), told.formatSeconds(value / 1e6));
    assert.equal(`${shown.formatRate(n, 700)}/s`, told.formatRate(n, 700));
    if (value >= 1000) assert.equal(shown.formatSpan(value), formatSpan(value));
    const observed = { boundsS: [1, 2, 4], counts: [n % 7, n % 5, n % 3, n % 2] };
    for (const part of [0.5, 0.95, 0.99]) assert.equal(shown.quantile(observed, part), told.quantile(observed, part));
  }
});

/** WCAG 2.2, relative luminance. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

Deno.test("WCAG 1.4.3: text stands out 4.5 : 1 from what is behind it, light and dark", STRICT, async () => {
  const css = await (await served("/page/page.css")).text();
  const palettes = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, rows = ""]) =>
    Object.fromEntries([...rows.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, color]) => [name!, color!]))
  );
  assert.equal(palettes.length, 2);
  const pairs = [
    ...["ground", "card", "row"].flatMap((behind) => ["ink", "quiet"].map((text) => [text, behind])),
    ...["good", "warn", "bad"].flatMap((text) => [[text, `${text}-ground`], [text, "card"]]),
    ["accent-ink", "accent"],
  ] as [string, string][];
  for (const palette of palettes) {
    for (const [text, behind] of pairs) {
      const [light, dark] = [luminance(palette[text]!), luminance(palette[behind]!)].sort((a, b) => b - a) as [
        number,
        number,
      ];
      assert.ok((light + 0.05) / (dark + 0.05) >= 4.5, `${text} ${palette[text]} on ${behind} ${palette[behind]}`);
    }
  }
});

Deno.test("V3: the page escapes what the log escapes, and nothing else", STRICT, () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    const text = `a${String.fromCodePoint(point)}b`;
    if (visible(text) !== escapeUnsafe(text)) {
      assert.equal(visible(text), escapeUnsafe(text), `U+${point.toString(16)}`);
    }
  }
  for (const text of ["⚠️ 👩🏽‍💻", "ali\u200dce"]) assert.equal(visible(text), escapeUnsafe(text));
});
