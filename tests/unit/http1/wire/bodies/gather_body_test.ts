// Bodies read whole: all of them, however they come by their bytes, keep to the bound that `BodyReader.readAll` is given.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { Outbox } from "../../../../../lib/bridge/answers/outbox.ts";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { type BodyReader, type ClientResponse, HttpError } from "../../../../../lib/http1/types.ts";
import { BytesBody } from "../../../../../lib/http1/wire/bodies/bytes_body.ts";
import { BorrowedBytes } from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { SYSTEM_TIMERS } from "../../../../../lib/platform/time/timers.ts";
import { decoded } from "../../../../../lib/upstream/http/decoded.ts";
import { ResumedBody } from "../../../../../lib/upstream/http/resumed_body.ts";
import { STRICT } from "../../../../support/strict.ts";

const HELLO = new TextEncoder().encode("hello");

const BODIES: Readonly<Record<string, () => BodyReader>> = {
  "in memory": () => new BytesBody(HELLO),
  "lent": () => new BytesBody(new BorrowedBytes(HELLO.slice())),
  "all of it read ahead": () => new ResumedBody(new BytesBody(new Uint8Array(0)), { prefix: HELLO }),
  "some of it read ahead": () => new ResumedBody(new BytesBody(HELLO.slice(2)), { prefix: HELLO.slice(0, 2) }),
  "without its coding": () => {
    const body = new BytesBody(gzipSync(HELLO));
    const head = { status: 200, reason: "OK", fields: ["content-encoding", "gzip"], bodyLength: body.length };
    return decoded({ head: { ...head, keepAlive: true }, body, release: () => {} } as unknown as ClientResponse).body;
  },
  "of the bridge": () => {
    const account = new ByteAccount();
    const outbox = new Outbox({ highWaterBytes: 100, stallMs: 1000, account, timers: SYSTEM_TIMERS });
    outbox.push(HELLO);
    outbox.end();
    return outbox;
  },
};

for (const [name, open] of Object.entries(BODIES)) {
  Deno.test(`a body is read whole up to its bound, and refused beyond: ${name}`, STRICT, async () => {
    assert.deepEqual(new Uint8Array(await open().readAll(HELLO.length)), HELLO);
    await assert.rejects(
      () => open().readAll(HELLO.length - 1),
      (error) => error instanceof HttpError && error.code === "body_too_large",
    );
  });
}
