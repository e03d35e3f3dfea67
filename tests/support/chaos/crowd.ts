// Unmodified SDK clients with sessions of their own that never initialize again, and what they saw. A call is told by a key
// of its own, so that an answer which is another's, or a call that ran twice, shows.
import { connectClient, type Connected } from "../mcp_client.ts";
import type { ClientKind } from "../mcp_client_contract.ts";

/** What a crowd has seen. All but the numbers and the deeds should be empty. */
export interface Tally {
  calls: number;
  /** Times at which a thief was heard. */
  thefts: number;
  /** Calls that failed and were under way when something was killed. */
  excused: number;
  /** Calls that failed otherwise. */
  readonly failed: string[];
  /** Answers that were another call's, or state that was another session's. */
  readonly foreign: string[];
  /** Sessions that could not go on in the end. */
  readonly lost: string[];
  /** Calls that ran more than once. */
  readonly doubled: string[];
  /** Times at which a thief got in. */
  readonly leaks: string[];
  /** What was done to them, in order. */
  readonly deeds: string[];
}

export function newTally(): Tally {
  return { calls: 0, thefts: 0, excused: 0, failed: [], foreign: [], lost: [], doubled: [], leaks: [], deeds: [] };
}

interface Deed {
  readonly at: number;
  until: number;
}

/** When something was being killed: what was under way then may fail. */
export class Deeds {
  readonly #all: Deed[] = [];

  async during<T>(deed: () => Promise<T>): Promise<T> {
    const entry = { at: performance.now(), until: Infinity };
    this.#all.push(entry);
    try {
      return await deed();
    } finally {
      entry.until = performance.now();
    }
  }

  /** Whether a call that lasted from `begun` to `ended` was under way at one. */
  excuse(begun: number, ended: number): boolean {
    return this.#all.some(({ at, until }) => begun <= until && ended >= at);
  }
}

/** Longest time between two rounds of those that take their time, in ms. */
const LEISURE_MS = 2000;

class Member {
  readonly token: string;
  readonly #connected: Connected;
  readonly #tally: Tally;
  readonly #deeds: Deeds;
  readonly #name: string;
  #calls = 0;

  constructor(
    connected: Connected,
    { name, token, tally, deeds }: { name: string; token: string; tally: Tally; deeds: Deeds },
  ) {
    this.#connected = connected;
    this.token = token;
    this.#name = name;
    this.#tally = tally;
    this.#deeds = deeds;
  }

  get id(): string | undefined {
    return this.#connected.client.sessionId;
  }

  /** One round: a call that is counted where it runs, and a look at what the session knows. */
  async round(): Promise<void> {
    const key = `${this.#name}-${this.#calls++}`;
    await this.#try(key, async (client) => {
      await client.call("count", { key });
      return undefined;
    });
    await this.#try(`${key}-echo`, async (client) => {
      const heard = await client.call("echo", { text: key });
      return heard === key ? undefined : `asked for ${key}, got ${heard}`;
    });
    await this.#try(`${key}-note`, async (client) => {
      const note = await client.readResource("fixture://notes/mine");
      if (note === this.#name) return undefined;
      // The session was opened again: what its server knew is gone with the server.
      if (note === "") return void await client.call("note", { id: "mine", text: this.#name });
      return `${this.#name} found the note of ${note}`;
    });
  }

  /** Is known at that replica from now on, if it answers. */
  async meet(url: string): Promise<void> {
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const named = { authorization: `Bearer ${this.token}`, "mcp-session-id": this.id ?? "" };
    const body = JSON.stringify({ jsonrpc: "2.0", id: `meet-${crypto.randomUUID()}`, method: "ping" });
    const response = await fetch(url, { method: "POST", headers: { ...headers, ...named }, body });
    await response.body?.cancel();
  }

  /** Whether the session goes on, whatever happened. */
  async goesOn(): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        const text = `${this.#name}-end-${attempt}`;
        if (await this.#connected.client.call("echo", { text }) === text) return;
      } catch (error) {
        if (attempt === 2) this.#tally.lost.push(`${this.#name}: ${(error as Error).message}`);
      }
    }
  }

  async close(): Promise<void> {
    await this.#connected.client.close().catch(() => {});
  }

  async #try(what: string, ask: (client: Connected["client"]) => Promise<string | undefined>): Promise<void> {
    const begun = performance.now();
    this.#tally.calls++;
    try {
      const foreign = await ask(this.#connected.client);
      if (foreign !== undefined) this.#tally.foreign.push(foreign);
    } catch (error) {
      const ended = performance.now();
      if (this.#deeds.excuse(begun, ended)) this.#tally.excused++;
      else {
        const seconds = ((ended - begun) / 1000).toFixed(1);
        this.#tally.failed.push(`${what}, after ${seconds} s: ${(error as Error).message.slice(0, 300)}`);
      }
    }
  }
}

