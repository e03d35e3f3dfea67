// A second implementation of FORMAT.md, written from that text alone: slow, short, and sharing no line with lib/.
// Run, it writes the vectors; the tests run it again and compare, so that format, text and program cannot drift apart.
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { blake3 } from "@noble/hashes/blake3.js";
import { Buffer } from "node:buffer";
import { createCipheriv, createHash, createHmac } from "node:crypto";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS_OF = [0, 2, 3, 5, 6, 7, 9, 10, 11];

export function base62(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8) {
    const block = bytes.subarray(at, at + 8);
    let value = BigInt("0x" + Buffer.from(block).toString("hex"));
    let digits = "";
    for (let i = 0; i < DIGITS_OF[block.length]!; i++, value /= 62n) digits = ALPHABET[Number(value % 62n)] + digits;
    text += digits;
  }
  return text;
}

export function deriveKeys(master: Uint8Array) {
  const derive = (name: string, dkLen: number) =>
    blake3(master, { context: Buffer.from(`Signet envelope v1: ${name}`), dkLen });
  return {
    sealingKey: derive("sealing key", 32),
    nonceKey: derive("nonce key", 32),
    fingerprintKey: derive("owner fingerprint key", 32),
    keyId: derive("key id", 4),
  };
}

/** FORMAT.md §7. */
export function deriveCarriedKeys(master: Uint8Array) {
  const derive = (name: string) =>
    blake3(master, { context: Buffer.from(`Signet carried values v2: ${name}`), dkLen: 32 });
  return { carriedCipherKey: derive("cipher key"), carriedMacKey: derive("MAC key") };
}

/** FORMAT.md §7. */
export function sealCarriedText(master: Uint8Array, purpose: string, plaintext: Uint8Array, version = 2): string {
  const { carriedCipherKey, carriedMacKey } = deriveCarriedKeys(master);
  const prefix = Buffer.concat([Uint8Array.of(version), deriveKeys(master).keyId]);
  const mac = createHmac("sha256", carriedMacKey)
    .update(prefix).update(Uint8Array.of(purpose.length)).update(purpose).update(plaintext).digest();
  const iv = mac.subarray(0, 16);
  const cipher = createCipheriv("aes-256-ctr", carriedCipherKey, iv);
  return Buffer.concat([prefix, iv, cipher.update(plaintext), cipher.final()]).toString("base64url");
}

export function u32le(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

export function sealText(master: Uint8Array, purpose: string, plaintext: Uint8Array, version = 1) {
  const keys = deriveKeys(master);
  const prefix = Buffer.concat([Uint8Array.of(version), keys.keyId]);
  const associatedData = Buffer.concat([prefix, Uint8Array.of(purpose.length), Buffer.from(purpose)]);
  const nonce = blake3(Buffer.concat([u32le(associatedData.length), associatedData, plaintext]), {
    key: keys.nonceKey,
    dkLen: 24,
  });
  const sealed = xchacha20poly1305(keys.sealingKey, nonce, associatedData).encrypt(plaintext);
  const envelope = Buffer.concat([prefix, nonce, sealed]);
  return { associatedData, nonce, envelope, text: base62(envelope) };
}

export function fingerprint(master: Uint8Array, fields: readonly string[]): string {
  const input = fields.flatMap((field) => [u32le(Buffer.byteLength(field)), Buffer.from(field)]);
  const digest = blake3(Buffer.concat(input), { key: deriveKeys(master).fingerprintKey, dkLen: 16 });
  return Buffer.from(digest).toString("base64url");
}

/** RFC 8785 by way of sorted objects: fit for the vectors, whose names do not look like integers. */
export function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, member) =>
      typeof member === "object" && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => a < b ? -1 : 1))
        : member,
  );
}

/** Bytes 0, 1, 2 … from `start`. */
const count = (length: number, start = 0) => Uint8Array.from({ length }, (_, i) => start + i);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const MASTERS = [count(32), count(32, 32), new Uint8Array(32).fill(255)];

