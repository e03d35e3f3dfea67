// The operators' page: looks every two seconds, shows, and says plainly when it cannot. Signing in puts the admin token
// into memory (api.js); without it the page reads what anybody may and changes nothing.
import { get, hasToken, Refused, setToken } from "./api.js";
import { setClock } from "./clock.js";
import { byId, setText } from "./dom.js";
import { startLog, startLogControls, stopLog } from "./log.js";
import { showState } from "./overview.js";
import { hideSessions, refreshSessions, startSessions } from "./sessions.js";

const LOOK_MS = 2_000;
/** Of sessions, which are more to ask for: every so many looks. */
const SESSIONS_EVERY = 2;

const ACCESS = {
  operator: "operator",
  local: "read-only: started without --admin-token-file",
  anyone: "read-only",
};

let access;
let looks = 0;
let timer;

async function look() {
  clearTimeout(timer);
  try {
    const state = await get("/state");
    setClock(state.nowMs);
    showState(state);
    notice("");
    if (state.access !== access) await enter(state);
    else if (access !== "anyone" && looks % SESSIONS_EVERY === 0) await refreshSessions(access);
    looks++;
  } catch (error) {
    if (!(error instanceof Refused)) notice("No contact with Signet. What is shown is what was last seen.");
    else notice([error.message, error.remedy].filter(Boolean).join(". "));
  }
  // Nobody looks: nothing is asked.
  if (!document.hidden) timer = setTimeout(look, LOOK_MS);
}

/** Somebody else looks than before: what he may see is another. */
async function enter(state) {
  access = state.access;
  setText(byId("access"), ACCESS[access]);
  byId("sign-in").hidden = !state.wantsToken;
  byId("sign-out").hidden = !hasToken();
  if (access === "anyone") {
    const why = state.wantsToken
      ? "Sign in with the admin token to see sessions and their callers."
      : "Sessions are for operators: start Signet with --admin-token-file.";
    hideSessions(why);
    stopLog(state.wantsToken ? "for operators" : "needs --admin-token-file");
    return;
  }
  await refreshSessions(access);
  startLog();
}

function notice(text) {
  const element = byId("notice");
  element.hidden = text === "";
  setText(element, text);
}

async function signIn(event) {
  event.preventDefault();
  const problem = byId("token-problem");
  setToken(byId("token").value.trim());
  try {
    const state = await get("/state");
    if (state.access !== "operator") throw new Error("This is not the admin token.");
    byId("token").value = "";
    byId("token-dialog").close();
    await look();
    // The button that had the focus is gone.
    byId("sign-out").focus();
  } catch (error) {
    setToken(undefined);
    // A field cannot hold every character: what cannot be sent is no token.
    setText(problem, error instanceof TypeError ? "This is not the admin token." : error.message);
    problem.hidden = false;
  }
}

function openSignIn() {
  byId("token-problem").hidden = true;
  byId("token").value = "";
  byId("token-dialog").showModal();
  byId("token").focus();
}

byId("sign-in").addEventListener("click", openSignIn);
byId("sign-out").addEventListener("click", async () => {
  setToken(undefined);
  await look();
  byId("sign-in").focus();
});
byId("token-cancel").addEventListener("click", () => byId("token-dialog").close());
// Told a while later: it may be open again by then.
byId("token-dialog").addEventListener("close", ({ target }) => {
  if (!target.open) byId("token").value = "";
});
byId("token-dialog").querySelector("form").addEventListener("submit", signIn);
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) look();
});
startSessions(() => refreshSessions(access).catch(() => {}));
startLogControls();
look();
