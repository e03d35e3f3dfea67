// Files that all workers have alike: each is read once for all, and what cannot be read is each worker's to complain about.
import assert from "node:assert/strict";
import { readAnew, readerOf, readOnce, readTexts } from "../../../../lib/app/workers/given_files.ts";
import { STRICT } from "../../../support/strict.ts";

type Provider = Parameters<typeof readAnew>[0]["jwtProviders"][number];

Deno.test("R1: what is read anew is what proves callers, what is read once the authorities", STRICT, () => {
  const none = { introspectionSecretFile: undefined, jwtJwks: undefined, jwtProviders: [] };
  assert.deepEqual(readAnew(none), []);
  assert.deepEqual(readOnce({ upstreamCaFile: undefined, storeCaFile: undefined }), []);
  const file = (path: string) => ({ kind: "file" as const, path });
  const providers = [{ jwks: file("/second.json") }, { jwks: { kind: "url", url: "https://i/jwks" } }];
  const full = {
    ...{ introspectionSecretFile: "/secret", jwtJwks: file("/first.json") },
    jwtProviders: providers as unknown as Provider[],
  };
  assert.deepEqual(readAnew(full), ["/secret", "/first.json", "/second.json"]);
  assert.deepEqual(readOnce({ upstreamCaFile: "/ca.pem", storeCaFile: "/store.pem" }), ["/ca.pem", "/store.pem"]);
});

Deno.test(
  "R1: a text is handed on as it was read; a file that was not readable then is read by whoever needs it",
  STRICT,
  async () => {
    const disk = new Map([["/a", "first"]]);
    const asked: string[] = [];
    const readFile = (path: string) => {
      asked.push(path);
      const text = disk.get(path);
      return text === undefined ? Promise.reject(new Deno.errors.NotFound(path)) : Promise.resolve(text);
    };
    let texts = await readTexts(["/a", "/a", "/b", "toString"], readFile);
    assert.deepEqual([texts, asked], [{ "/a": "first" }, ["/a", "/b", "toString"]]);
    const read = readerOf(() => texts, readFile);
    disk.set("/a", "second").set("/b", "there by now");
    assert.deepEqual([await read("/a"), await read("/b")], ["first", "there by now"]);
    await assert.rejects(read("toString"), Deno.errors.NotFound);
    texts = await readTexts(["/a"], readFile);
    assert.equal(await read("/a"), "second");
  },
);