function base62Vectors() {
  const inputs = [
    ...Array.from({ length: 18 }, (_, length) => count(length, 1)),
    ...Array.from({ length: 9 }, (_, length) => new Uint8Array(length)),
    ...Array.from({ length: 9 }, (_, length) => new Uint8Array(length).fill(255)),
    Buffer.from("8000000000000000", "hex"),
    Buffer.from("00000000ffffffff", "hex"),
    Buffer.from("ffffffff00000000", "hex"),
  ];
  const valid = inputs.map((bytes) => ({ hex: hex(bytes), text: base62(bytes) }));
  const invalid = [
    { text: "0", why: "no tail has 1 character" },
    { text: "0000", why: "no tail has 4 characters" },
    { text: "00000000", why: "no tail has 8 characters" },
    { text: "000000000000", why: "no tail has 1 character, after a block" },
    { text: "lYGhA16ahyg", why: "a block of 2^64" },
    { text: "ZZZZZZZZZZZ", why: "the highest block" },
    { text: "48", why: "a tail of 256, for one byte" },
    { text: "h32", why: "a tail of 65536, for two bytes" },
    { text: "ZZZZZ", why: "the highest tail of 3 bytes" },
    { text: "ZZZZZZ", why: "the highest tail of 4 bytes" },
    { text: "ZZZZZZZ", why: "the highest tail of 5 bytes" },
    { text: "ZZZZZZZZZ", why: "the highest tail of 6 bytes" },
    { text: "ZZZZZZZZZZ", why: "the highest tail of 7 bytes" },
    { text: "0000000000-", why: "a character outside the alphabet" },
    { text: "0000000000\u0130", why: "a character outside ASCII" },
    { text: "00000000000 0", why: "a blank" },
  ];
  return { valid, invalid };
}

function keyVectors() {
  return MASTERS.map((master) => {
    const keys = deriveKeys(master);
    return {
      base64: Buffer.from(master).toString("base64"),
      sealingKey: hex(keys.sealingKey),
      nonceKey: hex(keys.nonceKey),
      fingerprintKey: hex(keys.fingerprintKey),
      keyId: hex(keys.keyId),
      carriedCipherKey: hex(deriveCarriedKeys(master).carriedCipherKey),
      carriedMacKey: hex(deriveCarriedKeys(master).carriedMacKey),
    };
  });
}

/** What a session over several servers is called inside the envelope: FORMAT.md §5. */
export function severalId(
  run: string,
  separator: string,
  members: readonly (readonly [string, string, string?])[],
): string {
  const percent = (character: string) =>
    [...Buffer.from(character)].map((byte) => "%" + byte.toString(16).toUpperCase().padStart(2, "0")).join("");
  const escaped = (text: string) =>
    [...text].map((c) => c > " " && c < "\x7f" && !"%,;".includes(c) ? c : percent(c)).join("");
  const parts = members.map(([name, ...texts]) => [name, ...texts.filter((text) => text !== undefined).map(escaped)]);
  return [run + separator, ...parts.map((part) => part.join(","))].join(";");
}

function severalVectors() {
  const run = "00112233445566778899aabb";
  const cases: [string, [string, string, string?][]][] = [
    ["_", [["github", "https://mcp.example/github", "3f1c"], ["files", "http://127.0.0.1:3001/mcp"]]],
    ["-", [["x_1", "http://a/mcp", "one"], ["x_2", "http://a/mcp", "two"], ["memory", "stdio:memory"]]],
    ["__", [["a", "http://a/?b=1,2;c=%20", "id,;% \u00e9\u{1f600}"], ["b", "http://b/", ""]]],
  ];
  const valid = cases.map(([separator, members]) => ({
    run,
    separator,
    members: members.map(([name, url, state]) => state === undefined ? { name, url } : { name, url, state }),
    text: severalId(run, separator, members),
  }));
  const invalid = [
    { text: "", why: "nothing" },
    { text: `${run}_`, why: "no members" },
    { text: `${run};a,http://a/`, why: "no separator" },
    { text: "short_;a,http://a/", why: "a run too short" },
    { text: `${run}_;a,http://a/,x,y`, why: "a member of four parts" },
    { text: `${run}_;a,http://a/;a,http://b/`, why: "two members of one name" },
    { text: `${run}_;1a,http://a/`, why: "a name that begins with a digit" },
    { text: `${run}_;a,`, why: "no address" },
    { text: `${run}_;a,http://a/,%2c`, why: "another spelling of an escape" },
    { text: `${run}_;a,http://a/,%41`, why: "an escape of what needs none" },
    { text: `${run}_;a,http://a/,%zz`, why: "no escape" },
  ];
  return { valid, invalid };
}

