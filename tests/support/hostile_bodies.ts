// Bodies made to cost whoever reads them as much as possible, each of the length that is wanted: texts of nothing but
// escapes, brackets, names, numbers, blanks or messages.
const encoder = new TextEncoder();

const HEAD = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nothing","arguments":';

function filled(length: number, [open, part, close]: readonly [string, string, string]): string {
  return HEAD + open + part.repeat(Math.max(1, Math.floor((length - HEAD.length - 20) / part.length))) + close + "}}";
}

/** An object of nothing but members, each of another name. */
function members(length: number, [before, prefix, after]: readonly [string, string, string]): string {
  const parts = [before];
  for (let size = before.length + after.length, n = 0; size < length - 40; n++) {
    const part = `"${prefix}${n}":1,`;
    parts.push(part);
    size += part.length;
  }
  return parts.join("") + '"last":1' + after;
}

const MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"tools/call"';

/** What each is made of → the bytes. None is longer than `length`. */
export function hostileBodies(length: number): Map<string, Uint8Array<ArrayBuffer>> {
  const texts: Record<string, string> = {
    "one string": filled(length, ['"', "a", '"']),
    "escaped quotes": filled(length, ['"', '\\"', '"']),
    "escaped letters": filled(length, ['"', "\\u0061", '"']),
    "letters beyond ASCII": filled(length / 2, ['"', "ä", '"']),
    "arrays": filled(length, ["[", "[],", "0]"]),
    "objects": filled(length, ["[", "{},", "0]"]),
    "empty strings": filled(length, ["[", '"",', "0]"]),
    "numbers": filled(length, ["[", "1,", "0]"]),
    "one number": filled(length, ["", "1", ""]),
    "line ends": filled(length, ["[", "\n", "0]"]),
    "arguments of many names": members(length, [HEAD + "{", "k", "}}}"]),
    "params of many names": members(length, [`${MESSAGE},"params":{`, "k", "}}"]),
    "params of many escaped names": members(length, [`${MESSAGE},"params":{`, "\\u006eame", "}}"]),
    "params before the id": members(length, ['{"params":{', "na", '},"jsonrpc":"2.0","method":"tools/call","id":1}']),
    "many members of _meta": members(length, [`${MESSAGE},"params":{"_meta":{`, "k", "}}}"]),
    "many members of the message": members(length, [`${MESSAGE},`, "i", "}"]),
    "the same name again and again": MESSAGE + ',"Id":1'.repeat((length - 60) / 7) + "}",
    "a batch of many": `[${'{"jsonrpc":"2.0","method":"a"},'.repeat((length - 40) / 31)}1]`,
    "a batch of a thousand": `[${
      Array(1000).fill(`{"jsonrpc":"2.0","method":"a","params":{"x":"${"y".repeat(length / 1000 - 70)}"}}`).join(",")
    }]`,
    "an initialize": members(length, [
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"x"},"capabilities":{',
      "k",
      "}}}",
    ]),
    "an initialize at the cap of its members": initialize(),
    "an escaped method": `{"jsonrpc":"2.0","id":1,"method":"${"\\u0069".repeat(length / 6 - 20)}"}`,
    "a long id": `{"jsonrpc":"2.0","id":${"9".repeat(length - 60)},"method":"a"}`,
    "deep nesting": `${MESSAGE},"params":${"[".repeat(length - 60)}`,
    "nothing but quotes": '"'.repeat(length),
    "nothing but backslashes": `{"${"\\".repeat(length - 10)}`,
  };
  return new Map(Object.entries(texts).map(([what, text]) => [what, encoder.encode(text)]));
}

function initialize(): string {
  const capabilities = members(16_000, ["{", "c", "}"]);
  const clientInfo = members(65_000, ["{", "i", "}"]);
  const params = `{"protocolVersion":"2025-11-25","capabilities":${capabilities},"clientInfo":${clientInfo}}`;
  return `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${params}}`;
}
