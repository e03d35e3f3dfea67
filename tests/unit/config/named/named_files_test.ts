import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { looksLikeKey } from "../../../../lib/config/named/named_files.ts";
import { privateKeyFault } from "../../../../lib/config/named/pem.ts";
import { explainReadError } from "../../../../lib/config/named/read_error.ts";
import { explainWriteError } from "../../../../lib/config/named/write_error.ts";
import { systemError } from "../../../../lib/platform/faults/system_fault.ts";
import type { PathUse } from "../../../../lib/platform/files/foreign_hands.ts";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { Authority, pemTexts } from "../../../support/authority.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { load, problemLines, problemsOf, UPSTREAM } from "../sources.ts";

const { cert: CERT, key: KEY, ca: CA } = await pemTexts();
const TLS = ["--tls-cert", "c", "--tls-key", "k"];

Deno.test("every file a setting names must be readable, each told at its place", STRICT, async () => {
  const lines = await problemLines({
    argv: ["--key-file", "a", ...TLS],
    env: { SIGNET_JWT_ISSUER: "i", SIGNET_JWT_AUDIENCE: "a", SIGNET_JWT_JWKS: "keys.json", SIGNET_PRINCIPAL: "jwt" },
    files: {
      c: new Deno.errors.PermissionDenied("x"),
      k: new Deno.errors.IsADirectory("x"),
      "keys.json": systemError("ENOTDIR", "x"),
    },
  });
  assert.deepEqual(lines, [
    "--tls-cert: this user may not read the file",
    "--tls-key: this is a directory",
    "--key-file: there is no such file",
    "SIGNET_JWT_JWKS: the file cannot be read (ENOTDIR)",
  ]);
});

Deno.test("a folder given in place of a file is told to be one, with a cure that names no folder", STRICT, async () => {
  const folder = new Deno.errors.IsADirectory("x");
  for (
    const given of [{ argv: ["--key-file", "."], files: { ".": folder } }, {
      argv: ["--state", ".."],
      readOnly: { "..": folder },
    }]
  ) {
    const [problem, ...rest] = await problemsOf({ ...given, argv: [...UPSTREAM, ...given.argv] });
    assert.deepEqual([problem?.problem, problem?.remedy, rest], ["this is a directory", "Name a file in it.", []]);
  }
});

Deno.test("files of another kind are refused before anything starts", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: TLS, files: { c: "-----BEGIN PRIVATE KEY-----", k: CERT } }), [
    "--tls-cert: the file holds no PEM certificate",
    "--tls-key: the file holds no PEM private key",
  ]);
  for (
    const pem of [
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
    ]
  ) {
    assert.deepEqual(await problemLines({ argv: TLS, files: { c: CERT, k: pem } }), [
      "--tls-key: the private key is encrypted",
    ]);
  }
});

/** What copying and pasting makes of PEM files, and what is then to be said of a certificate and of a key: nothing, or words. */
const AS_HANDED_OVER: readonly (readonly [what: string, make: (pem: string) => string, isRead: boolean])[] = [
  ["ends its lines as DOS does", (pem) => pem.replaceAll("\n", "\r\n"), true],
  ["has blanks at the ends of its lines", (pem) => pem.replaceAll("\n", " \t\n"), true],
  ["stands among other words", (pem) => `Bag Attributes: x\n${pem}\nmore\n`, true],
  ["is cut off", (pem) => pem.slice(0, -40), false],
  ["is one line", (pem) => pem.replaceAll("\n", ""), false],
  ["is indented", (pem) => pem.replace(/^/gm, "  "), false],
  ["lacks its middle", (pem) => pem.split("\n").toSpliced(1, 1).join("\n"), false],
  ["holds what is no base64", (pem) => pem.replace(/^M[^]{9}/m, "*".repeat(10)), false],
];
for (const [what, make, isRead] of AS_HANDED_OVER) {
  Deno.test(
    `P3: of a PEM file that ${what} is said ${isRead ? "nothing" : "what is wrong with it"}`,
    STRICT,
    async () => {
      const told = (...lines: readonly string[]) => isRead ? [] : lines;
      assert.deepEqual(
        await problemLines({ argv: TLS, files: { c: make(CERT), k: make(KEY) } }),
        told(
          "--tls-cert: the certificate in the file cannot be read: it is cut off or damaged",
          "--tls-key: the private key in the file cannot be read: it is cut off, damaged or of an unknown kind",
        ),
      );
      assert.deepEqual(
        await problemLines({ argv: TLS, files: { c: CERT + make(CA) + CA, k: KEY } }),
        told("--tls-cert: certificate 2 of 3 in the file cannot be read: it is cut off or damaged"),
      );
      for (const files of [{ ca: make(CA) }, { ca: make(CA) + CA }]) {
        const isTold = !isRead && files.ca === make(CA);
        const tls = ["--store", "rediss://store.example", "--store-ca-file", "ca"];
        const problem = "the file holds no PEM certificate that can be read";
        assert.deepEqual(await problemLines({ argv: tls, files }), isTold ? [`--store-ca-file: ${problem}`] : []);
      }
    },
  );
}