function sealedVectors() {
  const cases: [number, string, Uint8Array][] = [
    [0, "session", new Uint8Array(0)],
    [0, "session", Buffer.from("hello")],
    [0, "event", Buffer.from("hello")],
    [0, "task", Buffer.from("hello")],
    [0, "cursor", Buffer.from("hello")],
    [0, "rpc-id", Buffer.from("hello")],
    [1, "session", Buffer.from("hello")],
    [2, "session", count(64)],
    [2, "session", count(255).map((byte) => byte ^ 0x5a)],
  ];
  const valid = cases.map(([master, purpose, plaintext]) => {
    const { associatedData, nonce, envelope, text } = sealText(MASTERS[master]!, purpose, plaintext);
    return {
      key: Buffer.from(MASTERS[master]!).toString("base64"),
      purpose,
      plaintext: hex(plaintext),
      associatedData: hex(associatedData),
      nonce: hex(nonce),
      envelope: hex(envelope),
      text,
    };
  });
  return { valid, invalid: refusedTexts() };
}

/** Texts that must not open for `session` with master key 0. */
function refusedTexts() {
  const { text, envelope } = sealText(MASTERS[0]!, "session", Buffer.from("hello"));
  const changed = (at: number) => base62(envelope.map((byte, i) => i === at ? byte ^ 1 : byte));
  return [
    { why: "empty", reason: "length", text: "" },
    { why: "a byte short of an empty plaintext", reason: "length", text: base62(envelope.subarray(0, 44)) },
    { why: "longer than the cap", reason: "length", text: text.padEnd(4097, "0") },
    { why: "a character outside the alphabet", reason: "alphabet", text: text.slice(0, -1) + "_" },
    { why: "a blank in front", reason: "alphabet", text: " " + text.slice(1) },
    { why: "version 0", reason: "version", text: changed(0) },
    { why: "version 2, well sealed", reason: "version", text: sealText(MASTERS[0]!, "session", count(5), 2).text },
    { why: "another key id", reason: "key", text: changed(4) },
    { why: "a key outside the ring", reason: "key", text: sealText(MASTERS[1]!, "session", count(5)).text },
    { why: "first bit of the nonce", reason: "tag", text: changed(5) },
    { why: "last bit of the nonce", reason: "tag", text: changed(28) },
    { why: "first byte of the ciphertext", reason: "tag", text: changed(29) },
    { why: "last bit of the tag", reason: "tag", text: changed(envelope.length - 1) },
    { why: "last byte cut off", reason: "tag", text: base62(envelope.subarray(0, -1)) },
    { why: "a byte added", reason: "tag", text: base62(Buffer.concat([envelope, count(1)])) },
    {
      why: "sealed for another purpose",
      reason: "tag",
      text: sealText(MASTERS[0]!, "event", Buffer.from("hello")).text,
    },
  ];
}

interface Session {
  readonly sid: string;
  readonly owner: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly protocolVersion: string;
  readonly clientInfo: Record<string, unknown>;
  readonly capabilities: Record<string, unknown>;
  readonly upstreams: Record<string, Record<string, string>>;
  readonly home?: string;
}

