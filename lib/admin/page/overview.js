// State at a glance: tiles with their last minutes, what is in use, refusals by reason, the servers behind.
import { get } from "./api.js";
import { byId, drawLine, make, reconcile, setText, visible } from "./dom.js";
import { formatBytes, formatCount, formatRate, formatSeconds, formatSpan, observedSince, quantile } from "./format.js";

/** Looks that are kept: two minutes of them. */
const LOOKS = 60;
const MINUTE_MS = 60_000;
const NEARLY_FULL = 0.9;

const USES = {
  sessions: "Sessions",
  calls: "Calls",
  streams: "Streams",
  connections: "Connections",
  processes: "Processes",
  memory: "Memory held for callers",
};

/** Oldest first, all of one process. */
let looks = [];
const lines = { rate: [], latency: [], live: [], refused: [] };

export function showState(state) {
  if (looks.length > 0 && looks.at(-1).startedAtMs !== state.startedAtMs) {
    looks = [];
    for (const numbers of Object.values(lines)) numbers.length = 0;
  }
  const before = looks.at(-1);
  looks = [...looks, state].slice(-LOOKS);
  showCondition(state);
  showTraffic(state, before);
  showUse(state);
  showRefusals(state);
  showServers(state);
  showReplicas(state);
}

function showCondition({ version, ready, draining, startedAtMs, nowMs, checks }) {
  const [text, kind] = draining ? ["draining", "warn"] : ready ? ["ready", "good"] : ["not ready", "bad"];
  const pill = byId("condition");
  setText(pill, text);
  pill.className = `pill ${kind}`;
  pill.title = Object.entries(checks).map(([name, found]) => visible(`${name}: ${found}`)).join("\n");
  setText(byId("version"), version);
  setText(byId("uptime"), `up ${formatSpan(nowMs - startedAtMs)}`);
  document.title = ready ? "Signet" : `Signet (${text})`;
}

function note(name, number) {
  lines[name].push(number);
  if (lines[name].length > LOOKS) lines[name].shift();
  drawLine(byId(`${name}-line`), lines[name]);
}

const asked = ({ requests }) => requests.fast + requests.full;
const refusedIn = ({ refusals }) => Object.values(refusals).reduce((sum, count) => sum + count, 0);

function showTraffic(state, before) {
  const total = asked(state);
  const inLane = total === 0 ? "" : `, ${Math.round(state.requests.fast * 100 / total)} % in the fast lane`;
  if (before !== undefined) {
    const ms = state.nowMs - before.nowMs;
    setText(byId("rate"), formatRate(total - asked(before), ms));
    note("rate", (total - asked(before)) / Math.max(1, ms));
  }
  setText(byId("rate-more"), `${formatCount(total)} since the start${inLane}`);
  showLatency(state);
  const { opened, ended, resurrected } = state.sessions;
  setText(byId("live"), formatCount(state.use.sessions.used));
  note("live", state.use.sessions.used);
  const left = Object.values(ended).reduce((sum, count) => sum + count, 0);
  // A session is in the memory of each worker that knows it, and leaves each.
  const memory = state.workers === undefined ? "memory" : "a worker's memory";
  setText(byId("live-where"), state.workers === undefined ? "in memory" : "in workers' memory");
  const back = resurrected.ok ?? 0;
  setText(
    byId("live-more"),
    `${formatCount(opened)} opened, ${formatCount(left)} left ${memory}${
      back === 0 ? "" : `, ${formatCount(back)} brought back`
    }`,
  );
  const refused = refusedIn(state) - refusedIn(minuteAgo(state));
  setText(byId("refused"), formatCount(refused));
  note("refused", before === undefined ? 0 : refusedIn(state) - refusedIn(before));
  setText(byId("refused-more"), `${formatCount(refusedIn(state))} since the start`);
}

/** Of the last minute, so that it shows what is, and not what was. */
function showLatency(state) {
  const observed = observedSince(state.latency, minuteAgo(state).latency);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => quantile(observed, part));
  setText(byId("p50"), p50 === undefined ? "–" : formatSeconds(p50));
  setText(
    byId("latency-more"),
    p50 === undefined
      ? "nothing asked in the last minute"
      : `p95 ${formatSeconds(p95)}, p99 ${formatSeconds(p99)} in the last minute`,
  );
  note("latency", p50 === undefined || p50 === Infinity ? 0 : p50);
}

function minuteAgo({ nowMs }) {
  return looks.findLast((look) => nowMs - look.nowMs >= MINUTE_MS) ?? looks[0];
}

