// What an MCP server sends that is for nobody: discarded, and the first of it logged for each peer.
import type { LogFacts, Logger } from "../observe/log.ts";

/** So much of one peer is logged; a server that writes junk without end fills no log. */
const MAX_LOGGED = 5;

export class Discarded {
  readonly #log: Logger;
  readonly #remedy: string;
  #count = 0;

  /** @param remedy for whoever wrote the server, a sentence */
  constructor(log: Logger, remedy = "See what the MCP server sends: it was not passed on.") {
    this.#log = log;
    this.#remedy = remedy;
  }

  /** @param found what it was, in a few words of our own */
  add(found: string, facts: LogFacts): undefined {
    if (this.#count >= MAX_LOGGED) return;
    this.#count++;
    this.#log.warn("MCP server's output discarded", { ...facts, found, remedy: this.#remedy });
  }
}
