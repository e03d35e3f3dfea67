// The MCP server as a program, and the credential Signet presents to a server, judged as a whole (docs/behaviour.md B1,
// B4, B7).
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import { isThisMachine } from "../../identity/this_machine.ts";
import type { SettingKey, Settings } from "../schema.ts";
import { CREDENTIALS } from "../sections/credentials.ts";
import { STDIO } from "../sections/stdio.ts";
import { flagOf } from "../setting.ts";
import { formatAddress } from "../values/addresses.ts";
import { type Bench, RESERVED_FIELDS, type Rule } from "./rule.ts";

const STDIO_KEYS = (Object.keys(STDIO) as (keyof typeof STDIO)[]).filter((key) => key !== "command");
const CREDENTIAL_KEYS = (Object.keys(CREDENTIALS) as (keyof typeof CREDENTIALS)[]).filter((key) =>
  key !== "credential"
);

function judgeCommand({ settings: { command, upstreams }, places, problem, warn }: Bench): void {
  if (command.length === 1 && /\S\s+\S/.test(command[0]!)) {
    warn(
      "The command of the stdio server is one word with blanks in it: no shell takes it apart. Write its words apart.",
    );
  }
  if (command.length > 0) {
    if (command[0]!.trim() === "") problem("command", "its first word is blank", "Begin with the program to start.");
    return;
  }
  if (upstreams.some((upstream) => upstream.command.length > 0)) return;
  for (const key of STDIO_KEYS) {
    if (!places.has(key)) continue;
    problem(key, "there is no stdio server to start", "Add its command behind --, or leave it out.");
  }
}

/** A stdio server sees no token: one that nobody else verifies either lets everybody in who makes one up (O6). */
function judgeUnverified({ settings, problem, warn }: Bench): void {
  const { principals, command, credential, listen, unsafeAnonymous } = settings;
  if (command.length === 0 || !principals.includes("bearer") || credential === "token-exchange") return;
  if (isLoopbackHost(listen.hostname) || unsafeAnonymous) {
    return warn(
      "--principal bearer before a stdio server lets everybody in: the server sees no token, so that nobody verifies " +
        "one, and whoever makes a new one up is a new caller. Set --principal jwt, introspection, token or header.",
    );
  }
  problem(
    "principals",
    `bearer tokens beyond loopback (${formatAddress(listen)}) would be verified by nobody: a stdio server sees none`,
    "Set --principal jwt, introspection, token or header; or --unsafe-anonymous if nobody else can reach it.",
  );
}

function judgeVariables({ settings, problem }: Bench): void {
  const seen = new Set<string>();
  for (const key of ["stdioVariables", "stdioSecrets"] as const) {
    for (const { name } of settings[key]) {
      if (seen.has(name)) problem(key, `${name} is set twice`, "Set it once.");
      seen.add(name);
    }
  }
  for (const name of settings.stdioInherit) {
    if (seen.has(name)) problem("stdioInherit", `${name} is set already`, "Inherit it or set it.");
    // Signet's own master keys, and where its settings come from.
    if (name === "MCP_ENCRYPTION_KEY" || name.startsWith("SIGNET_")) {
      problem(
        "stdioInherit",
        `${name} is Signet's own`,
        "Leave it out: it may hold the key that all sessions hang on.",
      );
    }
  }
}

function judgeUser({ settings: { stdioUser, stdioGroup, stdioUserProcesses }, problem, warn }: Bench): void {
  if (stdioUser !== undefined && stdioGroup === undefined) {
    problem("stdioGroup", "the server would keep Signet's own group", "Add --stdio-gid NUMBER.");
  }
  if (stdioGroup !== undefined && stdioUser === undefined) {
    problem("stdioUser", "the server would keep Signet's own user", "Add --stdio-uid NUMBER.");
  }
  if (stdioUserProcesses === undefined || stdioUser !== undefined) return;
  warn("--stdio-max-tasks counts all processes of a user: without --stdio-uid, those of Signet's own user too.");
}

function judgeProcessCaps({ settings: { maxProcesses, maxProcessesPerPrincipal }, places, problem }: Bench): void {
  if (!places.has("maxProcessesPerPrincipal") || maxProcessesPerPrincipal <= maxProcesses) return;
  problem("maxProcessesPerPrincipal", `there are ${maxProcesses} in all`, "Make it at most --max-processes.");
}

