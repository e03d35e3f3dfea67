// Several members as the peers of one session (docs/behaviour.md A1, A4–A6): greeted together, gone on with after a restart
// under the names they had, listened to as one, and ended each for itself.
import { SignetError } from "../../errors.ts";
import { decodeSeveralId, encodeSeveralId, type SealedMember } from "../../envelope/several_id.ts";
import type { Carrier, Message, Parting, Peer, PeerEvents, PeerSource, Resumed, Stopping } from "../../bridge/peer.ts";
import type { Opening } from "../../bridge/request.ts";
import { isJsonObject, type JsonObject, type RpcId } from "../../mcp/json_rpc.ts";
import { findMember, replaceSpan, stringAt } from "../../mcp/json_text.ts";
import type { Logger } from "../../observe/log.ts";
import type { Timers } from "../../platform/timers.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { open, seal } from "../../envelope/seal.ts";
import { TYPICAL_ID_LENGTH } from "../../envelope/session_id.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import { AskingPeer } from "./asking_peer.ts";
import { MemberFault, reasonOf } from "./breaker.ts";
import { Catalog } from "./catalog.ts";
import { Cursors } from "./cursors.ts";
import { discoveryOf, greetingOf, mergedCapabilities, type Missing } from "./greeting.ts";
import type { Member } from "./member.ts";
import { MemberLife, NotStatelessMember } from "./member_life.ts";
import { asker } from "./own_asks.ts";
import { type OutwardOf, outwardOfTask, outwardUpdate } from "./outward.ts";
import { QuestionTokens } from "./question_tokens.ts";
import { META_SUBSCRIPTION_ID } from "../../mcp/between_eras.ts";
import { metaOf } from "../../mcp/modern.ts";
import { RouterPeer, type StatelessClients } from "./router_peer.ts";
import { Subscriptions } from "./subscriptions.ts";
import { jsonBytes, memberAt } from "./splices.ts";
import { TaskIds } from "./task_ids.ts";
import { labelOf } from "./uris.ts";

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

/** From whom something was heard. */
interface Heard {
  readonly peer: Peer;
  /** The id there of the request it belongs to. */
  readonly about: number | undefined;
  readonly asking: AskingPeer;
}

/** Changes of lists that come close together are told once, in ms. */
const DEBOUNCE_MS = 200;
const OPEN_ARRAY = 0x5b;
/** A session that nobody has used for so long tries nobody by itself, in ms. */
const REST_MS = 30_000;
/** Questions of all members that wait for the client: each has its share, and one at least some. */
const MAX_QUESTIONS = 96, LEAST_QUESTIONS = 4;
/** Of what an event id says of the members' streams, in characters: it comes back in a field. */
const MAX_PLACE = 2048;
const REFUSED_REMEDY =
  "See whether the server's address is right: this session goes on without it, new ones ask it again.";