Deno.test("P3: a key that is another certificate's is told before anything listens", STRICT, async () => {
  await using folder = await TempFolder.create();
  const authority = await Authority.create(folder.path, "ours");
  const [one, other] = [await authority.certify(), await authority.certify()];
  const [c, k, stranger, ca] = await Promise.all(
    [one.certFile, one.keyFile, other.keyFile, authority.certFile].map((path) => Deno.readTextFile(path)),
  ) as [string, string, string, string];
  assert.deepEqual(await problemLines({ argv: TLS, files: { c, k } }), []);
  assert.deepEqual(await problemLines({ argv: TLS, files: { c: c + ca, k } }), [], "a chain");
  assert.deepEqual(await problemLines({ argv: TLS, files: { c, k: stranger } }), [
    "--tls-key: this is not the key of the certificate in c",
  ]);
  assert.deepEqual(await problemLines({ argv: TLS, files: { c: ca + c, k } }), [
    "--tls-key: this is not the key of the certificate in c",
  ]);
});

const pem = ({ privateKey }: { privateKey: KeyObject }) =>
  privateKey.export({ format: "pem", type: "pkcs8" }) as string;
const EC = (namedCurve: string) => pem(generateKeyPairSync("ec", { namedCurve }));
async function openssl(...args: string[]): Promise<string> {
  return (await runBounded("openssl", { args, what: "openssl, which makes a key", deadlineMs: 60_000 })).stdout;
}
const KINDS: readonly (readonly [kind: string, make: () => string | Promise<string>, isTaken: boolean])[] = [
  ["RSA", () => pem(generateKeyPairSync("rsa", { modulusLength: 2048 })), true],
  ["EC with P-256", () => EC("prime256v1"), true],
  ["EC with P-384", () => EC("secp384r1"), true],
  ["EC with P-521", () => EC("secp521r1"), true],
  ["Ed25519", () => pem(generateKeyPairSync("ed25519")), true],
  // As OpenSSL makes them: Deno's API writes such a key as one of RSA.
  ["RSA-PSS", () => openssl("genpkey", "-algorithm", "RSA-PSS"), false],
  ["EC with secp256k1", () => EC("secp256k1"), false],
  ["X25519", () => pem(generateKeyPairSync("x25519")), false],
];
for (const [kind, make, isTaken] of KINDS) {
  Deno.test(
    `P3: a private key that is ${kind} is ${isTaken ? "taken" : "refused before anything listens"}`,
    STRICT,
    async () => {
      const fault = privateKeyFault(await make());
      if (isTaken) return assert.equal(fault, undefined);
      assert.match(fault?.join(" ") ?? "", /of an unknown kind .*Kinds that are known: RSA, EC with P-256/);
    },
  );
}

Deno.test("a JWKS file must be a key set with a key in it", STRICT, async () => {
  const argv = ["--principal", "jwt", "--jwt-issuer", "i", "--jwt-audience", "a", "--jwt-jwks", "keys.json"];
  for (const text of ["", "[]", "{}", "null", '{"keys":[]}', '{"keys":{}}', '{"keys":[', '"keys"', '{"keys":[{}]}']) {
    const lines = await problemLines({ argv, files: { "keys.json": text } });
    assert.equal(lines.length, 1, text);
    assert.match(lines[0]!, /^--jwt-jwks: reading a key set: found no /, text);
  }
  assert.deepEqual(await problemLines({ argv, files: { "keys.json": '{"keys":[{"kty":"EC"}]}' } }), []);
  const withPrivate = '{"keys":[{"kty":"EC"},{"kty":"EC","d":"hunter2"}]}';
  assert.deepEqual(await problemLines({ argv, files: { "keys.json": withPrivate } }), [
    "--jwt-jwks: a key in the set is private",
  ]);
});

Deno.test("a secret that others can read is warned of, with the cure", STRICT, async () => {
  const files = { key: "x", c: CERT, k: KEY };
  const argv = ["--key-file", "key", ...TLS];
  for (const mode of [0o644, 0o640, 0o604]) {
    const { warnings } = await load({ argv, files, modes: { key: 0o100000 | mode, k: mode, c: 0o644 } });
    const told = warnings.filter((warning) => warning.includes("chmod"));
    assert.deepEqual(told, [
      `--tls-key: other users can read k (mode 0${mode.toString(8)}). Run chmod 600 on it.`,
      `--key-file: other users can read key (mode 0${mode.toString(8)}). Run chmod 600 on it.`,
    ]);
  }
  // As Kubernetes and systemd hand them over: root's, and the group's to read. To everybody is another matter.
  const handed = { argv, files, roots: ["key", "k"], modes: { key: 0o100440, k: 0o444, c: 0o644 } };
  const told = (await load(handed)).warnings.filter((warning) => warning.includes("chmod"));
  assert.deepEqual(told, ["--tls-key: other users can read k (mode 0444). Run chmod 600 on it."]);
  const { warnings } = await load({ argv, files, modes: { key: 0o600, k: 0o400, c: 0o644 } });
  assert.doesNotMatch(warnings.join("\n"), /chmod/);
});