type Source = NonNullable<Settings["credential"]>;

const OAUTH_NEEDS: Partial<Record<SettingKey, string>> = { credentialTokenUrl: "URL", credentialClientId: "TEXT" };
const OAUTH_TAKES: readonly SettingKey[] = [
  "credentialName",
  "credentialClientSecretFile",
  "credentialClientAuth",
  "credentialScopes",
  "credentialAudience",
  "credentialResource",
];

/** What each source cannot do without, with what to write, and what else it reads. */
const SOURCES: Readonly<
  Record<Source, { needs: Readonly<Partial<Record<SettingKey, string>>>; takes: readonly SettingKey[] }>
> = {
  "command": { needs: { credentialCommand: "PROGRAM" }, takes: [] },
  "client-credentials": { needs: { ...OAUTH_NEEDS, credentialClientSecretFile: "FILE" }, takes: OAUTH_TAKES },
  "refresh-token": { needs: { ...OAUTH_NEEDS, credentialRefreshTokenFile: "FILE" }, takes: OAUTH_TAKES },
  "token-exchange": { needs: OAUTH_NEEDS, takes: OAUTH_TAKES },
};

function judgeCredential({ settings, places, broken, problem }: Bench): void {
  const { credential } = settings;
  const { needs = {}, takes = [] } = credential === undefined ? {} : SOURCES[credential];
  for (const key of CREDENTIAL_KEYS) {
    const metavar = needs[key];
    if (broken.has(key)) continue;
    if (metavar !== undefined && settings[key] === undefined) {
      problem(key, `--credential ${credential} needs it`, `Add ${flagOf(CREDENTIALS[key])} ${metavar}.`);
    }
    if (metavar !== undefined || takes.includes(key) || !places.has(key)) continue;
    if (credential === undefined) {
      problem(key, "no credential is asked for", "Add --credential SOURCE, or leave it out.");
    } else problem(key, `--credential ${credential} has no use for it`, "Leave it out.");
  }
}

/** Into what the token goes depends on the kind of server. */
function judgeCredentialPlace({ settings: { credential, credentialName, command, upstreams }, problem }: Bench): void {
  if (credential === undefined) return;
  const [only] = upstreams;
  const stdio = command.length > 0 || (upstreams.length === 1 && only!.command.length > 0);
  if (!stdio && credential === "token-exchange") {
    const remedy = "An HTTP server gets the caller's own token: choose another source, or leave it out.";
    return problem("credential", "token-exchange is for stdio servers only", remedy);
  }
  if (credentialName === undefined) {
    if (!stdio || credential === "command") return;
    return problem("credentialName", "a stdio server gets the token in a variable", "Add --credential-name API_TOKEN.");
  }
  if (stdio && credentialName.includes("-")) {
    problem("credentialName", `${credentialName} is no name of a variable`, "Write letters, digits and _ only.");
  }
  if (!stdio && RESERVED_FIELDS.has(credentialName.toLowerCase())) {
    problem("credentialName", `${credentialName} belongs to HTTP or to Signet itself`, "Name another header.");
  }
}

function judgeTokenUrl({ settings: { credentialTokenUrl }, problem }: Bench): void {
  if (credentialTokenUrl === undefined) return;
  const { protocol, hostname } = new URL(credentialTokenUrl);
  if (protocol === "https:" || isThisMachine(hostname)) return;
  problem("credentialTokenUrl", "this would be plain http beyond loopback, with Signet's secret in it", "Use https.");
}

export const STDIO_RULES: readonly Rule[] = [
  [["command", "upstreams"], judgeCommand],
  [["principals", "command", "credential", "listen", "unsafeAnonymous"], judgeUnverified],
  [["stdioVariables", "stdioSecrets", "stdioInherit"], judgeVariables],
  [["stdioUser", "stdioGroup", "stdioUserProcesses"], judgeUser],
  [["maxProcesses", "maxProcessesPerPrincipal"], judgeProcessCaps],
  [["credential"], judgeCredential],
  [["credential", "credentialName", "command", "upstreams"], judgeCredentialPlace],
  [["credentialTokenUrl"], judgeTokenUrl],
];