export class Router implements PeerSource {
  readonly #parts: RouterParts;
  readonly #options: RouterOptions;
  readonly #facts: Readonly<Record<string, string>>;
  #lives: readonly MemberLife[] = [];
  #peer: RouterPeer | undefined;
  #catalog: Catalog | undefined;
  #taskIds: TaskIds | undefined;
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
  #cancelRetry: (() => void) | undefined;
  /** Whether members that are out wait for the session to be used again. */
  #rests = false;
  #place: { readonly text: string; readonly sealed: string } | undefined;
  readonly #changed = new Set<string>();
  #cancelTelling: (() => void) | undefined;
  #stopped = false;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#parts = options.parts;
    this.#separator = options.parts.separator;
    const { session, fields } = options.opening;
    this.#facts = session === undefined ? {} : { session };
    this.#carrier = { fields: [...fields] };
  }

  peerFor(): Peer {
    if (this.#peer === undefined) {
      throw new SignetError("internal", { facts: { attempted: "ask members before a greeting" } });
    }
    this.#wake();
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

  /** Where each member's stream stands, sealed: events of one are nobody's to read or to make up (A5). */
  get place(): string | undefined {
    const places = fitting(
      this.#lives.flatMap(({ name, place }) => place === undefined ? [] : [[name, place] as const]),
    );
    if (places.length === 0) return undefined;
    const text = JSON.stringify([this.#run, ...places]);
    if (this.#place?.text !== text) {
      this.#place = { text, sealed: seal(this.#parts.ring().active, "event", new TextEncoder().encode(text)) };
    }
    return this.#place.sealed;
  }

  #placesIn(sealed: string | undefined): ReadonlyMap<string, string> {
    const opened = sealed === undefined ? undefined : open(this.#parts.ring(), "event", sealed);
    if (!opened?.ok || opened.plaintext[0] !== OPEN_ARRAY) return new Map();
    const [run, ...places] = JSON.parse(new TextDecoder().decode(opened.plaintext)) as [string, ...[string, string][]];
    return run === this.#run ? new Map(places) : new Map();
  }

  /** @throws SignetError `upstream_unreachable` if a required member is not there, or none is */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    const id = findMember(text, "id")!;
    this.#isStateless = stringAt(text, findMember(text, "method")) !== "initialize";
    this.#begin(this.#parts.members.map((member) => ({ member, name: member.prefixName })), this.#parts.newRun());
    const handshake = replaceSpan(text, id, jsonBytes(0));
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
    this.#retryLater();
    const value = { jsonrpc: "2.0", id: 0, result: this.#greeting };
    return { line: jsonBytes(value), value };
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
    this.#greeting = { protocolVersion: resumed.protocolVersion, capabilities: mergedCapabilities([], true) };
    return true;
  }

  confirm(): void {
    for (const life of this.#lives) life.confirm();
  }

  listen(carrier: Carrier, place?: string): void {
    this.#wake();
    this.#carrier = { fields: [...carrier.fields] };
    const places = this.#placesIn(place);
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
    this.#stopped = true;
    this.#catalog?.clear(true);
    this.#subscriptions?.closeAll();
    this.#cancelRetry?.();
    this.#cancelTelling?.();
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
        events: this.#eventsOf(() => life),
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
    const taskIds = this.#taskIds = new TaskIds({ ring, owner: opening.caller.owner, lives });
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
    this.#peer = new RouterPeer({
      ...{ lives, ask, taskIds },
      catalog: this.#catalog,
      // Who has no session goes on with a list wherever it is answered: it is his owner's.
      cursors: new Cursors(ring, this.#isStateless ? `owner ${opening.caller.owner}` : run),
      tokens: this.#tokens,
      ...(this.#isStateless ? { stateless: this.#statelessClients(this.#catalog, taskIds) } : {}),
    });
  }

  #statelessClients(catalog: Catalog, taskIds: TaskIds): StatelessClients {
    const { timers, account } = this.#parts;
    const { principalKey } = this.#options.opening.caller;
    const { events } = this.#options;
    const tell = (value: JsonObject) =>
      this.#peer === undefined ? undefined : events.onMessage({ value, line: jsonBytes(value) }, this.#peer);
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

  /** Members that are out are tried again by themselves, as their breakers allow. */
  #retryLater(): void {
    const out = this.#lives.filter(({ isUp, isRefused }) => !isUp && !isRefused);
    if (out.length === 0 || this.#stopped) return;
    const { timers } = this.#parts;
    const pauseMs = Math.min(...out.map(({ pauseMs }) => pauseMs));
    this.#cancelRetry = timers.after(Math.max(pauseMs, 100), () => {
      const sinceMs = this.#options.events.unusedSinceMs();
      this.#rests = sinceMs !== undefined && timers.now() - sinceMs >= REST_MS;
      if (this.#rests) return;
      void Promise.all(out.map((life) => life.connect(this.#carrier))).finally(() => this.#retryLater());
    });
  }

  /** The session is used again. */
  #wake(): void {
    if (!this.#rests) return;
    this.#rests = false;
    this.#retryLater();
  }

  #eventsOf(life: () => MemberLife): PeerEvents {
    const { events } = this.#options;
    // One for each peer, as it is known by to whoever keeps its questions.
    const asking = new WeakMap<Peer, AskingPeer>();
    const asked = (peer: Peer) => {
      const known = asking.get(peer) ?? new AskingPeer(peer, life());
      asking.set(peer, known);
      return known;
    };
    return {
      onMessage: (message, peer, about) => this.#hear(life(), message, { peer, about, asking: asked(peer) }),
      onLost: (peer) => {
        asking.get(peer)?.withdrawAll();
        events.onLost(asked(peer));
        asking.delete(peer);
      },
      onReplaced: () => {
        this.#catalog?.forget(life());
        this.#changeAll();
      },
      retell: () => this.#retellTo(life()),
      onDoomed: () => life().lose(),
      unusedSinceMs: events.unusedSinceMs,
    };
  }

  #hear(
    life: MemberLife,
    message: Message,
    from: Heard,
  ) {
    const { events } = this.#options;
    const { method, id, params } = message.value;
    const { peer } = from;
    const about = this.#peer?.idOf(peer, from.about);
    if (id !== undefined) {
      if (method !== "ping") return this.#question(life, message, from);
      // A sign of life is the connection's business, and ends here.
      const fields = life.member.carry(this.#carrier.fields);
      peer.send(jsonBytes({ jsonrpc: "2.0", id, result: {} }), { fields });
      return undefined;
    }
    if (this.#subscriptions !== undefined && isOfSubscription(message)) {
      return this.#hearSubscribed(life, message, peer);
    }
    switch (method) {
      case "notifications/progress":
        // Of a call of another member's it says nothing (A6).
        if (!isJsonObject(params) || !this.#peer?.runs(life, params.progressToken)) return undefined;
        return events.onMessage(message, peer, about);
      case "notifications/tools/list_changed":
      case "notifications/prompts/list_changed":
      case "notifications/resources/list_changed":
        this.#catalog?.forget(life);
        this.#change(method);
        return undefined;
      case "notifications/resources/updated": {
        const uri = isJsonObject(params) ? params.uri : undefined;
        if (typeof uri !== "string" || !life.member.visible.resources.shows(uri)) return undefined;
        return events.onMessage({ ...message, line: outwardUpdate(message.line, labelOf(life.name)) }, peer, about);
      }
      case "notifications/cancelled":
        from.asking.withdraw(isJsonObject(params) ? params.requestId : undefined);
        return events.onMessage(message, from.asking, about);
      case "notifications/tasks/status":
        return events.onMessage({ ...message, line: outwardOfTask(message.line, this.#outwardOf(life)) }, peer, about);
      default:
        return events.onMessage(message, peer, about);
    }
  }

  #hearSubscribed(life: MemberLife, message: Message, peer: Peer): Promise<void> | undefined {
    const { method, params } = message.value;
    const of = this.#outwardOf(life);
    if (String(method).endsWith("/list_changed")) this.#catalog?.forget(life);
    if (method !== "notifications/resources/updated") {
      return this.#subscriptions?.hear(life, peer, { ...message, line: outwardOfTask(message.line, of) });
    }
    const uri = isJsonObject(params) ? params.uri : undefined;
    if (typeof uri !== "string" || !life.member.visible.resources.shows(uri)) return undefined;
    return this.#subscriptions?.hear(life, peer, { ...message, line: outwardUpdate(message.line, of.label) });
  }

  #question(life: MemberLife, message: Message, { asking, ...from }: Heard): Promise<void> | undefined {
    const about = this.#peer?.idOf(from.peer, from.about);
    const id = message.value.id as RpcId;
    const most = Math.max(LEAST_QUESTIONS, Math.floor(MAX_QUESTIONS / this.#lives.length));
    if (!asking.take(id, most)) return void asking.refuseFurther(id);
    const { line, end } = this.#tokens.give(outwardOfTask(message.line, this.#outwardOf(life)), asking);
    asking.onceDone(id, end);
    return this.#options.events.onMessage({ ...message, line }, asking, about);
  }

  #outwardOf(life: MemberLife): OutwardOf {
    return { label: labelOf(life.name), taskId: (inward) => this.#taskIds?.outward({ life, inward }) };
  }

  #changeAll(): void {
    for (const list of ["tools", "prompts", "resources"]) {
      if (isJsonObject(this.capabilities[list])) this.#change(`notifications/${list}/list_changed`);
    }
  }

  #change(method: string): void {
    this.#changed.add(method);
    if (this.#stopped) return;
    this.#cancelTelling ??= this.#parts.timers.after(DEBOUNCE_MS, () => {
      this.#cancelTelling = undefined;
      const { events } = this.#options;
      for (const method of this.#changed) {
        const value = { jsonrpc: "2.0", method };
        if (this.#peer !== undefined) void events.onMessage({ line: jsonBytes(value), value }, this.#peer);
      }
      this.#changed.clear();
    });
  }

  /** What outlives a member, as far as it is that member's. */
  *#retellTo(life: MemberLife): Iterable<Uint8Array> {
    for (const text of this.#options.events.retell()) {
      const span = memberAt(text, "uri", findMember(text, "params"));
      const uri = stringAt(text, span);
      if (uri === undefined) {
        yield text;
        continue;
      }
      const found = this.#catalog?.resourceOf(uri);
      if (found?.life === life) yield replaceSpan(text, span!, jsonBytes(found.inward));
    }
  }
}

/** Of places as many as there is room for, the shortest first: nobody's long ids are at others' expense (A6). */
function fitting(places: readonly (readonly [name: string, place: string])[]) {
  const lengthOf = (entry: readonly [string, string]) => JSON.stringify(entry).length + 1;
  let left = MAX_PLACE;
  const kept = new Set(
    [...places].sort((a, b) => lengthOf(a) - lengthOf(b)).filter((entry) => {
      left -= lengthOf(entry);
      return left >= 0;
    }),
  );
  return places.filter((entry) => kept.has(entry));
}

function isOfSubscription({ value: { params } }: Message): boolean {
  return isJsonObject(params) && metaOf(params)?.[META_SUBSCRIPTION_ID] !== undefined;
}

function failure(message: string): Message {
  const value = { jsonrpc: "2.0", id: 0, error: { code: -32601, message } };
  return { line: jsonBytes(value), value };
}
