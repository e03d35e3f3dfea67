// What sealing adds to a stateless call (revision 2026-07-28): the same calls with it and with `--seal-state off`, in each
// form, where nothing is carried, and where each call brings a state of 1 KB of its own and is given another.
import { requireLane, ROOM, type RunningSignet, startSignet, startUpstream } from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, PATH } from "./context.ts";
import { findingOf, formsOf, ratioOf } from "./forms.ts";
import type { Finding } from "./report.ts";
import { CONNECTIONS, type Contender, figuresOf, figureTable, interleave, withAll } from "./rounds.ts";

const OFF = "passed through";
const LOADS = ["nothing carried", "1 KB of state"] as const;

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
};

function bodyWith(more: object): string {
  const { params, ...call } = JSON.parse(CALL);
  return JSON.stringify({ ...call, params: { ...params, ...more, _meta: META } });
}

function statelessHeaders(context: Context): Record<string, string> {
  const mirrored = { "mcp-method": "tools/call", "mcp-name": JSON.parse(CALL).params.name as string };
  return { ...headersFor(context), "mcp-protocol-version": "2026-07-28", ...mirrored };
}

export const sealed: Job = {
  name: "sealed",
  rows: ["sealed-nothing", "sealed-state"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const contenders: Contender[] = [];
      const all: RunningSignet[] = [];
      for (const form of formsOf(context)) {
        for (const [name, flags] of [[form.name, []], [`${form.name}, ${OFF}`, ["--seal-state", "off"]]] as const) {
          const setup = { credentials: context.credentials, upstreamPort: upstream.port, ...form.setup };
          const running = await keep(startSignet(setup, [...ROOM, ...flags]));
          all.push(running);
          const bodies = await bodiesWithState(context, running);
          contenders.push({ name: `${name}, ${LOADS[0]}`, running, load: { body: bodyWith({}) } });
          contenders.push({ name: `${name}, ${LOADS[1]}`, running, load: { bodies } });
        }
      }
      return await compare(context, contenders, all);
    }),
};

/** Each with a state of its own, as this Signet gives it: a text is opened once in a thousand calls. */
async function bodiesWithState(context: Context, { port }: RunningSignet): Promise<string[]> {
  const bodies: string[] = [];
  let requestState: string | undefined;
  for (let i = 0; i <= 1000; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}${PATH}`, {
      method: "POST",
      headers: statelessHeaders(context),
      // The first state can be any: what brings none is given none by this server.
      body: bodyWith(requestState === undefined ? { asks: "requestState" } : { requestState }),
    });
    const { result } = await answer.json();
    requestState = result.requestState as string;
    if (i > 0) bodies.push(bodyWith({ requestState, inputResponses: {} }));
  }
  return bodies;
}

async function compare(
  context: Context,
  contenders: readonly Contender[],
  all: readonly RunningSignet[],
): Promise<Finding[]> {
  const headers = statelessHeaders(context);
  const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers, body: bodyWith({}) });
  for (const signet of all) await requireLane(signet, "full");
  context.addDetail(
    `Stateless calls over ${CONNECTIONS} connections, sealed and not`,
    figureTable(figures, contenders[0]!.name),
  );
  const cpu = (name: string) => figuresOf(figures, name).cpuMicros;
  return sealed.rows.map((row, i) =>
    findingOf(
      row,
      formsOf(context).map(({ name }) =>
        ratioOf(cpu(`${name}, ${LOADS[i]}`), cpu(`${name}, ${OFF}, ${LOADS[i]}`), "µs")
      ),
    )
  );
}
