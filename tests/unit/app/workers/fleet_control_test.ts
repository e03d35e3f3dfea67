import assert from "node:assert/strict";
import type { SessionView } from "../../../../lib/admin/control.ts";
import { EndGone } from "../../../../lib/app/workers/channel.ts";
import { fleetControl } from "../../../../lib/app/workers/fleet_control.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";

type Answers = (method: string, request: Record<string, unknown>) => unknown;

function controlOver(...workers: Answers[]) {
  const asked: unknown[] = [];
  const ask = (answers: Answers, method: string, args: readonly unknown[]) => {
    asked.push(args[0]);
    return Promise.resolve().then(() => answers(method, args[0] as Record<string, unknown>));
  };
  const control = fleetControl({
    askOne: (method, ...args) => ask(workers[0]!, method, args),
    askEach: (method, argsOf) => workers.map((answers, at) => ask(answers, method, argsOf(at))),
  });
  return { control, asked };
}

function view(hash: string, more: Partial<SessionView> = {}): SessionView {
  const times = { issuedAtMs: 1, expiresAtMs: 9, lastActiveMs: 1 };
  return { hash, owner: "o", protocolVersion: "2025-11-25", ...times, inFlight: 0, streams: 0, ...more };
}

const absent = () => {
  throw new SignetError("session_not_found");
};

Deno.test("L6: a session that several workers have in memory is one, and is listed in one order", STRICT, async () => {
  const { control } = controlOver(
    () => ({ sessions: [view("a", { inFlight: 1 }), view("b")], total: 2 }),
    () => ({ sessions: [view("a", { inFlight: 2, lastActiveMs: 5 }), view("c")], total: 2 }),
  );
  const page = await control.listSessions({ limit: 2 });
  assert.deepEqual(page, { sessions: [view("a", { inFlight: 3, lastActiveMs: 5 }), view("b")], total: 3 });
  assert.deepEqual((await control.listSessions({ limit: 2, offset: 2 })).sessions, [view("c")]);
});

Deno.test("L6: what is revoked is revoked in all workers, and each session counts once", STRICT, async () => {
  const { control, asked } = controlOver(() => ["a", "b"], () => ["a"]);
  assert.deepEqual(await control.revoke({ kind: "all" }), { ended: 2 });
  assert.deepEqual(asked, [{ kind: "all" }, { kind: "all" }]);
});

Deno.test("L6: a hash that one worker knows is enough, and one that none knows is an error", STRICT, async () => {
  assert.deepEqual(await controlOver(absent, () => ["a"]).control.revoke({ kind: "hash", hash: "a" }), { ended: 1 });
  await assert.rejects(
    () => controlOver(absent, absent).control.revoke({ kind: "hash", hash: "a" }),
    (fault: unknown) => fault instanceof SignetError && fault.code === "session_not_found",
  );
});

Deno.test("L6: the owner of a session that one worker knows is revoked by name in the others", STRICT, async () => {
  const caller = { issuer: "iss", subject: "me" };
  const revoked: unknown[] = [];
  const worker = (sessions: readonly SessionView[], ended: readonly string[]): Answers => (method, request) => {
    if (method === "listSessions") return { sessions, total: sessions.length };
    revoked.push(request);
    return ended;
  };
  const { control } = controlOver(worker([], ["b"]), worker([view("a", { caller })], ["a"]));
  assert.deepEqual(await control.revoke({ kind: "owner_of", hash: "a" }), { ended: 2 });
  assert.deepEqual(revoked, [{ kind: "principal", ...caller }, { kind: "owner_of", hash: "a" }]);
});

Deno.test(
  "R6: a revocation that the store did not take is refused; a worker that ended meanwhile refuses nothing",
  STRICT,
  async () => {
    const full = () => {
      throw new StoreError("full", "No room", { remedy: "Make some" });
    };
    await assert.rejects(() => controlOver(() => ["a"], full).control.revoke({ kind: "all" }), StoreError);
    const ended = () => {
      throw new EndGone("worker 2 has ended");
    };
    assert.deepEqual(await controlOver(() => ["a"], ended).control.revoke({ kind: "all" }), { ended: 1 });
    await assert.rejects(() => controlOver(ended).control.revoke({ kind: "all" }), SignetError);
    const failing = () => {
      throw new TypeError("a fault of its own");
    };
    await assert.rejects(() => controlOver(() => ["a"], failing).control.revoke({ kind: "all" }), TypeError);
  },
);

Deno.test("R6 P1: an operator whose worker ended under his question is told so, and to ask again", STRICT, async () => {
  const gone = () => {
    throw new EndGone("asking worker 1: it has ended (SIGKILL)");
  };
  const { control } = controlOver(gone, gone);
  const told = (fault: unknown) => fault instanceof SignetError && fault.code === "identity_unavailable";
  await assert.rejects(() => control.revoke({ kind: "all" }), told);
  await assert.rejects(() => control.listSessions({ limit: 10 }), told);
  await assert.rejects(() => control.revokeAgent("a"), told);
});

Deno.test(
  "L6: an owner is revoked though the worker that knew the session has ended since it was asked",
  STRICT,
  async () => {
    const caller = { issuer: "iss", subject: "me" };
    const revoked: unknown[] = [];
    // Another one has taken its place, which knows no session.
    const { control } = controlOver((method, request) => {
      if (method === "listSessions") return { sessions: [view("a", { caller })], total: 1 };
      if (request.kind === "owner_of") throw new SignetError("session_not_found");
      revoked.push(request);
      return [];
    });
    assert.deepEqual(await control.revoke({ kind: "owner_of", hash: "a" }), { ended: 0 });
    assert.deepEqual(revoked, [{ kind: "principal", ...caller }]);
  },
);
