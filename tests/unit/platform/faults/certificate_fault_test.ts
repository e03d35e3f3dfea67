import assert from "node:assert/strict";
import { certificateFault, certificateWords } from "../../../../lib/platform/faults/certificate_fault.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("why a certificate is not taken is told alike, in whichever words a runtime has it", STRICT, () => {
  const coded = (code: string, message = "") => Object.assign(new Error(message), { code });
  const faults = {
    untrusted: [
      new Error("invalid peer certificate: UnknownIssuer"),
      coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
      coded("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate"),
      coded("SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain"),
      coded("DEPTH_ZERO_SELF_SIGNED_CERT", "self signed certificate"),
    ],
    expired: [
      new Error("invalid peer certificate: Expired"),
      new Error("invalid peer certificate: certificate expired: verification time 1 (UNIX), but not after 0"),
      coded("CERT_HAS_EXPIRED", "certificate has expired"),
    ],
    other_name: [
      new Error(
        'invalid peer certificate: certificate not valid for name "a"; certificate is only valid for DnsName("b")',
      ),
      coded("ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match certificate's altnames"),
    ],
  };
  for (const [fault, causes] of Object.entries(faults)) {
    for (const cause of causes) assert.equal(certificateFault(cause), fault, String(cause));
  }
  for (
    const cause of [coded("ECONNREFUSED", "connection refused"), new Error("tls handshake eof"), undefined, null, 1]
  ) {
    assert.equal(certificateWords(cause), undefined);
  }
});
