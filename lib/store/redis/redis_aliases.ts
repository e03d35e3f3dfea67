// Where sessions went that were opened again, and whose turn it is to open one (docs/behaviour.md L4, R1). What is kept is
// sealed by whoever sets it; each key dies with its session.
import type { AliasStore } from "../shared.ts";
import { digestOf, type RedisLink, Script, textOf } from "./redis_link.ts";

/** KEYS turn. ARGV holder. */
const GIVE_BACK = new Script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);

export class RedisAliases implements AliasStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async get(sid: string): Promise<string | undefined> {
    return textOf(await this.#link.command(this.#keyOf("alias", sid), "GET"));
  }

  async set(sid: string, text: string, ttlMs: number): Promise<void> {
    await this.#link.command(this.#keyOf("alias", sid), "SET", text, "PX", String(Math.max(1, Math.ceil(ttlMs))));
    await this.#link.command(this.#channel, "PUBLISH", text);
  }

  async remove(sid: string): Promise<void> {
    await this.#link.command(this.#keyOf("alias", sid), "DEL");
  }

  async takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean> {
    const key = this.#keyOf("turn", sid);
    return textOf(await this.#link.command(key, "SET", holder, "NX", "PX", String(Math.ceil(ttlMs)))) === "OK";
  }

  async giveTurnBack(sid: string, holder: string): Promise<void> {
    await this.#link.script(GIVE_BACK, [this.#keyOf("turn", sid)], [holder]);
  }

  watch(listener: (text: string) => void): void {
    this.#link.listen(this.#channel, listener, () => {});
  }

  get #channel(): string {
    return `${this.#link.prefix}:moved`;
  }

  #keyOf(what: "alias" | "turn", sid: string): string {
    return `${this.#link.prefix}:${what}:${digestOf(sid)}`;
  }
}
