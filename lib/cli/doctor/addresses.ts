// Every address that the configuration leads to: its name, a connection, the certificate and its days, the clock.
import { FEW_DAYS } from "../../config/named/certificate_term.ts";
import type { Settings } from "../../config/schema.ts";
import { DAY } from "../../config/values/units.ts";
import { shownUrl } from "../../config/values/upstream_address.ts";
import { formatAuthority, formatHost } from "../../http1/wire/authority.ts";
import { redactUrl } from "../../observe/redact.ts";
import type { Attempted, Reached, ReachError, ReachTarget } from "../../platform/network/reach.ts";
import type { CommandContext } from "../command.ts";
import { formatSpan } from "../screen/times.ts";
import { type Finding, type Findings, timeBoxed } from "./finding.ts";

interface Address {
  readonly what: string;
  readonly url: string;
  /** Without whatever could be a secret. */
  readonly shown: string;
  /** The setting that names it. */
  readonly flag: string;
  readonly caCerts?: readonly string[];
  /** Default true. */
  readonly isHttp?: boolean;
}

const TIMEOUT_MS = 10_000;
/** What clocks of machines that are looked after differ by. */
const SKEW_MS = 5_000;
const BAD_SKEW_MS = 60_000;

const STEPS: Readonly<Record<ReachError["step"], readonly [found: string, cure: string]>> = {
  name: ["its name does not resolve", "Correct FLAG, or see this machine's DNS (/etc/resolv.conf)."],
  connection: ["nobody takes the connection", "Start what listens there, correct FLAG, or see the firewalls between."],
  tls: ["TLS cannot be spoken with it", "Write http:// in FLAG if it speaks no TLS, or name its https port."],
};

export async function* examineAddresses(context: CommandContext, settings: Settings): Findings {
  for (const address of await addressesOf(context, settings)) {
    yield* await examineAddress(context, address);
  }
}

async function addressesOf(context: CommandContext, settings: Settings): Promise<Address[]> {
  const { upstreams, upstreamCaFile, jwtJwks, jwtProviders, introspectionUrl, resolverUrl, credentialTokenUrl } =
    settings;
  const caCerts = upstreamCaFile === undefined ? undefined : [await context.readTextFile(upstreamCaFile)];
  const servers = upstreams.filter(({ command, url }) => command.length === 0 && /^(?:sse\+)?https?:/.test(url)).map((
    upstream,
  ) => ({
    what: upstream.name === "" ? "server" : `server ${upstream.name}`,
    ...{ url: upstream.url.replace(/^sse\+/, ""), shown: shownUrl(upstream), flag: "--upstream" },
    ...(caCerts === undefined ? {} : { caCerts }),
  }));
  const keySets = [jwtJwks, ...jwtProviders.map(({ jwks }) => jwks)].flatMap((jwks) =>
    jwks?.kind === "url" ? [{ what: "key set", url: jwks.url, flag: "--jwt-jwks" }] : []
  );
  const others = [
    { what: "introspection", url: introspectionUrl, flag: "--introspection-url" },
    { what: "resolver", url: resolverUrl, flag: "--resolver-url" },
    { what: "token endpoint", url: credentialTokenUrl, flag: "--credential-token-url" },
  ];
  const further = [...keySets, ...others].flatMap(({ url, ...address }) =>
    url === undefined ? [] : [{ ...address, url, shown: redactUrl(url) }]
  );
  return [...servers, ...further, ...await storesOf(context, settings)];
}

/** Of the store that replicas share: each node, under the scheme that says whether it speaks TLS. */
async function storesOf(context: CommandContext, { store, storeCaFile }: Settings): Promise<Address[]> {
  if (store === undefined || store === "memory") return [];
  const caCerts = storeCaFile === undefined ? undefined : [await context.readTextFile(storeCaFile)];
  return store.nodes.map(({ host, port }) => {
    const authority = formatAuthority(host, port);
    const url = `${store.tls ? "https" : "http"}://${authority}`;
    const address = { what: "store", url, shown: authority, flag: "--store", isHttp: false };
    return caCerts === undefined ? address : { ...address, caCerts };
  });
}

