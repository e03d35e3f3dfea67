// Settings → several MCP servers behind one session: each a member with its own peers, credential, patterns and breaker.
// Loaded only where several are configured.
import type { UpstreamView } from "../admin/state_view.ts";
import { shownUrl, wireOf } from "../config/addresses.ts";
import type { Settings } from "../config/schema.ts";
import type { MemberCredential, ToolText } from "../config/sections/several.ts";
import type { UpstreamAddress } from "../config/addresses.ts";
import { membersIn } from "../config/several_rules.ts";
import type { MetricsPage } from "../observe/metrics.ts";
import { randomBytes } from "../platform/random.ts";
import { SYSTEM_TIMERS } from "../platform/timers.ts";
import { type CredentialSource, fixedCredential } from "../upstream/credentials/credential.ts";
import { CredentialedUpstream } from "../upstream/credentials/header.ts";
import { HttpUpstream } from "../upstream/http.ts";
import { EitherEraLife, type EitherEraMemo } from "../upstream/either_era_peer.ts";
import { httpPeer } from "../upstream/peers/http_peer_life.ts";
import { passingPeer } from "../upstream/stateless/passing_peer.ts";
import { statelessPeer } from "../upstream/stateless/stateless_peer_life.ts";
import { sseStreams } from "../upstream/sse.ts";
import { SeveralUpstream } from "../upstream/several.ts";
import { Breaker } from "../upstream/several/breaker.ts";
import { carrierRule } from "../upstream/several/carry.ts";
import { type Member, newCounts } from "../upstream/several/member.ts";
import { PageCache } from "../upstream/several/page_cache.ts";
import { uriSpellings } from "../upstream/several/uri_spellings.ts";
import { Refusal } from "../upstream/several/refusal.ts";
import { type Patterns, Visible } from "../upstream/several/visible.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { assertMayRun } from "./may_run.ts";
import type { OpenedUpstream, OpenUpstreamOptions } from "./opened_upstream.ts";

type Reach = Pick<Member, "open" | "probe" | "close">;

/** A member's address, and the name it goes by in sessions opened now. */
type Named = UpstreamAddress & { readonly prefixName: string };

/** @throws ConfigError if a program, its folder or the permission to start it is not there */
export async function openSeveralUpstream(settings: Settings, options: OpenUpstreamOptions): Promise<OpenedUpstream> {
  const named = membersIn(settings.upstreams);
  const names = new Set(named.flatMap(({ name, prefixName }) => [name, prefixName]));
  const caFile = settings.upstreamCaFile;
  const caCerts = caFile === undefined ? undefined : [await options.readOnce(caFile)];
  const shared = await signetsCredential(settings, options);
  const members: Member[] = [];
  for (const address of named) {
    const breaker = new Breaker(SYSTEM_TIMERS);
    const source = credentialFor(settings, address);
    const carry = carrierRule({
      client: source?.source === "client",
      names: [
        ...settings.sealHeaders,
        ...settings.transientHeaders,
        ...(settings.forwardIdentity ? [settings.identityUserHeader, settings.identityScopesHeader] : []),
      ],
    });
    const reach = address.command.length > 0 ? await stdioReach(settings, options, address) : httpReach({
      settings,
      options,
      address,
      breaker,
      carry,
      caCerts,
      credential: credentialOf(source, { options, shared }),
    });
    const of = { name: address.prefixName, names, also: address.name };
    const visible = (patterns: Patterns) => new Visible(patterns, of);
    members.push({
      ...reach,
      name: address.name,
      prefixName: address.prefixName,
      url: address.url,
      timeoutMs: timeoutFor(settings, address),
      required: address.required,
      breaker,
      refusal: new Refusal(),
      renames: textsOf(settings.renameTools, address),
      descriptions: textsOf(settings.describeTools, address),
      pages: new PageCache(options.account),
      counts: newCounts(),
      carry,
      visible: {
        tools: visible({ allow: settings.allowTools, deny: settings.denyTools }),
        prompts: visible({ allow: settings.allowPrompts, deny: settings.denyPrompts }),
        resources: new Visible({ allow: settings.allowResources, deny: settings.denyResources }, {
          ...of,
          spellings: uriSpellings,
        }),
      },
    });
  }
  const upstream = new SeveralUpstream({
    members,
    separator: settings.nameSeparator,
    maxIdLength: settings.maxIdLength,
    ring: options.ring,
    log: options.log,
    account: options.account,
    here: options.here,
    onLostCall: options.onLostCall,
    limits: { idleMs: settings.sessionIdleMs, parkMs: settings.parkTimeoutMs },
  });
  return {
    upstream,
    declare: (page) => declareMembers(page, upstream),
    checks: () => upstream.checks(),
    view: () => viewOf(upstream, settings),
    close: () => upstream.close(),
  };
}

