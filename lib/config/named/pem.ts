// What PEM files have to hold (RFC 7468), told before anything listens or connects: an engine says what is wrong with one
// in codes of its own, does not say in which file, and of an authority not before a server is connected to.
import { certificateOf, privateKeyOf } from "../../platform/runtime/builtin.ts";

/** What is wrong with a file's text, and the cure; undefined if nothing. */
type Fault = readonly [problem: string, remedy: string] | undefined;

const CERTIFICATE = /^-----BEGIN CERTIFICATE-----[^]*?^-----END CERTIFICATE-----/m;
const PRIVATE_KEY = /^-----BEGIN ((?:RSA |EC )?)PRIVATE KEY-----[^]*?^-----END \1PRIVATE KEY-----/m;
const CERTIFICATE_BEGINS = /(?=-----BEGIN CERTIFICATE-----)/;
const KEY_BEGINS = /-----BEGIN ((RSA|EC) )?PRIVATE KEY-----/;
/** Of EC keys, as OpenSSL names them. */
const CURVES: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const AS_MADE = "Store it as it was made, each line of the PEM text on a line of its own.";

/** A chain that is shown: each has to be there for those who follow it. */
export function chainFault(text: string): Fault {
  const certificates = readable(text);
  const [count, bad] = [certificates.length, certificates.indexOf(false)];
  if (count === 0) return ["the file holds no PEM certificate", "Name a PEM file."];
  if (bad < 0) return undefined;
  const which = count === 1 ? "the certificate" : `certificate ${bad + 1} of ${count}`;
  return [`${which} in the file cannot be read: it is cut off or damaged`, AS_MADE];
}

/** Authorities that are trusted: of a bundle, engines pass over what they do not know. */
export function authoritiesFault(text: string): Fault {
  return readable(text).includes(true) ? undefined : [
    "the file holds no PEM certificate that can be read",
    "Name a PEM file, each line of its text on a line of its own.",
  ];
}

export function privateKeyFault(text: string): Fault {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return ["the private key is encrypted", "Store it without a passphrase, readable by this user only."];
  }
  if (!KEY_BEGINS.test(text)) {
    return ["the file holds no PEM private key", "Name a PEM file with a PKCS #8, RSA or EC private key."];
  }
  const block = PRIVATE_KEY.exec(text)?.[0];
  if (block !== undefined && reads(takenKeyOf, block)) return undefined;
  return [
    "the private key in the file cannot be read: it is cut off, damaged or of an unknown kind",
    `${AS_MADE} Kinds that are known: RSA, EC with P-256, P-384 or P-521, Ed25519.`,
  ];
}

/**
 * One that listeners of both runtimes take: what Node's API reads on Deno is more, and what Bun's does not is unknown to
 * both.
 */
function takenKeyOf(pem: string): void {
  const { asymmetricKeyType: kind, asymmetricKeyDetails } = privateKeyOf(pem);
  if (kind === "rsa" || kind === "ed25519" || (kind === "ec" && CURVES.has(asymmetricKeyDetails?.namedCurve))) return;
  throw new Error(`reading a private key: found one of the kind ${kind}, want one that listeners take`);
}

/** Of each certificate that begins in the text, whether it can be read. */
function readable(text: string): boolean[] {
  const begun = text.split(CERTIFICATE_BEGINS).filter((piece) => CERTIFICATE_BEGINS.test(piece));
  return begun.map((piece) => {
    const block = CERTIFICATE.exec(piece)?.[0];
    return block !== undefined && reads(certificateOf, block);
  });
}

/** Blanks at the ends of lines are nobody's trouble but some readers'. */
function reads(read: (pem: string) => unknown, block: string): boolean {
  try {
    read(block.replace(/[ \t\r]+$/gm, ""));
    return true;
  } catch {
    return false;
  }
}
