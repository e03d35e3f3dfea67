// Published request smuggling over a real socket: however the bytes of a case are delivered — whole, one at a time, in
// two parts with the cut at every place — the handler sees the requests it must see, and no other.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Http1Server, serveHttp1 } from "../../lib/http1/server/server.ts";
import type { Exchange, HttpError } from "../../lib/http1/types.ts";
import { latin1, readResponse } from "../support/http1_messages.ts";
import {
  LAST,
  MAX_BODY_BYTES,
  type Outcome,
  outcomeWithLast,
  SMUGGLING_CASES,
  type SmugglingCase,
  statusOf,
} from "../support/smuggling_cases.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** A server that says what it understood, and the one address to reach it at. */
class Understanding {
  readonly server: Http1Server;
  seen: (string | number)[] = [];
  #port = 0;

  constructor() {
    this.server = serveHttp1({
      handler: (exchange) => this.#answer(exchange),
      renderError: (error) => this.#refuse(error),
    });
  }

  async listen(): Promise<void> {
    const listener = await this.server.listen({ hostname: "127.0.0.1", port: 0 });
    this.#port = listener.address.port;
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { method, target } = exchange.head;
    const body = await exchange.body.readAll(MAX_BODY_BYTES);
    this.seen.push(`${method} ${target} ${Buffer.from(body).toString("latin1")}`);
    await exchange.respond({ status: 200, fields: [] });
  }

  #refuse(error: HttpError) {
    const status = statusOf(error.code);
    this.seen.push(status);
    return { start: { status, fields: [] }, body: new Uint8Array(0) };
  }

  /** Sends `parts` on a connection of their own, each once the server has taken the one before. */
  async deliver(parts: readonly Uint8Array[]): Promise<{ seen: Outcome; statuses: number[] }> {
    this.seen = [];
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
    socket.setNoDelay(true);
    let ended = false;
    const answers = readToEnd(socket).finally(() => ended = true);
    let sent = this.server.stats.traffic.bytesIn;
    for (const part of parts) {
      if (ended) break;
      sent += part.length;
      try {
        await socket.write(part);
      } catch {
        break; // The server has refused and closed: what it answered is what counts.
      }
      if (part !== parts.at(-1)) {
        await until(() => ended || this.server.stats.traffic.bytesIn >= sent, "the server has read what was sent");
      }
    }
    const bytes = await answers;
    socket.close();
    await until(() => this.server.stats.connectionsOpen === 0, "the server has let go");
    return { seen: this.seen, statuses: statusesOf(bytes) };
  }
}

async function readToEnd(socket: Deno.Conn): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(4096);
  try {
    for (let n = await socket.read(buffer); n !== null; n = await socket.read(buffer)) pieces.push(buffer.slice(0, n));
  } catch {
    // A reset after the answer ends it, too.
  }
  return Buffer.concat(pieces);
}

/** The final statuses of all responses; interim ones do not count. */
function statusesOf(bytes: Uint8Array): number[] {
  const statuses: number[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const response = readResponse(rest, "GET");
    assert.ok(response, "the server sent half a response");
    if (response.head.status >= 200) statuses.push(response.head.status);
    rest = rest.subarray(response.consumed);
  }
  return statuses;
}

/** So many servers are asked at a time: nearly all of a delivery is waiting for the other side to have read. */
const SIDE_BY_SIDE = 24;

/** Delivers every case in every way that `cuts` names (places to cut `wire` at) and compares. */
async function check(cuts: (wire: string) => readonly number[][]): Promise<void> {
  const deliveries = SMUGGLING_CASES.flatMap((smuggling) =>
    cuts(smuggling.wire).map((places) => ({ smuggling, places }))
  ).values();
  const outcomes = await Promise.allSettled(Array.from({ length: SIDE_BY_SIDE }, async () => {
    const understanding = new Understanding();
    await understanding.listen();
    try {
      for (const { smuggling, places } of deliveries) await checkOne(understanding, smuggling, places);
    } finally {
      understanding.server.close();
    }
  }));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

async function checkOne(
  understanding: Understanding,
  smuggling: SmugglingCase,
  places: readonly number[],
) {
  const bytes = latin1(smuggling.wire + LAST);
  const parts = [...places, bytes.length].map((end, i) => bytes.subarray(places[i - 1] ?? 0, end));
  const expected = outcomeWithLast(smuggling);
  const { seen, statuses } = await understanding.deliver(parts);
  const place = smuggling.name + ", " + (places.length === 1 ? `cut at ${places[0]}` : `in ${parts.length} parts`);
  assert.deepEqual(seen, expected, place);
  assert.deepEqual(statuses, expected.map((it) => typeof it === "number" ? it : 200), place);
}

/** Every place in `wire`; of the few long ones, those near the ends, where the turns are. */
function everyPlace(wire: string): number[] {
  const places = Array.from({ length: wire.length - 1 }, (_, i) => i + 1);
  return places.filter((place) => place < 300 || place > wire.length - 50);
}

Deno.test("smuggling over the wire comes to the same when sent whole", STRICT, async () => {
  await check(() => [[]]);
});

Deno.test("smuggling over the wire comes to the same when sent byte by byte", STRICT, async () => {
  await check((wire) => [everyPlace(wire)]);
});

Deno.test("smuggling over the wire comes to the same when torn at any place", STRICT, async () => {
  await check((wire) => everyPlace(wire).map((place) => [place]));
});
