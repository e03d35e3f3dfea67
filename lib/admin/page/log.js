// The log's lines as they come, newest first; so many and no more.
import { follow } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatTimeOfDay } from "./format.js";

const MOST = 400;
const RANK = { debug: 0, info: 1, warn: 2, error: 3 };
const AGAIN_MS = 3_000;

/** Newest last. */
let lines = [];
let lastSeq = 0;
let paused = false;
let stopped = new AbortController();

/** Follows the log until it is called again, or {@link stopLog}. */
export async function startLog() {
  stopLog();
  showControls(true);
  const mine = stopped = new AbortController();
  while (!mine.signal.aborted) {
    try {
      lastSeq = 0;
      await follow("/log", {
        signal: mine.signal,
        onOpen: () => {
          lines = [];
          setText(byId("log-state"), "live");
          show();
        },
        onEvent: add,
        onMissed: (count) => setText(byId("log-state"), `live; ${count} lines came too fast to be shown`),
      });
      setText(byId("log-state"), "ended");
    } catch (error) {
      if (mine.signal.aborted) return;
      setText(byId("log-state"), error.status === undefined ? "lost contact" : error.message);
      // Signing in begins anew.
      if (error.status === 401 || error.status === 403) return;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

export function stopLog(reason) {
  stopped.abort();
  lines = [];
  show();
  if (reason === undefined) return;
  setText(byId("log-state"), reason);
  showControls(false);
}

function showControls(areThere) {
  for (const id of ["level", "log-find", "pause", "log"]) byId(id).hidden = !areThere;
}

function add(line) {
  if (line.seq <= lastSeq) return;
  lastSeq = line.seq;
  lines.push(line);
  if (lines.length > MOST) lines.shift();
  if (paused || !isWanted(line)) return;
  const list = byId("log");
  // Who has scrolled down to read stays where he is.
  const height = list.scrollTop > 0 ? list.scrollHeight : 0;
  list.prepend(row(line));
  if (list.children.length > MOST) list.lastElementChild.remove();
  if (height > 0) list.scrollTop += list.scrollHeight - height;
}

function isWanted({ level, event, facts }) {
  if (RANK[level] < RANK[byId("level").value]) return false;
  const wanted = byId("log-find").value.trim().toLowerCase();
  return wanted === "" || `${event} ${textOf(facts)}`.toLowerCase().includes(wanted);
}

function textOf(facts) {
  return Object.entries(facts).map(([name, value]) => `${name}=${value}`).join(" ");
}

function row({ atMs, level, event, facts }) {
  return make(
    "li",
    { className: level },
    make("span", { className: "quiet" }, formatTimeOfDay(atMs)),
    make("span", { className: "level" }, level),
    make(
      "span",
      { className: "text" },
      make("span", { className: "event" }, event),
      " ",
      make("span", { className: "facts" }, textOf(facts)),
    ),
  );
}

function show() {
  byId("log").replaceChildren(...lines.filter(isWanted).toReversed().map(row));
}

export function startLogControls() {
  byId("level").addEventListener("change", show);
  byId("log-find").addEventListener("input", show);
  byId("pause").addEventListener("click", () => {
    paused = !paused;
    byId("pause").setAttribute("aria-pressed", String(paused));
    setText(byId("pause"), paused ? "Go on" : "Pause");
    if (!paused) show();
  });
}
