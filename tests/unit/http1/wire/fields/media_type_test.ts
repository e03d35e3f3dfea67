// One reading of Content-Type for everybody who asks: the gateway, upstreams, peers.
import assert from "node:assert/strict";
import { isEventStream, isJson, isMediaType } from "../../../../../lib/http1/wire/fields/media_type.ts";
import { STRICT } from "../../../../support/strict.ts";

Deno.test("isMediaType takes any letter case and parameters, and no longer name", STRICT, () => {
  for (
    const value of ["application/json", "Application/JSON", "application/json;charset=utf-8", "application/json ; a"]
  ) {
    assert.equal(isMediaType(value, "application/json"), true, value);
  }
  for (const value of [undefined, "", "json", "application/jsonl", "application/json+x", "text/application/json"]) {
    assert.equal(isMediaType(value, "application/json"), false, value);
  }
});

Deno.test("isJson and isEventStream read the Content-Type of a message", STRICT, () => {
  assert.equal(isJson(["content-type", "application/json"]), true);
  assert.equal(isEventStream(["content-type", "text/event-stream; charset=utf-8"]), true);
  assert.equal(isEventStream(["content-type", "text/event-streams"]), false);
  assert.equal(isJson([]) || isEventStream([]), false);
});
