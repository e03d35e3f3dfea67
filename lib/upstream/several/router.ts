// Several members as the peers of one session (docs/behaviour.md A1, A4–A6): greeted together, gone on with after a restart
// under the names they had, listened to as one, and ended each for itself.
import type { Carrier, Message, Peer } from "../../bridge/peer/peer.ts";
import type { Parting, PeerEvents, PeerSource, Resumed, Stopping } from "../../bridge/peer/peer_source.ts";
import type { Opening } from "../../bridge/request.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { TYPICAL_ID_LENGTH } from "../../envelope/session_id.ts";
import { decodeSeveralId, encodeSeveralId, type SealedMember } from "../../envelope/several_id.ts";
import { SignetError } from "../../errors.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember, stringAt } from "../../mcp/json/json_text.ts";
import { METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import type { Logger } from "../../observe/log.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { discoveryOf, greetingOf, mergedCapabilities, type Missing } from "./greeting.ts";
import { QuestionTokens } from "./heard/question_tokens.ts";
import { StreamPlaces } from "./heard/stream_places.ts";
import { Subscriptions } from "./heard/subscriptions.ts";
import { Catalog } from "./lists/catalog.ts";
import { Cursors } from "./lists/cursors.ts";
import { MemberFault, reasonOf } from "./members/breaker.ts";
import type { Member } from "./members/member.ts";
import { NotStatelessMember } from "./members/member_greeting.ts";
import { MemberLife } from "./members/member_life.ts";
import { MemberRetries } from "./members/member_retries.ts";
import { asker } from "./members/own_asks.ts";
import { MembersVoice } from "./members_voice.ts";
import { TaskIds } from "./names/task_ids.ts";
import type { StatelessClients } from "./own_answers.ts";
import { RouterPeer } from "./router_peer.ts";

export interface RouterParts {
  /** In the order of the lists. */
  readonly members: readonly Member[];
  readonly separator: string;
  /** Of the session's id here, in characters, so that it can be sealed. */
  readonly maxStateLength: number;
  readonly ring: () => KeyRing;
  readonly timers: Timers;
  readonly account: ByteAccount;
  /** Random letters and digits. */
  readonly newRun: () => string;
  readonly log: Logger;
}

export interface RouterOptions {
  readonly parts: RouterParts;
  readonly opening: Opening;
  readonly events: PeerEvents;
}

const REFUSED_REMEDY =
  "See whether the server's address is right: this session goes on without it, new ones ask it again.";

export class Router implements PeerSource {
  readonly #parts: RouterParts;
  readonly #options: RouterOptions;
  readonly #facts: Readonly<Record<string, string>>;
  #lives: readonly MemberLife[] = [];
  #peer: RouterPeer | undefined;
  #catalog: Catalog | undefined;
  readonly #tokens = new QuestionTokens();
  #subscriptions: Subscriptions | undefined;
  #run = "";
  #separator: string;
  /** Members whose own ids find no room in the session's: only this process knows them. */
  readonly #unsealed = new Set<MemberLife>();
  #greeting: JsonObject = {};
  /** Whether its client has no session, and neither have its members. */
  #isStateless = false;
  #protocolVersion = "";
  /** Of the last request: for what none is at hand for. */
  #carrier: Carrier;
  readonly #places: StreamPlaces;
  readonly #retries: MemberRetries;
  readonly #voice: MembersVoice;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#parts = options.parts;
    this.#separator = options.parts.separator;
    const { session, fields } = options.opening;
    this.#facts = session === undefined ? {} : { session };
    this.#carrier = { fields: [...fields] };
    const { timers, ring } = options.parts;
    const carrier = () => this.#carrier;
    this.#places = new StreamPlaces(ring);
    this.#retries = new MemberRetries({
      ...{ timers, carrier, unusedSinceMs: options.events.unusedSinceMs },
      lives: () => this.#lives,
    });
    this.#voice = new MembersVoice({
      ...{ timers, carrier, events: options.events, tokens: this.#tokens },
      capabilities: () => this.capabilities,
    });
  }

  peerFor(): Peer {
    if (this.#peer === undefined) {
      throw new SignetError("internal", { facts: { attempted: "ask members before a greeting" } });
    }
    this.#retries.wake();
    return this.#peer;
  }

  get protocolVersion(): string {
    return this.#protocolVersion;
  }

  get handshake(): JsonObject {
    return this.#greeting;
  }

  get capabilities(): JsonObject {
    const { capabilities } = this.#greeting;
    return isJsonObject(capabilities) ? capabilities : {};
  }

  get isShared(): boolean {
    return this.#lives.some(({ isShared }) => isShared);
  }

  /** @throws TypeError if a member's own id cannot stand in it */
  get state(): string | undefined {
    if (this.#run === "") return undefined;
    const members = this.#lives.map((life): SealedMember => {
      const { name, member: { url } } = life;
      return { name, url, state: this.#unsealed.has(life) ? undefined : life.state };
    });
    return encodeSeveralId({ run: this.#run, separator: this.#separator, members });
  }

  /** Where each member's stream stands. */
  get place(): string | undefined {
    return this.#places.of(this.#run, this.#lives);
  }

  /** @throws SignetError `upstream_unreachable` if a required member is not there, or none is */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    const id = findMember(text, "id")!;
    this.#isStateless = stringAt(text, findMember(text, "method")) !== "initialize";
    this.#begin(this.#parts.members.map((member) => ({ member, name: member.prefixName })), this.#parts.newRun());
    const handshake = replaceSpan(text, id, encodeJson(0));
    const tried = await Promise.all(this.#lives.map(async (life) => {
      try {
        await life.greet(handshake, carrier);
        return undefined;
      } catch (error) {
        return { life, error };
      }
    }));
    const missing = tried.filter((failed) => failed !== undefined);
    // One with sessions among them: whoever asks gets sessions of its own with all (docs/behaviour.md S2).
    if (missing.some(({ error }) => error instanceof NotStatelessMember)) {
      await this.stop("leave", carrier).told;
      return failure("Method not found");
    }
    this.#reportMissing(missing);
    await this.#requireEnough(missing, carrier);
    this.#greeting = this.#isStateless ? this.#discovery(missing) : greetingOf(this.#present, missing);
    this.#protocolVersion = String(this.#greeting.protocolVersion ?? "");
    this.#retries.begin();
    const value = { jsonrpc: "2.0", id: 0, result: this.#greeting };
    return { line: encodeJson(value), value };
  }

  get #present(): readonly MemberLife[] {
    return this.#lives.filter(({ isUp }) => isUp);
  }

  #discovery(missing: readonly Missing[]): JsonObject {
    return discoveryOf(this.#present, missing);
  }

  /** As it is now: members come and go. */
  #discoveryNow(): JsonObject {
    const out = this.#lives.filter(({ isUp }) => !isUp);
    return this.#discovery(
      out.map((life) => ({ life, error: new MemberFault(life.breaker.reason ?? "is not there") })),
    );
  }

  /** One that gives a long id is greeted anew after a restart: it keeps no session from being opened (A6). */
  seal(): string | undefined {
    const longest = this.#lives.filter(({ state = "" }) => state.length > TYPICAL_ID_LENGTH)
      .sort((a, b) => b.state!.length - a.state!.length);
    for (const life of longest) {
      if (this.state!.length <= this.#parts.maxStateLength) break;
      this.#unsealed.add(life);
      const about = { ...this.#facts, member: life.name, length: life.state!.length };
      this.#parts.log.warn("an MCP server's session id is too long to be sealed: a restart will forget it", about);
    }
    for (const life of this.#lives) if (!this.#unsealed.has(life)) life.seal();
    return this.state;
  }

  attach(resumed: Resumed): boolean {
    const id = resumed.state === undefined ? undefined : decodeSeveralId(resumed.state);
    if (id === undefined) return false;
    const known = id.members.flatMap((sealed) => {
      const member = this.#memberOf(sealed);
      return member === undefined ? [] : [{ member, name: sealed.name, state: sealed.state }];
    });
    if (known.length === 0) return false;
    if (known.length < id.members.length) {
      this.#parts.log.warn("a session goes on without MCP servers that are not configured any more", {
        ...this.#facts,
        members: id.members.length - known.length,
      });
    }
    this.#separator = id.separator;
    this.#begin(known, id.run);
    this.#protocolVersion = resumed.protocolVersion;
    for (const [at, life] of this.#lives.entries()) life.attach({ ...resumed, state: known[at]!.state });
    this.#greeting = {
      protocolVersion: resumed.protocolVersion,
      capabilities: mergedCapabilities([], { isIncomplete: true }),
    };
    return true;
  }

  confirm(): void {
    for (const life of this.#lives) life.confirm();
  }

  listen(carrier: Carrier, place?: string): void {
    this.#retries.wake();
    this.#carrier = { fields: [...carrier.fields] };
    const places = this.#places.in(this.#run, place);
    for (const life of this.#lives) life.listen(carrier, places.get(life.name));
  }

  stop(how: Parting, carrier: Carrier): Stopping {
    this.#cease();
    const all = this.#lives.map((life) => life.stop(how, carrier));
    return {
      told: Promise.all(all.map(({ told }) => told)).then((failures) => failures.flat()),
      gone: Promise.all(all.map(({ gone }) => gone)),
    };
  }

  #cease(): void {
    this.#catalog?.close();
    this.#subscriptions?.closeAll();
    this.#retries.stop();
    this.#voice.stop();
  }

  /** The member that a sealed one is: at the very address it was sealed for, whatever it is called today (M4). */
  #memberOf({ name, url }: SealedMember): Member | undefined {
    const there = this.#parts.members.filter((member) => member.url === url);
    return there.find(({ prefixName }) => prefixName === name) ?? (there.length === 1 ? there[0] : undefined);
  }

  #begin(named: readonly { readonly member: Member; readonly name: string }[], run: string): void {
    const { timers, log, ring, account } = this.#parts;
    const { opening } = this.#options;
    this.#run = run;
    this.#lives = named.map(({ member, name }): MemberLife => {
      const life: MemberLife = new MemberLife({
        member,
        name,
        opening,
        timers,
        events: this.#voice.eventsOf(() => life),
        onOutgrown: (fields) => this.#options.events.onRefused?.(fields),
        onRefused: (error) =>
          log.warn("an MCP server refused to open a session, and is left out of this one", {
            ...this.#facts,
            member: name,
            cause: reasonOf(error),
            remedy: REFUSED_REMEDY,
          }),
      });
      return life;
    });
    const lives = this.#lives;
    const ask = asker(timers);
    const taskIds = new TaskIds({ ring, owner: opening.caller.owner, lives });
    this.#catalog = new Catalog({
      lives,
      ask,
      separator: this.#separator,
      taskIds,
      timers,
      account: account.shareOf(opening.caller.principalKey),
      log,
      facts: this.#facts,
    });
    const peer = this.#peer = new RouterPeer({
      ...{ lives, ask, taskIds },
      catalog: this.#catalog,
      // Who has no session goes on with a list wherever it is answered: it is his owner's.
      cursors: new Cursors(ring, this.#isStateless ? `owner ${opening.caller.owner}` : run),
      tokens: this.#tokens,
      ...(this.#isStateless ? { stateless: this.#statelessClients(this.#catalog, taskIds) } : {}),
    });
    this.#voice.begin({ lives, peer, catalog: this.#catalog, taskIds, subscriptions: this.#subscriptions });
  }

  #statelessClients(catalog: Catalog, taskIds: TaskIds): StatelessClients {
    const { timers, account } = this.#parts;
    const { principalKey } = this.#options.opening.caller;
    const { events } = this.#options;
    const tell = (message: Message) => this.#peer === undefined ? undefined : events.onMessage(message, this.#peer);
    this.#subscriptions = new Subscriptions({
      ...{ lives: this.#lives, catalog, taskIds, timers, tell },
      account: account.shareOf(principalKey),
    });
    return { discovery: () => this.#discoveryNow(), subscriptions: this.#subscriptions };
  }

  #reportMissing(missing: readonly Missing[]): void {
    for (const { life, error } of missing) {
      life.member.counts.missed++;
      this.#parts.log.warn("a new session got no answer to initialize from an MCP server", {
        ...this.#facts,
        member: life.name,
        required: life.member.required,
        cause: reasonOf(error),
        ...(life.isRefused ? { remedy: REFUSED_REMEDY } : {}),
      });
    }
  }

  async #requireEnough(missing: readonly Missing[], carrier: Carrier): Promise<void> {
    const required = missing.find(({ life }) => life.member.required);
    if (required === undefined && missing.length < this.#lives.length) return;
    await this.stop("leave", carrier).gone;
    const lacking = required === undefined
      ? "none of the MCP servers can be reached"
      : `the MCP server ${required.life.name}, which is required, cannot be reached`;
    throw new SignetError("upstream_unreachable", {
      publicMessage: `Bad gateway: ${lacking}`,
      retryAfterS: 1,
      facts: { missing: missing.map(({ life, error }) => `${life.name}: ${reasonOf(error)}`).join("; ") },
      remedy: "See why in the lines above, or make the server optional: NAME=URL in place of NAME!=URL.",
      ...(required === undefined ? {} : { cause: required.error }),
    });
  }
}

function failure(message: string): Message {
  const value = { jsonrpc: "2.0", id: 0, error: { code: METHOD_NOT_FOUND, message } };
  return { line: encodeJson(value), value };
}
