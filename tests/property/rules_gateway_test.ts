// Random rules, callers and servers through the real gateway: what a caller sees is what reaches the server when it is asked
// for, by every way to ask, and nothing else does (docs/behaviour.md G4).
import fc from "fast-check";
import assert from "node:assert/strict";
import { FakeMember, messageIn } from "../support/several.ts";
import { TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

type Json = Record<string, unknown>;

const HINTS = [{ readOnlyHint: true }, { destructiveHint: false }, {}];
const TOOLS = ["a", "ab", "b", "b_c", "ü"].map((name, at) => ({ name, annotations: HINTS[at % HINTS.length] }));
const PROMPTS = ["a", "p"].map((name) => ({ name }));
const RESOURCES = ["file:///a", "file:///a/b", "mem:x"].map((uri) => ({ uri, name: uri }));

const CONDITIONS = [
  undefined,
  undefined,
  '"ops" in principal.claims.groups',
  'principal.subject == "alice"',
  "tool.readOnly || !tool.destructive",
  "principal.claims.absent == 1",
  'name.contains("b")',
  'kind != "tool"',
  'principal.scopes.exists(s, s.startsWith("r"))',
];
const PATTERNS = [
  "*",
  "a*",
  "*b",
  "?",
  "b_c",
  "prompt:*",
  "prompt:p",
  "resource:*",
  "resource:file:///a*",
  "resource:mem:?",
];

const rule = fc.record({
  effect: fc.constantFrom("allow", "allow", "deny"),
  patterns: fc.array(fc.constantFrom(...PATTERNS), { minLength: 1, maxLength: 3 }),
  when: fc.constantFrom(...CONDITIONS),
  scoped: fc.boolean(),
}).map(({ effect, patterns, when, scoped }): Json => ({
  [effect]: patterns,
  ...(when === undefined ? {} : { when }),
  ...(scoped && effect === "allow" ? { scopes: ["read"] } : {}),
}));

/** How members are prefixed, in a name and in an address. */
interface Naming {
  readonly name: string;
  readonly uri: string;
}

interface Way {
  readonly what: string;
  readonly servers: readonly FakeMember[];
  readonly upstreams: readonly string[];
  readonly naming: readonly Naming[];
}

function serverOf(events: boolean): FakeMember {
  const server = new FakeMember({ events });
  server.pageSize = 2;
  server.lists = { tools: TOOLS, prompts: PROMPTS, resources: RESOURCES, resourceTemplates: [] };
  for (const { name } of TOOLS) server.fake.tool(name, () => ({ content: [] }));
  return server;
}

function ways(): Way[] {
  const alone = (what: string, events: boolean): Way => {
    const server = serverOf(events);
    return { what, servers: [server], upstreams: [server.url], naming: [{ name: "", uri: "" }] };
  };
  const [one, two] = [serverOf(false), serverOf(true)];
  return [
    alone("JSON", false),
    alone("events", true),
    {
      what: "several",
      servers: [one, two],
      upstreams: [`x=${one.url}`, `y=${two.url}`],
      naming: ["x", "y"].map((label) => ({ name: `${label}_`, uri: `${label}+` })),
    },
  ];
}

class Client {
  readonly signet: TestSignet;
  readonly token: string;
  readonly id: string;

  constructor(signet: TestSignet, of: { readonly token: string; readonly id: string }) {
    this.signet = signet;
    this.token = of.token;
    this.id = of.id;
  }

  async ask(method: string, params: Json): Promise<Json> {
    const response = await this.signet.post({ jsonrpc: "2.0", id: 1, method, params }, {
      id: this.id,
      token: this.token,
    });
    if (response.status === 403) {
      await response.body?.cancel();
      return { error: { code: 403 } };
    }
    assert.equal(response.status, 200, method);
    return await messageIn(response);
  }

  /** All pages. */
  async listed(method: string, member: string, key: string): Promise<Set<string>> {
    const names = new Set<string>();
    let cursor: string | undefined;
    do {
      const { result } = await this.ask(method, cursor === undefined ? {} : { cursor }) as { result: Json };
      for (const entry of result[member] as Json[]) names.add(String(entry[key]));
      cursor = result.nextCursor as string | undefined;
    } while (cursor !== undefined);
    return names;
  }
}

/** Whether a request reaches one of the servers. */
async function reaches(way: Way, method: string, run: () => Promise<unknown>): Promise<boolean> {
  const count = () => way.servers.reduce((sum, { fake }) => sum + fake.received("POST", method).length, 0);
  const before = count();
  await run();
  return count() > before;
}

async function assertAgreement(way: Way, client: Client): Promise<void> {
  const [tools, prompts, resources] = [
    await client.listed("tools/list", "tools", "name"),
    await client.listed("prompts/list", "prompts", "name"),
    await client.listed("resources/list", "resources", "uri"),
  ];
  for (const { name: prefix, uri: scheme } of way.naming) {
    for (const { name } of TOOLS) {
      // Several servers give clients names that fit them.
      if (prefix !== "" && name === "ü") continue;
      const asked = { name: prefix + name };
      const reached = await reaches(way, "tools/call", () => client.ask("tools/call", asked));
      assert.equal(reached, tools.has(asked.name), `tool ${asked.name}`);
    }
    for (const { name } of PROMPTS) {
      const ref = { type: "ref/prompt", name: prefix + name };
      const shown = prompts.has(ref.name);
      assert.equal(
        await reaches(way, "prompts/get", () => client.ask("prompts/get", { name: ref.name })),
        shown,
        ref.name,
      );
      const completes = () => client.ask("completion/complete", { ref, argument: { name: "a", value: "" } });
      assert.equal(await reaches(way, "completion/complete", completes), shown, `completing ${ref.name}`);
    }
    for (const { uri } of RESOURCES) {
      const asked = { uri: scheme + uri };
      assert.equal(
        await reaches(way, "resources/read", () => client.ask("resources/read", asked)),
        resources.has(asked.uri),
        asked.uri,
      );
    }
  }
}

for (const way of ["JSON", "events", "several"]) {
  Deno.test(`G4: over random rules and callers, lists and calls agree (${way})`, STRICT, async () => {
    const all = ways();
    const scene = all.find(({ what }) => what === way)!;
    await using issuer = await TestIssuer.create();
    const [first, ...others] = scene.upstreams;
    const flags = [...issuer.flags, ...others.flatMap((other) => ["--upstream", other])];
    try {
      await using signet = await TestSignet.start({ upstream: first!, flags });
      const callers = [
        { subject: "alice", scope: "read", claims: { groups: ["ops"] } },
        { subject: "bob", scope: "other", claims: { groups: [] } },
        { subject: "carol", scope: "", claims: {} },
      ];
      const clients = await Promise.all(callers.map(async ({ subject, ...options }) => {
        const token = await issuer.token(subject, options);
        return new Client(signet, { token, id: await signet.open({ token }) });
      }));
      const otherwise = fc.constantFrom("allow", "deny");
      await fc.assert(
        fc.asyncProperty(
          fc.array(rule, { minLength: 1, maxLength: 5 }),
          otherwise,
          fc.nat(2),
          async (rules, fallback, who) => {
            const ruled = rules.flatMap((rule) => ["--rules", JSON.stringify(rule)]);
            signet.flags = [
              ...signet.flags.slice(0, 4),
              ...flags,
              "--upstream",
              first!,
              "--connect-patience",
              "0",
              ...ruled,
              "--rules-otherwise",
              fallback,
            ];
            await signet.app.reload();
            await assertAgreement(scene, clients[who]!);
          },
        ),
        { numRuns: 40 },
      );
      assert.notEqual(await signet.metric("signet_rule_hidden_total"), 0);
      assert.notEqual(await signet.metric('signet_rule_refusals_total{outcome="denied"}'), 0);
    } finally {
      for (const { servers } of all) for (const server of servers) await server[Symbol.asyncDispose]();
    }
  });
}