function viewOf(upstream: SeveralUpstream, { upstreams }: Settings): UpstreamView {
  const states = upstream.checks();
  const servers = upstream.members.map(({ name, prefixName, url, required, counts }) => {
    const address = upstreams.find((address) => address.name === name && address.url === url);
    const state = (states[`member ${prefixName}`] ?? "").replace(/ \(required\)$/, "").replace(/^connects$/, "ok");
    const shown = address === undefined ? "" : address.command[0] ?? shownUrl(address);
    return { name: prefixName, address: shown, required, state, counts: { ...counts } };
  });
  return { kind: "several", servers };
}

function timeoutFor({ memberTimeouts, memberTimeoutMs }: Settings, { name }: Named): number {
  return memberTimeouts.find(({ member }) => member === name)?.timeoutMs ?? memberTimeoutMs;
}

function textsOf(texts: readonly ToolText[], { name, prefixName }: Named): ReadonlyMap<string, string> {
  return new Map(
    texts.filter(({ member }) => member === name || member === prefixName).map(({ tool, text }) => [tool, text]),
  );
}

function credentialFor({ memberCredentials }: Settings, { name }: Named): MemberCredential | undefined {
  return memberCredentials.find(({ member }) => member === name);
}

/** The one that Signet itself obtains, for all members that are to get it. */
async function signetsCredential(
  settings: Settings,
  { secrets, log }: OpenUpstreamOptions,
): Promise<((inner: Upstream) => { upstream: Upstream; close(): Promise<void> }) | undefined> {
  if (settings.credential === undefined) return undefined;
  if (settings.credential === "command") await assertMayRun("credentialCommand");
  const { withCredential } = await import("./credentials.ts");
  return (inner) => withCredential(inner, { settings, secrets, log });
}

type Wrap = (inner: Upstream) => { upstream: Upstream; close(): Promise<void> };

function credentialOf(
  source: MemberCredential | undefined,
  { options, shared }: { readonly options: OpenUpstreamOptions; readonly shared: Wrap | undefined },
): Wrap | undefined {
  if (source?.source === "signet") return shared;
  if (source?.source !== "file") return undefined;
  const token = options.secrets.memberTokens[source.member];
  if (token === undefined) throw new Error("starting: want the token of a member, got none");
  const fixed: CredentialSource = fixedCredential({ authorization: `Bearer ${token}` });
  return (inner) => {
    const upstream = new CredentialedUpstream(inner, fixed);
    return { upstream, close: async () => await upstream.close() };
  };
}

