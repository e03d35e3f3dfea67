// `deno run -A scripts/page_images.ts`: the pictures of the operators' page in docs/images, taken in chromium of a Signet that
// is busy for half a minute. Made smaller by pngquant, where that is.
import { Chromium, type Page } from "../tests/support/chromium.ts";
import { FakeMcp } from "../tests/support/fake_mcp.ts";
import { call, status, TestSignet } from "../tests/support/signet.ts";
import { TestIssuer } from "../tests/support/tokens.ts";
import { findProgram } from "./programs.ts";

const FOLDER = new URL("../docs/images/", import.meta.url).pathname;
const TOKEN = "not-a-secret-not-a-secret-not-a-secret";
const CALLERS = ["alice@example.com", "bob@example.com", "ci-runner", "dana@example.com", "erin@example.com"];
const TOOLS = ["files_read_file", "files_list_folder", "search_query", "search_suggest"];
const LOOKS = 12;
const LOOK_MS = 2_000;

interface Held {
  readonly id: string;
  readonly token: string;
}

async function open(signet: TestSignet, issuer: TestIssuer): Promise<Held[]> {
  const held: Held[] = [];
  for (const [at, caller] of CALLERS.entries()) {
    for (let n = 0; n < 3 + at % 3; n++) {
      const token = await issuer.token(caller);
      held.push({ token, id: await signet.open({ token }) });
    }
  }
  return held;
}

/** More or less of it, as people come and go. */
async function work(signet: TestSignet, held: readonly Held[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const [at, one] of held.entries()) {
      await status(signet.post(call(round, TOOLS[(at + round) % TOOLS.length]!, {}), one));
    }
    if (round % 4 === 0) {
      await status(signet.post(call(1, "files_read_file"), { id: held[0]!.id, token: held.at(-1)!.token }));
    }
    if (round % 3 === 0) await status(signet.post(call(1, "files_read_file"), { id: held[0]!.id }));
    if (round % 5 === 0) await status(signet.post(call(1, "x"), { id: "cut-off", token: held[0]!.token }));
  }
}

async function take(page: Page, name: string, view: Parameters<Page["show"]>[0]): Promise<void> {
  const path = `${FOLDER}${name}.png`;
  await page.show(view);
  await page.evaluate("scrollTo(0, 0)");
  await page.screenshot(path);
  await shrink(path);
}

async function shrink(path: string): Promise<void> {
  if (await findProgram("pngquant") === undefined) return console.warn("pngquant is not here: the pictures stay large");
  const args = ["--force", "--strip", "--skip-if-larger", "--nofs", "--output", path, "96", path];
  await new Deno.Command("pngquant", { args }).output();
}

function server(name: string, tools: readonly string[]): FakeMcp {
  const fake = new FakeMcp();
  for (const tool of tools) fake.tool(tool, () => ({ content: [{ type: "text", text: name }] }));
  fake.onRequest = ({ body }) => {
    if (!body.includes('"tools/list"')) return undefined;
    const listed = tools.map((tool) => ({ name: tool, inputSchema: { type: "object" } }));
    return Response.json({ jsonrpc: "2.0", id: JSON.parse(body).id, result: { tools: listed } });
  };
  return fake;
}

await Deno.mkdir(FOLDER, { recursive: true });
const tokenFile = await Deno.makeTempFile();
await Deno.writeTextFile(tokenFile, TOKEN);
await Deno.chmod(tokenFile, 0o600);
await using files = server("files", ["read_file", "list_folder"]);
await using search = server("search", ["query", "suggest"]);
await using issuer = await TestIssuer.create();
const flags = [...issuer.flags, "--upstream", `search=${search.url}`, "--upstream", "tickets=http://127.0.0.1:9/mcp"];
{
  await using signet = await TestSignet.start({
    upstream: `files=${files.url}`,
    flags: [...flags, "--admin-token-file", tokenFile],
    now: Date.now,
  });
  const held = await open(signet, issuer);
  await using browser = await Chromium.start();
  const page = await browser.page(`http://${signet.app.admin}/`);
  await page.until("!document.querySelector('#sign-in').hidden", "signing in is offered");
  await page.click("#sign-in");
  await page.type(TOKEN);
  await page.press("Enter");
  await page.until("document.querySelectorAll('#sessions tbody tr').length > 0", "sessions were listed");
  for (let look = 0; look < LOOKS; look++) {
    await work(signet, held, 3 + Math.round(6 * Math.abs(Math.sin(look / 2))));
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  await page.click("#refusals tbody tr:nth-child(2) summary");
  await page.until("document.querySelector('#refusals details p:not(:empty)')", "a reason was explained");
  await take(page, "page-whole", { width: 1180, height: 1680 });
  await page.click("#refusals tbody tr:nth-child(2) summary");
  await take(page, "page-light", { width: 1180, height: 860 });
  await take(page, "page-dark", { width: 1180, height: 860, dark: true });
  await take(page, "page-400", { width: 400, height: 1100 });
  await page.show({ width: 1180, height: 700 });
  await page.click("#sessions tbody tr .row-actions button:nth-child(3)");
  await page.until("document.querySelector('#confirm-dialog').open", "it asks first");
  await page.screenshot(`${FOLDER}page-revoke.png`);
  await shrink(`${FOLDER}page-revoke.png`);
  await page.click("#confirm-cancel");
  await page.click("#sessions tbody tr .row-actions button:nth-child(1)");
  await page.until("document.querySelector('#tap-dialog').open", "the session is watched");
  await work(signet, held.slice(0, 1), 6);
  await page.until("document.querySelectorAll('#tap tbody tr').length > 5", "exchanges were seen");
  await page.screenshot(`${FOLDER}page-watch.png`);
  await shrink(`${FOLDER}page-watch.png`);
  if (page.complaints.length > 0) console.error(page.complaints);
}
await Deno.remove(tokenFile);