function showUse(state) {
  const items = Object.entries(USES).filter(([name]) => state.use[name] !== undefined)
    .map(([name, label]) => ({ name, label, ...state.use[name] }));
  items.push({ name: "resident", label: "Memory of the process", used: state.residentBytes });
  reconcile(byId("use"), items, {
    key: ({ name }) => name,
    create: ({ label }) => {
      const meter = make("dd", { className: "meter" }, make("span"));
      return make("div", {}, make("dt", {}, label), meter, make("dd", { className: "amount" }));
    },
    update: (row, { name, used, most }) => {
      const [, meter, amount] = row.children;
      const shown = name === "memory" || name === "resident" ? formatBytes : formatCount;
      const part = most === undefined || most === 0 ? 0 : Math.min(1, used / most);
      meter.classList.toggle("unbound", most === undefined);
      meter.classList.toggle("full", part >= NEARLY_FULL);
      meter.firstElementChild.style.setProperty("--part", String(used > 0 && part > 0 ? Math.max(1, part * 100) : 0));
      setText(amount, most === undefined ? shown(used) : `${shown(used)} of ${shown(most)}`);
    },
  });
}

function showRefusals(state) {
  const then = minuteAgo(state).refusals;
  const items = Object.entries(state.refusals).map(([code, count]) => ({
    code,
    count,
    recent: count - (then[code] ?? 0),
  }))
    .sort((a, b) => b.recent - a.recent || b.count - a.count);
  byId("refusals").hidden = items.length === 0;
  byId("refusals-none").hidden = items.length > 0;
  reconcile(byId("refusals").tBodies[0], items, {
    key: ({ code }) => code,
    create: createReason,
    update: (row, { count, recent }) => {
      setText(row.children[1], recent === 0 ? "–" : formatCount(recent));
      setText(row.children[2], formatCount(count));
    },
  });
}

/** A reason says what it means when it is opened. */
function createReason({ code }) {
  const meaning = make("p", { className: "quiet" });
  const details = make("details", {}, make("summary", { className: "mono" }, code), meaning);
  details.addEventListener("toggle", async () => {
    if (!details.open || meaning.textContent !== "") return;
    try {
      const { explained } = await get("/explain", { name: code });
      setText(meaning, explained.map(({ meaning, cure }) => `${meaning} ${cure}`.trim()).join(" "));
    } catch {
      setText(meaning, `signet explain ${code}`);
    }
  });
  return make(
    "tr",
    {},
    make("td", {}, details),
    make("td", { className: "number" }),
    make("td", { className: "number" }),
  );
}

function showServers({ upstream, checks }) {
  const items = upstream.servers.map((server, at) => ({ ...server, at }));
  reconcile(byId("servers").tBodies[0], items, {
    key: ({ at }) => at,
    create: () =>
      make(
        "tr",
        {},
        make("td", { label: "Name", className: "mono" }),
        make("td", { label: "State" }, make("span")),
        make("td", { label: "Address", className: "mono" }),
        make("td", { label: "Counts", className: "quiet" }),
      ),
    update: (row, { name, state, required, address, counts = {} }) => {
      const [nameCell, stateCell, addressCell, countsCell] = row.children;
      const found = state === "" ? checks.upstream ?? "" : state;
      const isGood = found === "ok" || found === "connects";
      setText(nameCell, name);
      stateCell.firstElementChild.className = `dot ${isGood ? "good" : "bad"}`;
      setText(stateCell.firstElementChild, `${found}${required === true ? " (required)" : ""}`);
      setText(addressCell, address ?? "");
      setText(countsCell, Object.entries(counts).map(([what, count]) => `${what} ${formatCount(count)}`).join(", "));
    },
  });
}

function showReplicas({ replicas, workers, nowMs }) {
  byId("replicas-section").hidden = replicas === undefined;
  if (replicas === undefined) return;
  const [title, one] = workers === undefined ? ["Other replicas", "replica"] : ["Workers", "worker"];
  setText(byId("replicas-title"), title);
  const items = replicas.peers.map((peer, at) => ({ ...peer, at }));
  reconcile(byId("replicas").tBodies[0], items, {
    key: ({ address, at }) => address ?? at,
    create: () =>
      make(
        "tr",
        {},
        make("td", { label: "Address", className: "mono" }),
        make("td", { label: "State" }, make("span")),
        make("td", { label: "Passed on to it" }),
        make("td", { label: "Taken from it" }),
        make("td", { label: "Found there", className: "quiet" }),
      ),
    update: (row, { at, address, state, sinceMs, why, passed, received }) => {
      const [addressCell, stateCell, passedCell, takenCell, whyCell] = row.children;
      setText(addressCell, address ?? `${one} ${at + 1}`);
      stateCell.firstElementChild.className = state === "unknown" ? "quiet" : `dot ${state === "up" ? "good" : "bad"}`;
      setText(stateCell.firstElementChild, `${state} for ${formatSpan(nowMs - sinceMs)}`);
      setText(passedCell, formatCount(passed));
      setText(takenCell, formatCount(received));
      setText(whyCell, why ?? "");
    },
  });
}