function sessionVectors() {
  const sid = Buffer.from(count(16, 0xf0)).toString("base64url");
  const typical: Session = {
    sid,
    owner: fingerprint(MASTERS[0]!, ["https://issuer.example/", "alice"]),
    issuedAtMs: 1_793_700_000_000,
    expiresAtMs: 1_793_786_400_000,
    protocolVersion: "2025-11-25",
    clientInfo: { name: "example-client", version: "1.0.0" },
    capabilities: { sampling: {}, roots: { listChanged: true } },
    upstreams: { "http://127.0.0.1:3000/mcp": { "mcp-session-id": "0b7c1c5e-6d0f-4a63-9b0e-8f2c4b1f7a10" } },
  };
  const sessions: Session[] = [
    typical,
    {
      ...typical,
      home: "http://10.0.0.7:8080",
      clientInfo: { version: "2", name: "b\u00fccher \u{1f4da}", title: 'Tab\there "and" \\ there' },
      upstreams: {
        "https://z.example/mcp": { "x-tenant": "caf\u00e9", "authorization": "Bearer abc", "mcp-session-id": "s-1" },
        "https://a.example/mcp": { "mcp-session-id": "s-2" },
      },
    },
    {
      ...typical,
      expiresAtMs: typical.issuedAtMs,
      capabilities: {},
      upstreams: {},
    },
    {
      ...typical,
      upstreams: {
        "several:": {
          "mcp-session-id": severalId("00112233445566778899aabb", "_", [
            ["files", "http://127.0.0.1:3001/mcp", "0b7c1c5e-6d0f-4a63-9b0e-8f2c4b1f7a10"],
            ["github", "https://mcp.example/github"],
            ["memory", "stdio:memory"],
          ]),
          "x-tenant": "blue",
        },
      },
    },
    {
      ...typical,
      upstreams: {
        "http://localhost:8080/mcp": { "mcp-session-id": "session-1", "authorization": "Bearer token" },
        "http://localhost:8081/mcp": { "mcp-session-id": "session-2" },
      },
    },
  ];
  return sessions.map((session) => {
    const payload = canonical([
      session.sid,
      session.owner,
      session.issuedAtMs,
      session.expiresAtMs - session.issuedAtMs,
      session.protocolVersion,
      session.clientInfo,
      session.capabilities,
      session.upstreams,
      ...session.home === undefined ? [] : [session.home],
    ]);
    const { text } = sealText(MASTERS[0]!, "session", Buffer.from(payload));
    return { key: Buffer.from(MASTERS[0]!).toString("base64"), session, payload, id: text };
  });
}

function ownerVectors() {
  const owners = [
    { issuer: "https://issuer.example/", subject: "alice" },
    { issuer: "https://issuer.example/", subject: "alice", clientId: "app" },
    { issuer: "https://issuer.example/a", subject: "lice" },
    { issuer: "signet:header", subject: "zo\u00eb \u{1f511}" },
  ];
  return MASTERS.slice(0, 2).flatMap((master) =>
    owners.map((owner) => ({
      key: Buffer.from(master).toString("base64"),
      owner,
      fingerprint: fingerprint(master, Object.values(owner)),
    }))
  );
}

interface CarriedCase {
  readonly purpose: "request-state" | "task" | "cursor";
  readonly owner: readonly string[];
  readonly address: string;
  readonly expiresAtS: number;
  /** Of the binding; none for a task. */
  readonly request: readonly string[];
  readonly token: string;
}

/** FORMAT.md §7. */
export function carriedPlaintext(master: Uint8Array, { owner, address, expiresAtS, request, token }: CarriedCase) {
  const hash = (texts: readonly string[], length: number) => {
    const fields = texts.flatMap((text) => [u32le(Buffer.byteLength(text)), Buffer.from(text)]);
    return createHash("sha256").update(Buffer.concat(fields)).digest().subarray(0, length);
  };
  return Buffer.concat([
    Uint8Array.of(1),
    Buffer.from(fingerprint(master, owner), "base64url"),
    hash(["upstream tag", address], 8),
    Buffer.from(expiresAtS.toString(16).padStart(10, "0"), "hex"),
    request.length === 0 ? new Uint8Array(16) : hash(["request binding", ...request], 16),
    Buffer.from(token),
  ]);
}

