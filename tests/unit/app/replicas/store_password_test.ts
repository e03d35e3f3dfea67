import assert from "node:assert/strict";
import { storePasswordOf } from "../../../../lib/app/replicas/store_password.ts";
import { STRICT } from "../../../support/strict.ts";

function scene(first: string | undefined = "first\n") {
  const file = { text: first as string | undefined, isThere: true, reads: 0 };
  const clock = { ms: 0 };
  const readAgain = (path: string) => {
    assert.equal(path, "f");
    file.reads++;
    return file.isThere ? Promise.resolve(file.text) : Promise.reject(new Error("not there"));
  };
  const password = storePasswordOf("f", "first", { readAgain, clock: () => clock.ms });
  return { file, clock, password };
}

Deno.test("P2: the store's password is what its file has when a connection is let in", STRICT, async () => {
  const { file, clock, password } = scene();
  assert.equal(await password(), "first");
  assert.equal(file.reads, 0, "it has been read just now");
  file.text = "second\n";
  clock.ms += 1000;
  assert.deepEqual(await Promise.all([password(), password()]), ["second", "second"]);
  assert.equal(file.reads, 1, "one look does for all that come up together");
});

Deno.test("P2: a store's password that cannot be read again leaves the one before it", STRICT, async () => {
  const { file, clock, password } = scene();
  for (const text of ["", "two\nlines\n", undefined]) {
    file.text = text;
    clock.ms += 1000;
    assert.equal(await password(), "first");
  }
  file.isThere = false;
  clock.ms += 1000;
  assert.equal(await password(), "first");
  file.isThere = true;
  file.text = "third";
  clock.ms += 1000;
  assert.equal(await password(), "third");
});
