// Settings → the members of several servers: how each is reached, which of a client's fields and whose credential it gets,
// and what of it clients may see.
import { membersIn, namesOf } from "../../config/rules/several_rules.ts";
import type { Settings } from "../../config/schema.ts";
import type { MemberCredential } from "../../config/sections/several.ts";
import { textsOf, visibleOf } from "../../config/several_seen.ts";
import { type UpstreamAddress, wireOf } from "../../config/values/upstream_address.ts";
import { logAbout, type Logger } from "../../observe/log.ts";
import { randomBytes } from "../../platform/random.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { type CredentialSource, fixedCredential } from "../../upstream/credentials/credential.ts";
import { CredentialedUpstream } from "../../upstream/credentials/header.ts";
import { EitherEraLife, type EitherEraMemo } from "../../upstream/either_era_peer.ts";
import { HttpUpstream } from "../../upstream/http.ts";
import { httpPeer } from "../../upstream/peers/http_peer_life.ts";
import { Breaker } from "../../upstream/several/members/breaker.ts";
import { carrierRule } from "../../upstream/several/members/carry.ts";
import { type Member, newCounts } from "../../upstream/several/members/member.ts";
import { PageCache } from "../../upstream/several/members/page_cache.ts";
import { Refusal } from "../../upstream/several/members/refusal.ts";
import { sseStreams } from "../../upstream/sse.ts";
import { passingPeer } from "../../upstream/stateless/passing_peer_life.ts";
import { statelessPeer } from "../../upstream/stateless/stateless_peer_life.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import { assertMayRun } from "./may_run.ts";
import type { OpenUpstreamOptions } from "./opened_upstream.ts";

/** A member's address, and the name it goes by in sessions opened now. */
type Named = UpstreamAddress & { readonly prefixName: string };

type Reach = Pick<Member, "open" | "probe" | "close">;

/** An upstream with a credential put into what it is sent. */
type Wrap = (inner: Upstream) => { upstream: Upstream; close(): Promise<void> };

/** What all members are made from. */
interface MemberParts {
  readonly settings: Settings;
  readonly options: OpenUpstreamOptions;
  /** Of all members, those in sessions opened before included. */
  readonly names: ReadonlySet<string>;
  readonly caCerts: readonly string[] | undefined;
  /** The credential that Signet itself obtains, for those that are to get it. */
  readonly shared: Wrap | undefined;
}

/** @throws ConfigError if a program, its folder or the permission to start it is not there */
export async function openMembers(settings: Settings, options: OpenUpstreamOptions): Promise<Member[]> {
  const named = membersIn(settings.upstreams);
  const names = namesOf(named);
  const caFile = settings.upstreamCaFile;
  const caCerts = caFile === undefined ? undefined : [await options.readOnce(caFile)];
  const parts = { settings, options, names, caCerts, shared: await signetsCredential(settings, options) };
  const members: Member[] = [];
  for (const address of named) members.push(await openMember(parts, address));
  return members;
}

async function openMember(parts: MemberParts, address: Named): Promise<Member> {
  const { settings, options } = parts;
  const { name, prefixName, url, required } = address;
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
  const log = logAbout(options.log, { member: prefixName });
  const reach = address.command.length > 0
    ? await stdioReach(parts, address, log)
    : httpReach(parts, address, { breaker, carry, credential: credentialOf(source, parts), log });
  return {
    ...reach,
    ...{ name, prefixName, url, required, breaker, carry },
    timeoutMs: timeoutFor(settings, address),
    refusal: new Refusal(),
    renames: textsOf(settings.renameTools, address),
    descriptions: textsOf(settings.describeTools, address),
    pages: new PageCache(options.account),
    counts: newCounts(),
    visible: visibleOf(settings, address, parts.names),
  };
}

function timeoutFor({ memberTimeouts, memberTimeoutMs }: Settings, { name }: Named): number {
  return memberTimeouts.find(({ member }) => member === name)?.timeoutMs ?? memberTimeoutMs;
}

function credentialFor({ memberCredentials }: Settings, { name }: Named): MemberCredential | undefined {
  return memberCredentials.find(({ member }) => member === name);
}

/** The one that Signet itself obtains, for all members that are to get it. */
async function signetsCredential(
  settings: Settings,
  { secrets, log }: OpenUpstreamOptions,
): Promise<Wrap | undefined> {
  if (settings.credential === undefined) return undefined;
  if (settings.credential === "command") await assertMayRun("credentialCommand");
  const { withCredential } = await import("./credentials.ts");
  return (inner) => withCredential(inner, { settings, secrets, log });
}

function credentialOf(
  source: MemberCredential | undefined,
  { options, shared }: MemberParts,
): Wrap | undefined {
  if (source?.source === "signet") return shared;
  if (source?.source !== "file") return undefined;
  const token = options.secrets.memberTokens[source.member];
  if (token === undefined) throw new Error("starting: found no token of a member, want one");
  const fixed: CredentialSource = fixedCredential({ authorization: `Bearer ${token}` });
  return (inner) => {
    const upstream = new CredentialedUpstream(inner, fixed);
    return { upstream, close: async () => await upstream.close() };
  };
}

function httpReach(parts: MemberParts, address: Named, { breaker, carry, credential, log }: {
  readonly breaker: Breaker;
  readonly carry: Member["carry"];
  readonly credential: Wrap | undefined;
  readonly log: Logger;
}): Reach {
  const { settings, options: { account, pools }, caCerts } = parts;
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
async function stdioReach({ settings, options }: MemberParts, address: Named, log: Logger): Promise<Reach> {
  const { openStdioUpstream } = await import("./stdio_upstream.ts");
  const its = { ...settings, command: address.command, credential: undefined };
  const opened = await openStdioUpstream(its, options, log);
  const { stdio } = opened;
  return {
    open: (opening, events) => stdio.choosePeers(opening)(events),
    probe: () => stdio.probe(),
    close: () => opened.close(),
  };
}
