// Keys of one bench run: a JWKS with its token, a sealing key, a certificate. Made fresh, kept in the run's own folder.
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { runToEnd } from "./process.ts";

export const ISSUER = "https://issuer.bench.test";
export const SUBJECT = "bench-user-0001";
export const AUDIENCE = "https://signet.bench.test/mcp";

export interface Credentials {
  readonly directory: string;
  readonly jwksFile: string;
  readonly keyFile: string;
  readonly certFile: string;
  readonly tlsKeyFile: string;
  /** A bearer token of some 800 characters. */
  readonly token: string;
}

/** Writes everything below `directory`, which exists. */
export async function makeCredentials(directory: string): Promise<Credentials> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...await exportJWK(publicKey), kid: "bench", alg: "ES256", use: "sig" };
  const jwksFile = `${directory}/jwks.json`;
  await Deno.writeTextFile(jwksFile, JSON.stringify({ keys: [jwk] }));
  const token = await new SignJWT({ scope: "mcp:tools mcp:resources", client_id: "bench", groups: "g".repeat(330) })
    .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
    .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject(SUBJECT).setIssuedAt().setExpirationTime("12h")
    .sign(privateKey);
  const keyFile = `${directory}/keys`;
  await Deno.writeTextFile(keyFile, crypto.getRandomValues(new Uint8Array(32)).toBase64() + "\n", { mode: 0o600 });
  return { directory, jwksFile, keyFile, token, ...await makeCertificate(directory) };
}

async function makeCertificate(directory: string): Promise<{ certFile: string; tlsKeyFile: string }> {
  const certFile = `${directory}/cert.pem`;
  const tlsKeyFile = `${directory}/cert.key`;
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  await runToEnd(
    ["openssl", "req", "-x509", ...curve, "-nodes", "-days", "1", ...subject, "-keyout", tlsKeyFile, "-out", certFile],
  );
  return { certFile, tlsKeyFile };
}
