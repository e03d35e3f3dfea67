// G1: what a client has had written keeps nothing else from a collector.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { SyslogSink } from "../../../lib/audit/syslog_sink.ts";
import { until, within } from "../../support/until.ts";

const lineOf = (seq: number, text: string) =>
  `{"v":1,"seq":${seq},"time":"2026-11-27T12:00:00.000Z","name":"${text}"}\n`;

Deno.test("G1: a line that is longer than any datagram goes to a collector by UDP cut, and the next one behind it", async () => {
  const collector = createSocket("udp4");
  const heard: string[] = [];
  collector.on(
    "message",
    (message: Uint8Array) => void heard.push(new TextDecoder("utf-8", { fatal: true }).decode(message)),
  );
  collector.bind(0, "127.0.0.1");
  await once(collector, "listening");
  const { port } = collector.address();
  const sink = new SyslogSink({ target: { transport: "udp", hostname: "127.0.0.1", port }, hostname: "h", pid: 1 });
  try {
    // A cut may fall into any byte of a character.
    const lines = [0, 1, 2].map((at) => lineOf(at, "x".repeat(at) + "\u20ac".repeat(30_000)));
    const bytes = new TextEncoder().encode([...lines, lineOf(3, "next")].join(""));
    for (let at = 0; at < bytes.length;) at += await within("a line", sink.write(bytes.subarray(at)));
    await until(() => heard.length === 4, "all of them");
    const head = "<110>1 2026-11-27T12:00:00.000Z h signet 1 audit - ";
    for (const [at, message] of heard.entries()) {
      const whole = head + [...lines, lineOf(3, "next")][at]!.trimEnd();
      assert.ok(
        at === 3 ? message === whole : whole.startsWith(message) && message.length > 600,
        message.slice(0, 200),
      );
    }
  } finally {
    await sink.close();
    collector.close();
    await once(collector, "close");
  }
});
