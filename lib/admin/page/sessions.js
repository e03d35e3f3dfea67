// Live sessions, a page at a time as the server gives them; ending one, or all of a caller's, after asking; watching one.
import { follow, get, post } from "./api.js";
import { now } from "./clock.js";
import { byId, make, reconcile, setText } from "./dom.js";
import { formatBytes, formatCount, formatDistance, formatSpan, formatTimeOfDay } from "./format.js";

const PAGE = 10;
/** Rows of a watched session that are kept. */
const TAPPED = 200;

let offset = 0;
let total = 0;
let mayRevoke = false;
let asking = 0;

/** Asks for the page that is shown. Whoever asked later counts, not who was answered later. */
export async function refreshSessions(access) {
  mayRevoke = access === "operator";
  const mine = ++asking;
  const answer = await get("/sessions", { limit: PAGE, offset, find: byId("find").value.trim() });
  if (mine !== asking) return;
  byId("find").hidden = false;
  total = answer.total;
  if (answer.sessions.length === 0 && offset > 0) {
    offset = Math.max(0, Math.floor((total - 1) / PAGE) * PAGE);
    return await refreshSessions(access);
  }
  show(answer.sessions);
}

/** Nobody may see them. */
export function hideSessions(reason) {
  asking++;
  total = 0;
  show([]);
  byId("find").hidden = true;
  setText(byId("sessions-none"), reason);
}

function show(sessions) {
  const nowMs = now();
  byId("sessions").hidden = sessions.length === 0;
  byId("sessions-none").hidden = sessions.length > 0;
  setText(byId("sessions-none"), byId("find").value === "" ? "No session is in memory." : "No session is found.");
  setText(byId("sessions-count"), total === 0 ? "" : `${formatCount(total)} in memory`);
  reconcile(byId("sessions").tBodies[0], sessions, {
    key: ({ hash }) => hash,
    create: createRow,
    update: (row, session) => updateRow(row, session, nowMs),
  });
  byId("previous").disabled = offset === 0;
  byId("next").disabled = offset + PAGE >= total;
  byId("previous").parentElement.hidden = total <= PAGE;
  setText(byId("page"), `${formatCount(offset + 1)}–${formatCount(offset + sessions.length)} of ${formatCount(total)}`);
}

function createRow(session) {
  const caller = make("button", { type: "button", className: "link", title: "Only this caller's" });
  caller.addEventListener("click", () => showOnly(session.owner));
  const watch = make("button", { type: "button", className: "small" }, "Watch");
  watch.setAttribute("aria-label", `Watch session ${session.hash}`);
  watch.addEventListener("click", () => tap(session));
  const end = make("button", { type: "button", className: "small" }, "Revoke");
  end.setAttribute("aria-label", `Revoke session ${session.hash}`);
  end.addEventListener("click", () => revoke(session, "hash"));
  const endAll = make("button", { type: "button", className: "small" }, "Revoke caller");
  endAll.setAttribute("aria-label", `Revoke all sessions of the caller of session ${session.hash}`);
  endAll.addEventListener("click", () => revoke(session, "owner_of"));
  return make(
    "tr",
    {},
    make("td", { label: "Session", className: "mono short" }, session.hash),
    make("td", { label: "Caller" }, caller, make("small")),
    make("td", { label: "Opened", className: "short" }),
    make("td", { label: "Last used", className: "short" }),
    make("td", { label: "Expires", className: "short" }),
    make("td", { label: "In flight", className: "number" }),
    make("td", { label: "Protocol", className: "short" }),
    make("td", { label: "" }, make("span", { className: "row-actions" }, watch, end, endAll)),
  );
}

function updateRow(row, session, nowMs) {
  const [, caller, opened, used, expires, flying, protocol, actions] = row.children;
  const { issuedAtMs, expiresAtMs, lastActiveMs, inFlight, streams, protocolVersion } = session;
  const name = nameOf(session);
  setText(caller.children[0], name.subject);
  setText(caller.children[1], name.more);
  setText(opened, formatDistance(issuedAtMs, nowMs));
  setText(used, inFlight > 0 ? "now" : `${formatSpan(nowMs - lastActiveMs)} ago`);
  setText(expires, formatDistance(expiresAtMs, nowMs));
  setText(flying, streams > 0 ? `${inFlight} (${streams} streams)` : `${inFlight}`);
  setText(protocol, protocolVersion);
  const [, end, endAll] = actions.firstElementChild.children;
  for (const button of [end, endAll]) {
    button.disabled = !mayRevoke;
    button.title = mayRevoke ? "" : "Sign in with the admin token to revoke";
  }
}

/** Of one caller: by what its owner's fingerprint is, which is no name. */
function showOnly(owner) {
  byId("find").value = owner;
  byId("find").dispatchEvent(new Event("input"));
}

