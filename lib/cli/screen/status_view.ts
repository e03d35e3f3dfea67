// A Signet's state as text, for a terminal of 40 columns or more: what matters first, nothing cut off.
import type { ServerView, StateView, UseView } from "../../admin/state_view.ts";
import { formatBytes, formatCount, formatRate, formatSeconds, observedSince, quantile } from "./status_numbers.ts";
import { printable, type Style, wrap } from "./text.ts";
import { formatSpan } from "./times.ts";

export interface StatusLayout {
  readonly style: Style;
  /** Characters in a line. */
  readonly width: number;
  /** The look before this one: then there are rates. */
  readonly before?: StateView | undefined;
}

const LEAST_WIDTH = 40;
const LABEL_WIDTH = 13;
/** Beside a number, how full something is; only where there is room. */
const BAR_WIDTH = 20;
const ROOM_FOR_BARS = 70;

const USES: Readonly<Record<string, string>> = {
  sessions: "sessions",
  calls: "calls",
  streams: "streams",
  connections: "connections",
  processes: "processes",
  memory: "held bytes",
};

export function formatStatus(state: StateView, layout: StatusLayout): string {
  const view = { ...layout, width: Math.max(LEAST_WIDTH, layout.width) };
  const lines = [
    ...headline(state, view),
    "",
    ...traffic(state, view),
    "",
    ...uses(state, view),
    ...section("refusals, by reason", refusals(state, view), view),
    ...section(state.upstream.kind === "several" ? "servers" : "server", servers(state, view), view),
    ...section(state.workers === undefined ? "other replicas" : "workers", replicas(state, view), view),
    "",
  ];
  return lines.join("\n");
}

function headline(state: StateView, { style, width }: StatusLayout): string[] {
  const { version, ready, draining, nowMs, startedAtMs, checks } = state;
  const how = draining ? style.danger("DRAINING") : ready ? style.bold("READY") : style.danger("NOT READY");
  const looked = Object.entries(checks).filter(([name]) => !name.startsWith("member ") && name !== "draining");
  const facts = looked.map(([name, found]) => `${printable(name)}: ${printable(found)}`).join(" · ");
  const told = `signet ${printable(version)} · up ${formatSpan(Math.max(0, nowMs - startedAtMs))} · `;
  return [`${told}${how}`, ...wrap(facts, width - 2).map((line) => style.dim(`  ${line}`))];
}

function traffic(state: StateView, view: StatusLayout): string[] {
  const { before } = view;
  const { fast, full, stateless } = state.requests;
  const total = fast + full;
  const known = before !== undefined && before.startedAtMs === state.startedAtMs ? before : undefined;
  const ofAll = total === 0 ? "" : `, ${Math.round(fast * 100 / total)} % in the fast lane`;
  const rate = known === undefined
    ? ""
    : `${formatRate(total - known.requests.fast - known.requests.full, state.nowMs - known.nowMs)} · `;
  const observed = observedSince(state.latency, known?.latency);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => quantile(observed, part));
  const latency = p50 === undefined
    ? "nothing was asked"
    : `p50 ${formatSeconds(p50)} · p95 ${formatSeconds(p95!)} · p99 ${formatSeconds(p99!)}`;
  const { opened, deleted, ended, resurrected } = state.sessions;
  const gone = Object.entries(ended).map(([reason, count]) => `${reason} ${formatCount(count)}`).join(", ");
  // A session is in the memory of each worker that knows it, and leaves each.
  const memory = state.workers === undefined ? "memory" : "a worker's memory";
  const back = resurrected["ok"] ?? 0;
  const lost = Object.entries(resurrected).filter(([outcome]) => outcome !== "ok").reduce((sum, [, n]) => sum + n, 0);
  const { suppressed, dropped } = state.log;
  return [
    ...row(
      "requests",
      `${rate}${formatCount(total)} in all${ofAll}${stateless === 0 ? "" : `, ${formatCount(stateless)} stateless`}`,
      view,
    ),
    ...row("latency", `${latency}${known === undefined ? "" : " since the last look"}`, view),
    ...row(
      "opened",
      `${formatCount(opened)} session${opened === 1 ? "" : "s"}${
        deleted === 0 ? "" : `, ${formatCount(deleted)} deleted`
      }${gone === "" ? "" : ` · left ${memory}: ${gone}`}`,
      view,
    ),
    ...(back + lost === 0 ? [] : row("brought back", `${formatCount(back)}, ${formatCount(lost)} not`, view)),
    ...(suppressed + dropped === 0
      ? []
      : row("log", `${formatCount(suppressed)} lines left out, ${formatCount(dropped)} dropped`, view)),
  ];
}