async function examineAddress(context: CommandContext, address: Address): Promise<Finding[]> {
  const { what, url, shown, flag, caCerts } = address;
  const { hostname, port, protocol } = new URL(url);
  const secure = protocol === "https:";
  if (isProxied(context, secure)) {
    return [{ verdict: "skip", what, found: `${shown}: reached by way of a proxy, not looked at by itself` }];
  }
  const target: ReachTarget = {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    ...{ port: port === "" ? (secure ? 443 : 80) : Number(port), secure },
    ...(caCerts === undefined ? {} : { caCerts }),
  };
  try {
    const reached = await context.reach(target, TIMEOUT_MS);
    const findings: Finding[] = [{
      verdict: "ok",
      what,
      found: `${shown}: ${attemptsTold(reached.attempts)}`,
    }];
    if (reached.certificate !== undefined) findings.push(judgeCertificate(address, reached.certificate, context.now()));
    const skew = address.isHttp === false ? undefined : await clockOf(context, address);
    return skew === undefined ? findings : [...findings, skew];
  } catch (error) {
    const step = (error as Partial<ReachError>).step;
    if (step === undefined) throw error;
    const [found, cure] = STEPS[step];
    const { code, attempts, elsewhere } = error as ReachError;
    const tried = attempts.map(({ address, code }) => `${address} ${code}`).join(", ") || code;
    if (elsewhere === undefined) {
      return [{ verdict: "fail", what, found: `${shown}: ${found} (${tried})`, cure: cure.replaceAll("FLAG", flag) }];
    }
    const host = formatHost(elsewhere);
    return [{
      ...{ verdict: "fail", what, found: `${shown}: ${found} (${tried}), but at ${host} somebody does` },
      cure: `Write ${host} in place of ${hostname} in ${flag}, or let it listen at ${attempts[0]?.address}, too.`,
    }];
  }
}

/** `reached at 10.0.0.1, not at 10.0.0.2 (ECONNREFUSED)`. */
function attemptsTold(attempts: readonly Attempted[]): string {
  const reached = attempts.filter(({ code }) => code === undefined).map(({ address }) => address);
  const others = attempts.flatMap(({ address, code }) => code === undefined ? [] : [`${address} (${code})`]);
  return `reached at ${reached.join(", ")}${others.length === 0 ? "" : `, not at ${others.join(", ")}`}`;
}

/** What the runtime's `fetch` would do; servers are connected to without one. */
function isProxied({ env }: CommandContext, secure: boolean): boolean {
  const proxy = secure ? env["HTTPS_PROXY"] ?? env["https_proxy"] : undefined;
  return proxy !== undefined && proxy !== "";
}

function judgeCertificate(
  { what, flag }: Address,
  { subject, issuer, expiresAtMs, problem }: NonNullable<Reached["certificate"]>,
  nowMs: number,
): Finding {
  const days = Math.floor((expiresAtMs - nowMs) / DAY);
  const facts = `certificate of ${subject} by ${issuer}`;
  if (expiresAtMs <= nowMs) {
    return { verdict: "fail", what, found: `${facts}: it has expired`, cure: "Renew it on the server." };
  }
  if (problem !== undefined) {
    const cure = flag === "--upstream"
      ? "Name the authority that signed it with --upstream-ca, or correct the host name in --upstream."
      : "Add the authority that signed it to those of the system, or correct the host name.";
    return { verdict: "fail", what, found: `${facts}: it is not trusted (${problem})`, cure };
  }
  const left = `${days} day${days === 1 ? "" : "s"} left`;
  if (days < FEW_DAYS) {
    return { verdict: "warn", what, found: `${facts}: ${left}`, cure: "Renew it before it expires." };
  }
  return { verdict: "ok", what, found: `${facts}: trusted, ${left}` };
}

/** Tokens and sessions are judged by the clock: one that is wrong refuses everybody. */
async function clockOf(context: CommandContext, { what, url }: Address): Promise<Finding | undefined> {
  let date: number;
  try {
    const response = await timeBoxed(
      TIMEOUT_MS,
      (signal) => context.fetch(new URL("/", url).href, { method: "HEAD", redirect: "manual", signal }),
    );
    await response.body?.cancel();
    date = Date.parse(response.headers.get("date") ?? "");
  } catch {
    return undefined; // the handshake says what is wrong
  }
  if (Number.isNaN(date)) return undefined;
  // The field has whole seconds.
  const skewMs = Math.max(0, Math.abs(context.now() - date) - 1_000);
  const found = `its clock and this machine's differ by ${formatSpan(skewMs)}`;
  if (skewMs < SKEW_MS) return { verdict: "ok", what, found: "its clock and this machine's agree" };
  const verdict = skewMs < BAD_SKEW_MS ? "warn" : "fail";
  return { verdict, what, found, cure: "Set both by NTP: tokens are refused as expired or not yet valid." };
}
