import fc from "fast-check";
import assert from "node:assert/strict";
import { LIST_MEMBERS, ListFilter, type ListMember } from "../../../../lib/mcp/lists/list_filter.ts";
import { mayHoldList } from "../../../../lib/mcp/lists/list_marks.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Keeps entries whose key does not begin with `x`. */
function keep(_list: ListMember, entry: Uint8Array): boolean {
  const value = JSON.parse(decoder.decode(entry));
  const key = value?.name ?? value?.uri ?? value?.uriTemplate;
  return typeof key === "string" && !key.startsWith("x");
}

function filtered(text: string, cuts: readonly number[] = []): string {
  const filter = new ListFilter(keep);
  const bytes = encoder.encode(text);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  let out = "";
  const pieces: number[] = [];
  for (let i = 1; i < at.length; i++) {
    const lent = bytes.slice(at[i - 1], at[i]);
    pieces.push(...filter.push(lent));
    lent.fill(0x7a); // whoever kept it would see this
  }
  out += decoder.decode(Uint8Array.from(pieces));
  return out;
}

Deno.test("a list loses the entries that are not kept, and nothing else changes", () => {
  const cases: readonly [string, string][] = [
    [
      `{"result":{"tools":[{"name":"a"},{"name":"x"},{"name":"b"}]}}`,
      `{"result":{"tools":[{"name":"a"},{"name":"b"}]}}`,
    ],
    [`{"result":{"tools":[ {"name":"x"} , {"name":"x2"} ]}}`, `{"result":{"tools":[]}}`],
    [`{"result":{"tools":[]}}`, `{"result":{"tools":[]}}`],
    [
      `{"id":1,"result":{"nextCursor":"q","resources":[{"uri":"x:"},{"uri":"a:"}],"z":1}}`,
      `{"id":1,"result":{"nextCursor":"q","resources":[{"uri":"a:"}],"z":1}}`,
    ],
    [
      `[{"result":{"prompts":[{"name":"x"}]}},{"result":{"tools":[{"name":"a"}]}}]`,
      `[{"result":{"prompts":[]}},{"result":{"tools":[{"name":"a"}]}}]`,
    ],
    // However it is spelt, and however often it stands there.
    [`{"res\\u0075lt":{"\\u0074ools":[{"name":"x"}]}}`, `{"res\\u0075lt":{"\\u0074ools":[]}}`],
    [
      `{"result":{"tools":[{"name":"x"}],"tools":[{"name":"x"},{"name":"a"}]}}`,
      `{"result":{"tools":[],"tools":[{"name":"a"}]}}`,
    ],
    [`{"result":{"tools":[]},"result":{"tools":[{"name":"x"}]}}`, `{"result":{"tools":[]},"result":{"tools":[]}}`],
    // What cannot be judged goes.
    [`{"result":{"tools":[1,"x",null,[{"name":"a"}],{},{"name":"a"},true]}}`, `{"result":{"tools":[{"name":"a"}]}}`],
    // Elsewhere a list is none of ours.
    [
      `{"result":{"structuredContent":{"tools":[{"name":"x"}]}}}`,
      `{"result":{"structuredContent":{"tools":[{"name":"x"}]}}}`,
    ],
    [
      `{"tools":[{"name":"x"}],"result":{"a":[{"tools":[{"name":"x"}]}]}}`,
      `{"tools":[{"name":"x"}],"result":{"a":[{"tools":[{"name":"x"}]}]}}`,
    ],
    [`{"result":{"tools":"x"}}`, `{"result":{"tools":"x"}}`],
    [`{"result":{"tools":{"name":"x"}}}`, `{"result":{"tools":{"name":"x"}}}`],
    [`{"result":{"cacheScope":"public","tools":[{"name":"x"}]}}`, `{"result":{"cacheScope":"private","tools":[]}}`],
    [`\ufeff{"result":{"tools":[{"name":"x"}]}}`, `\ufeff{"result":{"tools":[]}}`],
    [
      `{"result":{"tools":[{"name":"a","d":"}],\\"x"},{"name":"x","d":"]]}}"}]}}\n`,
      `{"result":{"tools":[{"name":"a","d":"}],\\"x"}]}}\n`,
    ],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(filtered(text), wanted, text);
    assert.equal(filtered(text, [...text].map((_, at) => at)), wanted, `${text}, byte by byte`);
    assert.equal(mayHoldList(encoder.encode(text)) || wanted === text, true, text);
  }
});

Deno.test("a list in any answer is filtered as parsing it would, in whatever pieces it comes", () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const entry = fc.oneof(
    fc.record({ name: fc.constantFrom("a", "x", "xy", 'é"\\', "x\u2028"), description: fc.string() }),
    fc.record({ uri: fc.constantFrom("a:1", "x:1"), nested: json }),
    json,
  );
  const result = fc.dictionary(
    fc.constantFrom(...LIST_MEMBERS, "content", "nextCursor", "tool", "result"),
    fc.oneof(fc.array(entry, { maxLength: 5 }), json),
  );
  const message = fc.oneof(fc.record({ jsonrpc: fc.constant("2.0"), id: fc.integer(), result }), json);
  const whole = fc.oneof(message, fc.array(message, { maxLength: 3 }));
  const wantedOf = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(wantedOne);
    return wantedOne(value);
  };
  const wantedOne = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, "result")) {
      return value;
    }
    const { result } = value as Record<string, unknown>;
    if (typeof result !== "object" || result === null || Array.isArray(result)) return value;
    const kept = Object.fromEntries(
      Object.entries(result).map(([name, list]) => {
        if (!(LIST_MEMBERS as readonly string[]).includes(name) || !Array.isArray(list)) return [name, list];
        return [
          name,
          list.filter((one) =>
            typeof one === "object" && one !== null && !Array.isArray(one) &&
            keep("tools", encoder.encode(JSON.stringify(one)))
          ),
        ];
      }),
    );
    return { ...value, result: kept };
  };
  fc.assert(
    fc.property(
      whole,
      fc.constantFrom(undefined, 1, "\t"),
      fc.array(fc.nat(), { maxLength: 20 }),
      (value, space, cuts) => {
        const text = JSON.stringify(value, undefined, space);
        const out = filtered(text, cuts);
        assert.deepEqual(JSON.parse(out), JSON.parse(JSON.stringify(wantedOf(JSON.parse(text)))));
        if (!mayHoldList(encoder.encode(text))) assert.equal(out, text);
      },
    ),
    { numRuns: 3000 },
  );
});
