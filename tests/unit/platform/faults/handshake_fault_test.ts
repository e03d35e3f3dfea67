import assert from "node:assert/strict";
import { handshakeFault } from "../../../../lib/platform/faults/handshake_fault.ts";
import { STRICT } from "../../../support/strict.ts";

/** As OpenSSL (Bun) and rustls (Deno) say it. */
const SAID: readonly (readonly [message: string, found: string | undefined])[] = [
  ["error:1000009c:SSL routines:OPENSSL_internal:HTTP_REQUEST", "no TLS"],
  ["error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", "no TLS"],
  ["received corrupt message of type InvalidContentType", "no TLS"],
  ["received fatal alert: CertificateUnknown", "a client that refused the certificate"],
  ["received fatal alert: UnknownCA", "a client that refused the certificate"],
  ["received fatal alert: BadCertificate", "a client that refused the certificate"],
  [
    "error:10000418:SSL routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA",
    "a client that refused the certificate",
  ],
  [
    "error:10000416:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "a client that refused the certificate",
  ],
  ["error:100000f0:SSL routines:OPENSSL_internal:UNSUPPORTED_PROTOCOL", "no version or cipher of TLS in common"],
  ["peer is incompatible: SupportedVersionsExtensionRequired", "no version or cipher of TLS in common"],
  ["Client network socket disconnected before secure TLS connection was established", undefined],
  ["unexpected end of file", undefined],
  ["Connection reset by peer (os error 104)", undefined],
];

Deno.test(
  "V1: what failed a client's handshake is said in one set of words, and nothing of who only knocked",
  STRICT,
  () => {
    for (const [message, found] of SAID) assert.equal(handshakeFault(new Error(message))?.found, found, message);
    assert.equal(handshakeFault(undefined), undefined);
  },
);
