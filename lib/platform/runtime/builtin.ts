// Functions of built-in modules that a start can do without: each module is loaded when the first of its functions is
// called. Imported as usual they take half of the CPU time that the executable needs to start, and a quarter of its memory.
// (`tests/unit/platform/runtime/builtin_test.ts` keeps them from being imported elsewhere.)
import process from "node:process";
import { bun } from "./bun_types.ts";
import { RUNTIME } from "./runtime.ts";

function once<Module>(load: () => Module): () => Module {
  let module: Module | undefined;
  return () => module ??= load();
}

/** The function that `find` finds when it is called for the first time. */
function lazily<Call extends (...given: never[]) => unknown>(find: () => Call): Call {
  let found: Call | undefined;
  return ((...given) => (found ??= find())(...given)) as Call;
}

function bunHash(algorithm: string, data: string | Uint8Array, encoding = "hex"): string | Uint8Array {
  const hasher = bun().CryptoHasher;
  return encoding === "buffer" ? hasher.hash(algorithm, data) : hasher.hash(algorithm, data, encoding);
}

/** Bun's Web Crypto has it too, at hand. */
function bunTimingSafeEqual(): Crypto["timingSafeEqual"] {
  const own = (globalThis as unknown as { crypto: Pick<Crypto, "timingSafeEqual"> }).crypto;
  return (a, b) => own.timingSafeEqual(a, b);
}

type Crypto = typeof import("node:crypto");
const crypto: () => Crypto = once(() => process.getBuiltinModule("node:crypto"));
export const createCipheriv: Crypto["createCipheriv"] = lazily(() => crypto().createCipheriv);
export const createHash: Crypto["createHash"] = lazily(() => crypto().createHash);
export const createHmac: Crypto["createHmac"] = lazily(() => crypto().createHmac);
/** As `hash` of `node:crypto`; the bytes of a text are its UTF-8. Every request with a new credential wants it. */
export const hash: Crypto["hash"] = RUNTIME === "bun" ? bunHash as Crypto["hash"] : lazily(() => crypto().hash);
/** The SHA-256 of `data` into 32 bytes. In Deno bytes cost four times what their text costs. */
export const sha256Into: (data: Uint8Array, into: Uint8Array) => void = RUNTIME === "bun"
  ? (data, into) => void bun().CryptoHasher.hash("sha256", data, into)
  : (data, into) => void into.setFromHex(crypto().hash("sha256", data, "hex"));
export const hkdfSync: Crypto["hkdfSync"] = lazily(() => crypto().hkdfSync);
/** @throws RangeError if they differ in length */
export const timingSafeEqual: Crypto["timingSafeEqual"] = RUNTIME === "bun"
  ? bunTimingSafeEqual()
  : lazily(() => crypto().timingSafeEqual);
export const certificateOf = (pem: string): InstanceType<Crypto["X509Certificate"]> =>
  new (crypto().X509Certificate)(pem);
export const privateKeyOf = (pem: string): ReturnType<Crypto["createPrivateKey"]> => crypto().createPrivateKey(pem);
/** Whether the private key is the certificate's; undefined where one of them cannot be read, or nobody can tell. */
export function isKeyOf(certificatePem: string, keyPem: string): boolean | undefined {
  try {
    return certificateOf(certificatePem).checkPrivateKey(privateKeyOf(keyPem));
  } catch {
    return undefined;
  }
}

type Zlib = typeof import("node:zlib");
const zlib: () => Zlib = once(() => process.getBuiltinModule("node:zlib"));
export const brotliDecompressSync: Zlib["brotliDecompressSync"] = lazily(() => zlib().brotliDecompressSync);
export const createBrotliDecompress: Zlib["createBrotliDecompress"] = lazily(() => zlib().createBrotliDecompress);
export const createGunzip: Zlib["createGunzip"] = lazily(() => zlib().createGunzip);
export const createInflate: Zlib["createInflate"] = lazily(() => zlib().createInflate);
export const createInflateRaw: Zlib["createInflateRaw"] = lazily(() => zlib().createInflateRaw);
export const createZstdDecompress: Zlib["createZstdDecompress"] = lazily(() => zlib().createZstdDecompress);
export const gunzipSync: Zlib["gunzipSync"] = lazily(() => zlib().gunzipSync);
export const gzip: Zlib["gzip"] = lazily(() => zlib().gzip) as Zlib["gzip"];
export const inflateSync: Zlib["inflateSync"] = lazily(() => zlib().inflateSync);
export const zstdDecompressSync: Zlib["zstdDecompressSync"] = lazily(() => zlib().zstdDecompressSync);

/** Collects what is young and unreachable, on Bun; elsewhere nobody can ask for that. Some half a millisecond. */
export const youngCollection: (() => void) | undefined = RUNTIME === "bun"
  ? lazily(() => (process.getBuiltinModule("bun:jsc") as unknown as { edenGC(): void }).edenGC)
  : undefined;

type Net = typeof import("node:net");
const net: () => Net = once(() => process.getBuiltinModule("node:net"));
export const connectTcp: Net["connect"] = lazily(() => net().connect);
export const isIP: Net["isIP"] = lazily(() => net().isIP);

type Tls = typeof import("node:tls");
const tls: () => Tls = once(() => process.getBuiltinModule("node:tls"));
export const connectTls: Tls["connect"] = lazily(() => tls().connect);
/** PEM texts of the authorities that the runtime trusts. */
export const trustedAuthorities = (): readonly string[] => tls().rootCertificates;

type Sqlite = typeof import("node:sqlite");
export const openDatabase = (
  ...given: ConstructorParameters<Sqlite["DatabaseSync"]>
): InstanceType<Sqlite["DatabaseSync"]> => new (process.getBuiltinModule("node:sqlite").DatabaseSync)(...given);

export const createSocket: typeof import("node:dgram").createSocket = lazily(() =>
  process.getBuiltinModule("node:dgram").createSocket
);
export const isatty: typeof import("node:tty").isatty = lazily(() => process.getBuiltinModule("node:tty").isatty);
export const lookup: typeof import("node:dns/promises").lookup = lazily(() =>
  process.getBuiltinModule("node:dns/promises").lookup
);
export const requestByHttp: typeof import("node:http").request = lazily(() =>
  process.getBuiltinModule("node:http").request
);
export const spawn: typeof import("node:child_process").spawn = lazily(() =>
  process.getBuiltinModule("node:child_process").spawn
);