Deno.test("E6: a key given in place of its file's name is told, and not shown", STRICT, async () => {
  const key = btoa("k".repeat(32));
  assert.equal(looksLikeKey(key), true);
  for (const path of ["/etc/signet/key", "signet.key", "./" + "a".repeat(50), "/" + "a".repeat(50)]) {
    assert.equal(looksLikeKey(path), false, path);
  }
  const lines = await problemLines({ argv: ["--key-file", key] });
  assert.deepEqual(lines, ["--key-file: this looks like a key, not like the name of a file"]);
});

Deno.test("L6: a state file must be one that can be made where it is named", STRICT, async () => {
  const cases: [Error, string][] = [
    [new Deno.errors.NotFound("x"), "its folder is not there"],
    [new Deno.errors.PermissionDenied("x"), "this user may not write in its folder"],
    [new Deno.errors.NotCapable("x"), "the runtime may not write there"],
    [new Deno.errors.IsADirectory("x"), "this is a directory"],
    [systemError("EROFS", "x"), "its folder is on a file system that is mounted read-only"],
    [systemError("ENOSPC", "x"), "there is no room for it in its file system"],
    [systemError("EDQUOT", "x"), "there is no room for it in its file system"],
    [systemError("EIO", "x"), "nothing can be written in its folder (EIO)"],
    [new Error("whatever"), "nothing can be written in its folder"],
  ];
  for (const [error, problem] of cases) {
    const lines = await problemLines({ argv: ["--state", "s.db"], readOnly: { "s.db": error } });
    assert.deepEqual(lines, [`--state: ${problem}`]);
  }
  assert.deepEqual(await problemLines({ argv: ["--state", "s.db"] }), []);
});

Deno.test("P3: what only a shell reads in a path is named, of files to be made as of files to be read", STRICT, () => {
  const gone = new Deno.errors.NotFound("x");
  const cases: [path: string, remedy: RegExp][] = [
    ["~/s.db", /^Write the path in full: ~ is read by shells/],
    ["${HOME}/s.db", /^Write the path in full: \$ is read by shells/],
    ["/var/$USER/s.db", /^Write the path in full: \$ is read by shells/],
    ["/var/a$/s.db", /another file\.$/],
    ["s.db", /another file\.$/],
  ];
  for (const [path, remedy] of cases) {
    assert.match(explainWriteError(gone, path).remedy, remedy, path);
    assert.match(explainReadError(gone, path).remedy, remedy, path);
  }
});

Deno.test(
  "L6: every file that decides something must be nobody else's, which check says with the cure",
  STRICT,
  async () => {
    const files = {
      key: "x",
      c: CERT,
      k: KEY,
      tokens: btoa("s".repeat(32)),
      jwks: '{"keys":[{"kty":"EC"}]}',
      "signet.yaml": "path: /mcp\n",
    };
    const argv = [
      ...["--config", "signet.yaml", "--key-file", "key", ...TLS, "--principal", "token,jwt", "--state", "s.db"],
      ...["--token-secret-file", "tokens", "--jwt-provider", "issuer=i jwks=jwks audience=a"],
    ];
    const foreign: Record<string, PathUse> = {
      ...{ key: "file", c: "file", k: "file", tokens: "file", jwks: "file", "signet.yaml": "file" },
      "s.db": "state",
    };
    const lines = await problemLines({ argv, files, foreign });
    assert.deepEqual(lines.sort(), [
      "--jwt-provider: others write jwks",
      "--key-file: others write key",
      "--state: others write s.db",
      "--tls-cert: others write c",
      "--tls-key: others write k",
      "--token-secret-file: others write tokens",
      "signet.yaml: others write signet.yaml",
    ]);
    const { warnings } = await load({ argv: [...argv, "--unsafe-files"], files, foreign });
    assert.match(warnings.join("\n"), /--unsafe-files: whoever can write/);
    const socket = {
      argv: ["--upstream", "http+unix://%2Ftmp%2Fmcp.sock/mcp"],
      foreign: { "/tmp/mcp.sock": "socket" } as const,
    };
    assert.deepEqual((await problemsOf(socket)).map(({ problem }) => problem), ["others write /tmp/mcp.sock"]);
  },
);