function httpReach(given: {
  readonly settings: Settings;
  readonly options: OpenUpstreamOptions;
  readonly address: Named;
  readonly breaker: Breaker;
  readonly carry: Member["carry"];
  readonly caCerts: readonly string[] | undefined;
  readonly credential: Wrap | undefined;
}): Reach {
  const { settings, options: { account, log, pools }, address, breaker, carry, caCerts, credential } = given;
  const { isSse, url } = wireOf(address);
  const http = new HttpUpstream({
    name: address.prefixName,
    url,
    account,
    ...(caCerts === undefined || !url.startsWith("https:") ? {} : { caCerts }),
    limits: {
      connectTimeoutMs: settings.connectTimeoutMs,
      connectPatienceMs: Math.min(settings.connectPatienceMs, timeoutFor(settings, address)),
      responseTimeoutMs: settings.responseTimeoutMs,
      maxHeadBytes: settings.maxHeadBytes,
    },
  });
  const { upstream, close } = credential?.(http) ?? { upstream: http, close: () => Promise.resolve(http.close()) };
  const memo: EitherEraMemo = { isStateless: false };
  const streams = isSse ? sseStreams({ inner: upstream, fieldsOf: carry, log, account }) : undefined;
  return {
    open: (opening, events) => {
      if (streams !== undefined) return streams(opening)(events);
      const { caller, session, pool } = opening;
      const member = address.prefixName;
      const pooled = () => pool === undefined ? undefined : pools?.at({ pool, owner: caller.owner, member, upstream });
      // Whatever asks a member has chosen already what of the client's request goes there (`MemberLife`).
      const of = { upstream, caller, session, account, log };
      return new EitherEraLife({
        sessions: httpPeer({ ...of, breaker, fieldsOf: (fields) => [...fields], pooled }),
        stateless: statelessPeer({ ...of, random: randomBytes }),
        passing: passingPeer(of),
        memo,
      }, events);
    },
    probe: () => http.probe(),
    close,
  };
}

/** A process a session, of a command of its own. */
async function stdioReach(settings: Settings, options: OpenUpstreamOptions, address: Named): Promise<Reach> {
  const { openStdioUpstream } = await import("./stdio_upstream.ts");
  const opened = await openStdioUpstream({ ...settings, command: address.command, credential: undefined }, options);
  const { stdio } = opened;
  return {
    open: (opening, events) => stdio.choosePeers(opening)(events),
    probe: () => stdio.probe(),
    close: () => opened.close(),
  };
}

const MEMBER_STATES = ["up", "unreachable", "refusing"] as const;

function declareMembers(page: MetricsPage, upstream: SeveralUpstream): void {
  const { members } = upstream;
  page.labelled(
    "counter",
    {
      name: "signet_member_events_total",
      help: "Calls to each of several servers; those lost; sessions opened without it; entries left out of its lists.",
      labels: ["member", "event"],
    },
    () =>
      members.flatMap(({ prefixName, counts }) =>
        Object.entries(counts).map(([event, count]): [string[], number] => [[prefixName, event], count])
      ),
  );
  page.labelled(
    "gauge",
    {
      name: "signet_member_up",
      help: "0 where the last attempt to reach the server failed, or it refused a session for good; else 1.",
      labels: ["member"],
    },
    () =>
      members.map((
        { prefixName, breaker, refusal },
      ): [string[], number] => [[prefixName], (breaker.reason ?? refusal.reason) === undefined ? 1 : 0]),
  );
  page.labelled(
    "gauge",
    {
      name: "signet_member_state",
      help:
        "1 for the state each of several servers is in: up, unreachable (it is left alone for a while) or refusing " +
        "sessions for good.",
      labels: ["member", "state"],
    },
    () =>
      members.flatMap(({ prefixName, breaker, refusal }) => {
        const state = breaker.reason !== undefined ? "unreachable" : refusal.reason !== undefined ? "refusing" : "up";
        return MEMBER_STATES.map((each): [string[], number] => [[prefixName, each], each === state ? 1 : 0]);
      }),
  );
  page.labelled(
    "gauge",
    { name: "signet_several_entries", help: "What is held for sessions of several servers.", labels: ["what"] },
    () => {
      const { sessions, calls, questions, subscriptions, events } = upstream.sizes();
      return Object.entries({ sessions, calls, questions, subscriptions, events }).map((
        [what, count],
      ) => [[what], count]);
    },
  );
  page.gauge("signet_several_event_bytes", "Bytes of events kept for resumption.", () => upstream.sizes().eventBytes);
}