function carriedVectors() {
  const owner = ["https://issuer.example/", "alice"];
  const address = "http://127.0.0.1:3000/mcp";
  const cases: CarriedCase[] = [
    {
      purpose: "request-state",
      owner,
      address,
      expiresAtS: 1_793_700_600,
      request: ["tools/call", '"ask"', '{"city":"Bern","n":1}'],
      token: '"s\\/1 \\ud800"',
    },
    {
      purpose: "request-state",
      owner,
      address,
      expiresAtS: 1_793_700_600,
      request: ["resources/read", '"file:///a"', "{}"],
      token: '""',
    },
    {
      purpose: "request-state",
      owner,
      address,
      expiresAtS: 1_793_700_600,
      request: ["prompts/get", '"p"', "{}"],
      token: `"${"0123456789abcdef".repeat(64)}"`,
    },
    { purpose: "task", owner, address, expiresAtS: 0, request: [], token: '"786512e2-9e0d-44bd-8f29-789f320fe840"' },
    { purpose: "cursor", owner, address, expiresAtS: 0, request: ["tools/list"], token: '"eyJwYWdlIjoyfQ=="' },
    {
      purpose: "cursor",
      owner: [...owner, "app"],
      address: "stdio:server",
      expiresAtS: 0,
      request: ["tools/list"],
      token: '""',
    },
  ];
  const texts = [
    ['{ "b": 1.0, "a": [1e2, "\\u00e9\\/"], "a": null }', '{"a":[100,"\u00e9/"],"a":null,"b":1}'],
    ["9007199254740993", "9007199254740993"],
    ["100000000000000.5", "100000000000000.5"],
    ["1E5", "100000"],
    ["1e-320", "1e-320"],
    ["-0", "-0"],
    ['"\\ud800\\n"', '"\\ud800\\n"'],
    [" [ ] ", "[]"],
    ['{"\\u0042":true,"A":false}', '{"A":false,"B":true}'],
  ];
  const values = cases.map((one) => {
    const plaintext = carriedPlaintext(MASTERS[0]!, one);
    const text = sealCarriedText(MASTERS[0]!, one.purpose, plaintext);
    return { key: Buffer.from(MASTERS[0]!).toString("base64"), ...one, plaintext: hex(plaintext), text };
  });
  const refused = refusedCarried(carriedPlaintext(MASTERS[0]!, cases[0]!));
  return { values, refused, canonical: texts.map(([text, canonical]) => ({ text, canonical })) };
}

/** Texts that must not open as a request's state with master key 0, made of the first value. */
function refusedCarried(plaintext: Uint8Array) {
  const sealed = (from: Uint8Array, purpose = "request-state", master = MASTERS[0]!, version = 2) =>
    sealCarriedText(master, purpose, from, version);
  const text = sealed(plaintext);
  const envelope = Buffer.from(text, "base64url");
  const changed = (at: number, bit: number) =>
    Buffer.from(envelope.map((byte, i) => i === at ? byte ^ bit : byte)).toString("base64url");
  return [
    { why: "empty", reason: "length", text: "" },
    { why: "longer than any", reason: "length", text: text.padEnd(100_000, "A") },
    { why: "a token of no bytes", reason: "length", text: sealed(plaintext.subarray(0, 46)) },
    { why: "padding", reason: "alphabet", text: `${text}=` },
    { why: "the other alphabet", reason: "alphabet", text: `+${text.slice(1)}` },
    { why: "a blank", reason: "alphabet", text: `${text} ` },
    { why: "a character that ends nothing", reason: "alphabet", text: text.slice(0, -1) },
    {
      why: "bits that are in no byte",
      reason: "alphabet",
      text: text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1),
    },
    { why: "outside of ASCII", reason: "alphabet", text: `${text.slice(0, -1)}\u0141` },
    { why: "version 1", reason: "version", text: sealed(plaintext, "request-state", MASTERS[0], 1) },
    { why: "a key outside the ring", reason: "key", text: sealed(plaintext, "request-state", MASTERS[1]) },
    { why: "another key id", reason: "key", text: changed(4, 1) },
    { why: "the first bit of the initial vector", reason: "tag", text: changed(5, 128) },
    { why: "the last bit of the initial vector", reason: "tag", text: changed(20, 1) },
    { why: "the first bit of the ciphertext", reason: "tag", text: changed(21, 128) },
    { why: "the last bit of the ciphertext", reason: "tag", text: changed(envelope.length - 1, 1) },
    { why: "the last byte cut off", reason: "tag", text: envelope.subarray(0, -1).toString("base64url") },
    { why: "a byte added", reason: "tag", text: Buffer.concat([envelope, count(1)]).toString("base64url") },
    { why: "sealed for another purpose", reason: "tag", text: sealed(plaintext, "cursor") },
    { why: "another form", reason: "shape", text: sealed(plaintext.map((byte, at) => at === 0 ? 2 : byte)) },
  ];
}

/** Every file of vectors by name. */
export function makeVectors(): Record<string, unknown> {
  return {
    "base62.json": base62Vectors(),
    "keys.json": keyVectors(),
    "sealed.json": sealedVectors(),
    "sessions.json": sessionVectors(),
    "several.json": severalVectors(),
    "owners.json": ownerVectors(),
    "carried.json": carriedVectors(),
  };
}

if (import.meta.main) {
  for (const [name, vectors] of Object.entries(makeVectors())) {
    await Deno.writeTextFile(new URL(name, import.meta.url), JSON.stringify(vectors, null, 2) + "\n");
  }
}