/** By name where that may be seen, else by the owner's fingerprint. */
function nameOf({ caller, owner }) {
  if (caller === undefined) return { subject: owner, more: "" };
  const { subject, issuer, clientId } = caller;
  return { subject, more: clientId === undefined ? issuer : `${issuer} by ${clientId}` };
}

function revoke(session, kind) {
  const ofCaller = kind === "owner_of";
  const { subject, more } = nameOf(session);
  setText(byId("confirm-title"), ofCaller ? "Revoke all sessions of this caller?" : "Revoke this session?");
  setText(
    byId("confirm-text"),
    ofCaller
      ? "Everything this caller has opened until now ends at once and its ids stay dead. A new session can be opened with a credential that holds."
      : "It ends at once, calls and streams in it are cut, and its id stays dead.",
  );
  setText(byId("confirm-ok"), ofCaller ? "Revoke caller" : "Revoke session");
  const facts = [
    ["Caller", subject],
    ...(more === "" ? [] : [["Issuer", more]]),
    ...(ofCaller ? [] : [["Session", session.hash]]),
  ];
  byId("confirm-facts").replaceChildren(
    ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", { className: "mono" }, text)]),
  );
  byId("confirm-problem").hidden = true;
  const dialog = byId("confirm-dialog");
  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    byId("confirm-ok").disabled = true;
    try {
      await post("/sessions/revoke", { kind, hash: session.hash });
      dialog.close();
      await refreshSessions("operator");
    } catch (error) {
      setText(byId("confirm-problem"), [error.message, error.remedy].filter(Boolean).join(". "));
      byId("confirm-problem").hidden = false;
    } finally {
      byId("confirm-ok").disabled = false;
    }
  };
  dialog.showModal();
  // What cannot be taken back is not what Enter does.
  byId("confirm-cancel").focus();
}

async function tap({ hash }) {
  const dialog = byId("tap-dialog");
  const body = byId("tap").tBodies[0];
  const stopped = new AbortController();
  body.replaceChildren();
  setText(byId("tap-title"), `Watching session ${hash}`);
  setText(byId("tap-state"), "waiting for the next exchange");
  dialog.onclose = () => stopped.abort();
  dialog.showModal();
  let count = 0;
  try {
    await follow(`/sessions/tap?hash=${encodeURIComponent(hash)}`, {
      signal: stopped.signal,
      onEvent: (event) => {
        if (event.ended !== undefined) return setText(byId("tap-state"), `the session has ended: ${event.ended}`);
        body.prepend(tapRow(event));
        if (body.children.length > TAPPED) body.lastElementChild.remove();
        setText(byId("tap-state"), `${formatCount(++count)} seen`);
      },
    });
  } catch (error) {
    if (!stopped.signal.aborted) setText(byId("tap-state"), [error.message, error.remedy].filter(Boolean).join(". "));
  }
}

function tapRow(
  { atMs, ms, method, name, member, status, rpcCode, isError, refusal, cutBy, stream, bytesIn, bytesOut },
) {
  const outcome = [
    status === 0 ? "no answer" : String(status),
    ...(refusal === undefined ? rpcCode === undefined ? [] : [String(rpcCode)] : [refusal]),
    ...(isError === true ? ["isError"] : []),
    ...(cutBy === undefined ? [] : [`cut by ${cutBy}`]),
  ].join(" ");
  const bad = status >= 400 || status === 0 || rpcCode !== undefined || isError === true;
  const took = stream === true ? "stream" : ms >= 1000 ? `${(ms / 1000).toFixed(1)}s` : `${ms}ms`;
  return make(
    "tr",
    {},
    make("td", { label: "Time", className: "short" }, formatTimeOfDay(atMs)),
    make("td", { label: "Method", className: "mono" }, method),
    make("td", { label: "Name", className: "mono" }, [name, member].filter((text) => text !== undefined).join(" at ")),
    make("td", { label: "Outcome" }, make("span", { className: bad ? "dot bad" : "dot good" }, outcome)),
    make("td", { label: "Took", className: "number short" }, took),
    make("td", { label: "Bytes", className: "number short" }, `${formatBytes(bytesIn)} → ${formatBytes(bytesOut)}`),
  );
}

/** @param refresh asks again for what is shown */
export function startSessions(refresh) {
  const turn = (by) => {
    offset = Math.max(0, offset + by);
    refresh();
  };
  byId("previous").addEventListener("click", () => turn(-PAGE));
  byId("next").addEventListener("click", () => turn(PAGE));
  byId("find").addEventListener("input", () => {
    offset = 0;
    refresh();
  });
  byId("confirm-cancel").addEventListener("click", () => byId("confirm-dialog").close());
  byId("tap-close").addEventListener("click", () => byId("tap-dialog").close());
}
