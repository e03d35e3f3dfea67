// Credentials are renewed ahead of their end; what fails for now is tried again, what fails for good ends its holder (B4).
import assert from "node:assert/strict";
import {
  CachedCredential,
  type Credential,
  CredentialRejectedError,
  isDue,
} from "../../../../lib/upstream/credentials/credential.ts";
import { type CredentialHolder, Rotation } from "../../../../lib/upstream/credentials/rotation.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";

const MINUTE = 60_000;

/** A source of tokens that live an hour, and a holder that uses them. */
class Setting {
  readonly timers = new FakeTimers();
  readonly rotation = new Rotation({ timers: this.timers, log: SILENT_LOG });
  obtained = 0;
  applied = 0;
  ended: string[] = [];
  fault: Error | undefined;
  inUse: Credential | undefined;
  readonly source = new CachedCredential(() => {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    this.obtained++;
    return Promise.resolve({ values: { TOKEN: `t${this.obtained}` }, expiresAtMs: this.timers.now() + 60 * MINUTE });
  }, this.timers);

  async hold(): Promise<CredentialHolder> {
    this.inUse = await this.source.current();
    const setting = this as Setting;
    const holder: CredentialHolder = {
      source: this.source,
      get credential() {
        return setting.inUse;
      },
      apply: async () => {
        this.applied++;
        this.inUse = await this.source.current();
      },
      end: (reason) => {
        this.ended.push(reason);
        this.rotation.remove(holder);
      },
      facts: () => ({}),
    };
    this.rotation.add(holder);
    return holder;
  }
}

Deno.test("B4: a credential is renewed within five minutes of its end, and not before", STRICT, async () => {
  const setting = new Setting();
  await setting.hold();
  await setting.timers.advance(54 * MINUTE);
  assert.equal(setting.obtained, 1);
  await setting.timers.advance(1 * MINUTE);
  assert.equal(setting.obtained, 2);
  assert.deepEqual(setting.inUse!.values, { TOKEN: "t2" });
  await setting.timers.advance(54 * MINUTE);
  assert.equal(setting.obtained, 2);
});

Deno.test(
  "B4: a passing failure is tried again each minute, and the old credential stays in use until its end",
  STRICT,
  async () => {
    const setting = new Setting();
    await setting.hold();
    setting.fault = new Error("the server is away");
    await setting.timers.advance(59 * MINUTE);
    assert.deepEqual([setting.ended, setting.applied], [[], 0]);
    setting.fault = undefined;
    await setting.timers.advance(1 * MINUTE);
    assert.deepEqual([setting.ended, setting.applied, setting.inUse!.values.TOKEN], [[], 1, "t2"]);
  },
);

Deno.test("B4: a failure that lasts to the credential's end ends its holder", STRICT, async () => {
  const setting = new Setting();
  await setting.hold();
  setting.fault = new Error("the server is away");
  await setting.timers.advance(60 * MINUTE);
  assert.deepEqual(setting.ended, ["expired"]);
  assert.equal(setting.timers.pending, 0, "nothing is left to look after");
});

Deno.test("B4: a refusal for good ends its holder at once", STRICT, async () => {
  const setting = new Setting();
  await setting.hold();
  setting.fault = new CredentialRejectedError("invalid_grant");
  await setting.timers.advance(55 * MINUTE);
  assert.deepEqual(setting.ended, ["rejected"]);
});

Deno.test("B4: holders of one source renew it once, and each puts it to use", STRICT, async () => {
  const setting = new Setting();
  for (let i = 0; i < 3; i++) await setting.hold();
  await setting.timers.advance(55 * MINUTE);
  assert.equal(setting.obtained, 2);
  assert.ok(setting.applied >= 1);
  assert.equal(setting.rotation.size, 3);
});

Deno.test("B4: a credential that lives shorter than the lead is renewed at half its life", STRICT, () => {
  const credential = { values: {}, obtainedAtMs: 0, expiresAtMs: 4 * MINUTE };
  assert.equal(isDue(credential, 5 * MINUTE, 2 * MINUTE - 1), false);
  assert.equal(isDue(credential, 5 * MINUTE, 2 * MINUTE), true);
  assert.equal(isDue({ ...credential, expiresAtMs: Infinity }, 5 * MINUTE, 1e15), false);
});

Deno.test("B4: whoever asks while a credential is being obtained gets the same one", STRICT, async () => {
  const timers = new FakeTimers();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const source = new CachedCredential(async () => {
    asked++;
    await gate.promise;
    return { values: { n: String(asked) }, expiresAtMs: timers.now() + 1000 };
  }, timers);
  const all = [source.current(), source.current(), source.refresh()];
  gate.resolve();
  const [one, ...others] = await Promise.all(all);
  for (const other of others) assert.equal(other, one);
  assert.equal(asked, 1);
  await timers.advance(1000);
  assert.equal(source.peek(), undefined, "now >= expiry is expired");
  await source.current();
  assert.equal(asked, 2);
});