function uses(state: StateView, view: StatusLayout): string[] {
  const rows = Object.entries(USES).flatMap(([name, label]) => {
    const use = state.use[name];
    return use === undefined ? [] : row(label, useText(name, use, view), view);
  });
  return [...rows, ...row("resident", formatBytes(state.residentBytes), view)];
}

function useText(name: string, { used, most }: UseView, { style, width }: StatusLayout): string {
  const shown = name === "memory" ? formatBytes : formatCount;
  if (most === undefined) return shown(used);
  const text = `${shown(used)} of ${shown(most)}`;
  const part = most === 0 ? 0 : used / most;
  const full = part >= 0.9 ? style.danger(" (nearly full)") : "";
  if (width < ROOM_FOR_BARS) return text + full;
  const filled = Math.min(BAR_WIDTH, Math.ceil(part * BAR_WIDTH));
  return `${"█".repeat(filled)}${style.dim("░".repeat(BAR_WIDTH - filled))}  ${text}${full}`;
}

function refusals(state: StateView, { before, style }: StatusLayout): string[][] {
  return Object.entries(state.refusals).sort((a, b) => b[1] - a[1]).map(([code, count]) => {
    const more = before === undefined ? 0 : count - (before.refusals[code] ?? 0);
    return [printable(code), `${formatCount(count)}${more > 0 ? style.bold(` +${formatCount(more)}`) : ""}`];
  });
}

function servers(state: StateView, { style }: StatusLayout): string[][] {
  return state.upstream.servers.map((server) => [
    printable(server.name),
    [...stateText(server, style), server.address === undefined ? [] : printable(server.address), countsText(server)]
      .flat().filter((part) => part !== "").join(" · "),
  ]);
}

function stateText({ state, required }: ServerView, style: Style): string[] {
  const shown = state === "" ? [] : [state === "ok" ? "ok" : style.danger(printable(state))];
  return required === true ? [...shown, "required"] : shown;
}

function countsText({ counts = {} }: ServerView): string {
  return Object.entries(counts).map(([name, count]) => `${printable(name)} ${formatCount(count)}`).join(", ");
}

/** Those there are, and what came of all that was to be passed on. */
function replicas({ replicas, workers, nowMs }: StateView, { style }: StatusLayout): string[][] {
  if (replicas === undefined) return [];
  const rows = replicas.peers.map(({ address, state, sinceMs, why = "", passed, received }, at) => [
    printable(address ?? `${workers === undefined ? "replica" : "worker"} ${at + 1}`),
    [
      state === "dead" ? style.danger(state) : state,
      `for ${formatSpan(Math.max(0, nowMs - sinceMs))}`,
      printable(why),
      `passed on ${formatCount(passed)}, taken ${formatCount(received)}`,
    ].filter((part) => part !== "").join(" · "),
  ]);
  const hops = Object.entries(replicas.hops).map(([outcome, count]) => `${printable(outcome)} ${formatCount(count)}`);
  return [...rows, ["hops", `${hops.join(", ") || "none"} · taken ${formatCount(replicas.received)}`]];
}

function section(title: string, rows: readonly string[][], view: StatusLayout): string[] {
  if (rows.length === 0) return [];
  const widest = Math.max(LABEL_WIDTH - 3, ...rows.map(([label]) => label!.length));
  const labelWidth = Math.min(widest + 2, Math.floor(view.width / 2));
  return ["", view.style.bold(title), ...rows.flatMap(([label, text]) => row(label!, text!, view, labelWidth))];
}

/** A label and its text, which goes on below itself; a label that is too long has a line of its own. */
function row(label: string, text: string, { style, width }: StatusLayout, labelWidth = LABEL_WIDTH): string[] {
  const indent = " ".repeat(labelWidth + 2);
  const lines = wrapStyled(text, width - indent.length);
  const shown = style.dim(label);
  if (label.length > labelWidth - 1) {
    return [
      ...wrapHard(label, width - 2).map((line) => `  ${style.dim(line)}`),
      ...lines.map((line) => indent + line),
    ];
  }
  return lines.map((line, index) =>
    index === 0 ? `  ${shown}${" ".repeat(labelWidth - label.length)}${line}` : indent + line
  );
}

// deno-lint-ignore no-control-regex -- what was put in by `style`
const EMPHASIS = /\x1b\[\d+m/g;

/** Breaks at blanks, and inside of words that are longer than a line; emphasis takes no room. */
function wrapStyled(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  const length = (part: string) => part.replaceAll(EMPHASIS, "").length;
  for (const word of text.split(" ").flatMap((word) => length(word) > width ? wrapHard(word, width) : [word])) {
    if (line !== "" && length(line) + 1 + length(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function wrapHard(word: string, width: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < word.length; at += width) pieces.push(word.slice(at, at + width));
  return pieces;
}