export interface CrowdOptions {
  readonly url: string;
  readonly sessions: number;
  readonly tally: Tally;
  readonly deeds: Deeds;
}

export class Crowd implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly #tally: Tally;

  private constructor(members: readonly Member[], tally: Tally) {
    this.members = members;
    this.#tally = tally;
  }

  static async gather({ url, sessions, tally, deeds }: CrowdOptions): Promise<Crowd> {
    const run = crypto.randomUUID().slice(0, 8);
    const members: Member[] = [];
    for (let at = 0; at < sessions; at += 10) {
      members.push(
        ...await Promise.all(Array.from({ length: Math.min(10, sessions - at) }, async (_, i) => {
          const name = `${run}-${at + i}`;
          const token = `token-of-${name}`;
          const kind: ClientKind = i % 2 === 0 ? "v1" : "v2";
          const connected = await connectClient(kind, url, { headers: { authorization: `Bearer ${token}` } });
          await connected.client.call("note", { id: "mine", text: name });
          return new Member(connected, { name, token, tally, deeds });
        })),
      );
    }
    return new Crowd(members, tally);
  }

  /** All at once, each one call after the other. */
  async rounds(count: number): Promise<void> {
    await Promise.all(this.members.map(async (member) => {
      for (let round = 0; round < count; round++) await member.round();
    }));
  }

  /** The same until `isOver` says so; every third takes its time, so that a call begins at every moment. */
  async roundsUntil(isOver: () => boolean): Promise<void> {
    await Promise.all(this.members.map(async (member, index) => {
      while (!isOver()) {
        await member.round();
        if (index % 3 === 2) await pause(Math.random() * LEISURE_MS);
      }
    }));
  }

  /** Each of these replicas has seen each session, and may know it without asking the store. */
  async meet(urls: readonly string[]): Promise<void> {
    await Promise.all(urls.map(async (url) => {
      for (const member of this.members) await member.meet(url);
    }));
  }

  /** Others present the ids of these sessions at every replica, with credentials of their own and with none. */
  async rob(urls: readonly string[], isOver: () => boolean): Promise<void> {
    for (let turn = 0; !isOver(); turn++) {
      const { id } = this.members[turn % this.members.length]!;
      const url = urls[turn % urls.length]!;
      const credential = turn % 3 === 0 ? {} : { authorization: `Bearer thief-${turn % 7}` };
      const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
      const body = JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "resources/read",
        params: { uri: "fixture://notes/mine" },
      });
      try {
        const init = { method: "POST", headers: { ...headers, ...credential, "mcp-session-id": id ?? "" }, body };
        const response = await fetch(url, init);
        const text = await response.text();
        this.#tally.thefts++;
        if (response.ok || text.includes("contents")) {
          this.#tally.leaks.push(`${response.status} ${text.slice(0, 100)}`);
        }
      } catch {
        // That replica is not there at this moment.
      }
      await pause(20);
    }
  }

  async check(executions: readonly string[]): Promise<void> {
    const seen = new Set<string>();
    for (const key of executions) {
      if (seen.has(key)) this.#tally.doubled.push(key);
      seen.add(key);
    }
    await Promise.all(this.members.map((member) => member.goesOn()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
