// Request smuggling as published: Linhart et al. 2005 (HTTP Request Smuggling), Kettle 2019 (HTTP Desync Attacks: CL.TE,
// TE.CL, TE.TE), 2021 (H2), 2022 (Browser-Powered Desync: CL.0), 2025 (HTTP/1.1 Must Die: 0.CL, Expect), Klein 2020
// (New Variants), Weikop 2025 (Funky Chunks: TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM), the cases of T-Reqs, and RFC
// 9112 §11.2. Each is what a client sends, and what must come of it: the requests understood, then perhaps a refusal.
import { HTTP_ERROR_STATUS, type HttpErrorCode } from "../../lib/http1/types.ts";

/** `METHOD target body` of a request as the handler must see it, or the status of the refusal that ends the connection. */
export type Outcome = readonly (string | number)[];

export interface SmugglingCase {
  readonly name: string;
  /** latin1. */
  readonly wire: string;
  readonly outcome: Outcome;
}

/** What is sent after every case: it is understood if, and only if, the end of the case was found where it is. */
export const LAST = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** What must come of `wire` with {@link LAST} after it. */
export function outcomeWithLast({ outcome }: SmugglingCase): Outcome {
  return typeof outcome.at(-1) === "number" ? outcome : [...outcome, "GET /last "];
}

/** Most bytes of a body, here and there. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The status that a refusal has on the wire (lib/http1/types.ts). */
export function statusOf(code: string): number {
  const status = HTTP_ERROR_STATUS[code as HttpErrorCode];
  if (status === undefined) throw new Error(`No status for ${code}`);
  return status;
}

/** A POST to /x of Host a with these header lines and this body. */
function post(lines: string, body = ""): string {
  return `POST /x HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;
}

/** What the attacker wants somebody else to take for a request. */
const HIDDEN = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
/** A body that ends at its first byte for one who reads chunks, and elsewhere for one who counts. */
const EMPTY_THEN_HIDDEN = `0\r\n\r\n${HIDDEN}`;

function cases(group: string, outcome: Outcome, wires: Readonly<Record<string, string>>): SmugglingCase[] {
  return Object.entries(wires).map(([name, wire]) => ({ name: `${group}: ${name}`, wire, outcome }));
}

const TWO_FRAMINGS = cases("two framings", [400], {
  "CL.TE": post(`Content-Length: 44\r\n${CHUNKED}`, EMPTY_THEN_HIDDEN),
  "TE.CL": post(`${CHUNKED}Content-Length: 4\r\n`, `27\r\n${HIDDEN.padEnd(0x27)}\r\n0\r\n\r\n`),
  "CL: 0 and TE": post(`Content-Length: 0\r\n${CHUNKED}`, EMPTY_THEN_HIDDEN),
  "CL twice, different": post("Content-Length: 0\r\nContent-Length: 31\r\n", HIDDEN),
  "CL twice, equal": post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
  "CL twice, other case": post("Content-Length: 3\r\ncontent-length: 3\r\n", "abc"),
  "TE twice": post(`${CHUNKED}${CHUNKED}`, "0\r\n\r\n"),
  "TE twice, one unknown": post(`${CHUNKED}Transfer-Encoding: x\r\n`, "0\r\n\r\n"),
  "TE twice, one empty": post(`${CHUNKED}Transfer-Encoding:\r\n`, "0\r\n\r\n"),
  "CL that Connection takes away": post("Content-Length: 3\r\nConnection: content-length\r\n", "abc"),
  "TE that Connection takes away": post(`${CHUNKED}Connection: close, Transfer-Encoding\r\n`, "0\r\n\r\n"),
  "TE in HTTP/1.0": `POST /x HTTP/1.0\r\n${CHUNKED}\r\n${EMPTY_THEN_HIDDEN}`,
});

const MALFORMED_TE = cases("TE.TE, malformed", [400], {
  "space before the colon": post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
  "tab before the colon": post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"),
  "tab after the colon": post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"),
  "tab at the end": post("Transfer-Encoding: chunked\t\r\n", "0\r\n\r\n"),
  "vertical tab before the value": post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
  "vertical tab after the value": post("Transfer-Encoding: chunked\x0b\r\n", "0\r\n\r\n"),
  "form feed": post("Transfer-Encoding: \x0cchunked\r\n", "0\r\n\r\n"),
  "NUL in the value": post("Transfer-Encoding: chunked\x00\r\n", "0\r\n\r\n"),
  "NUL in the name": post("Transfer-Encoding\x00: chunked\r\n", "0\r\n\r\n"),
  "DEL in the value": post("Transfer-Encoding: \x7fchunked\r\n", "0\r\n\r\n"),
  "no-break space before the value": post("Transfer-Encoding: \xa0chunked\r\n", "0\r\n\r\n"),
  "no-break space in the name": post("Transfer-Encoding\xa0: chunked\r\n", "0\r\n\r\n"),
  "0xff before the value": post("Transfer-Encoding: \xffchunked\r\n", "0\r\n\r\n"),
  "folded onto the line before": post("X: y\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "folded value": post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
  "folded value, tab": post("Transfer-Encoding:\r\n\tchunked\r\n", "0\r\n\r\n"),
  "name and colon on two lines": post("Transfer-Encoding\r\n : chunked\r\n", "0\r\n\r\n"),
  "first line begins with a blank": `POST /x HTTP/1.1\r\n ${CHUNKED}Host: a\r\n\r\n0\r\n\r\n`,
  "behind a bare LF": post("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "behind a bare CR": post("X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "behind CR CR LF": post("X: y\r\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "CR before the name": post("X: y\r\n\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "LF before the name": post("\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  "line ends with a bare LF": post("Transfer-Encoding: chunked\nX: y\r\n", "0\r\n\r\n"),
  "quoted": post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n"),
  "with a parameter": post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"),
  "chunked twice": post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
  "with an empty element": post("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"),
  "without a comma": post("Transfer-Encoding: chunked identity\r\n", "0\r\n\r\n"),
  "empty": post("Transfer-Encoding:\r\n", "0\r\n\r\n"),
  "colon twice": post("Transfer-Encoding:: chunked\r\n", "0\r\n\r\n"),
});

const UNKNOWN_TE = cases("TE.TE, unknown coding", [501], {
  "xchunked": post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
  "chunkedx": post("Transfer-Encoding: chunkedx\r\n", "0\r\n\r\n"),
  "chunk": post("Transfer-Encoding: chunk\r\n", "0\r\n\r\n"),
  "cow": post("Transfer-Encoding: cow\r\n", "0\r\n\r\n"),
  "in quotes that are token characters": post("Transfer-Encoding: 'chunked'\r\n", "0\r\n\r\n"),
  "identity": post("Transfer-Encoding: identity\r\n", "0\r\n\r\n"),
  "chunked, identity": post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
  "identity, chunked": post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"),
  "gzip, chunked": post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
  "gzip": post("Transfer-Encoding: gzip\r\n", "0\r\n\r\n"),
});

const MALFORMED_CL = cases("Content-Length", [400], {
  "plus": post("Content-Length: +3\r\n", "abc"),
  "minus": post("Content-Length: -3\r\n", "abc"),
  "list": post("Content-Length: 3,3\r\n", "abc"),
  "list of different ones": post("Content-Length: 3, 0\r\n", "abc"),
  "two numbers": post("Content-Length: 3 3\r\n", "abc"),
  "hexadecimal": post("Content-Length: 0x3\r\n", "abc"),
  "octal": post("Content-Length: 0o3\r\n", "abc"),
  "leading zero": post("Content-Length: 03\r\n", "abc"),
  "two zeros": post("Content-Length: 00\r\n", HIDDEN),
  "fraction": post("Content-Length: 3.0\r\n", "abc"),
  "exponent": post("Content-Length: 3e0\r\n", "abc"),
  "underscore": post("Content-Length: 1_0\r\n", "abcdefghij"),
  "quoted": post('Content-Length: "3"\r\n', "abc"),
  "letters after": post("Content-Length: 3abc\r\n", "abc"),
  "semicolon after": post("Content-Length: 3;\r\n", "abc"),
  "empty": post("Content-Length:\r\n", "abc"),
  "blank": post("Content-Length:  \r\n", "abc"),
  "superscript digit": post("Content-Length: \xb3\r\n", "abc"),
  "NUL after": post("Content-Length: 3\x00\r\n", "abc"),
  "vertical tab before": post("Content-Length: \x0b3\r\n", "abc"),
  "tab before": post("Content-Length:\t3\r\n", "abc"),
  "folded": post("Content-Length: 3\r\n 1\r\n", HIDDEN),
  "space before the colon": post("Content-Length : 3\r\n", "abc"),
  "space in the name": post("Content Length: 3\r\n", "abc"),
  "NUL in the name": post("Content-Length\x00: 3\r\n", "abc"),
  "behind a bare CR": post("X: y\rContent-Length: 3\r\n", "abc"),
  "infinity": post("Content-Length: Infinity\r\n", "abc"),
});

const HUGE_CL = cases("Content-Length", [413], {
  "2^64 + 3, which wraps to 3": post("Content-Length: 18446744073709551619\r\n", "abc"),
  "2^32 + 3 beyond the body limit": post("Content-Length: 4294967299\r\n", "abc"),
  "2^53, where doubles lose count": post("Content-Length: 9007199254740993\r\n", "abc"),
  "a hundred digits": post(`Content-Length: ${"9".repeat(100)}\r\n`, "abc"),
});

const BAD_CHUNKS = cases("chunks", [400], {
  "size ends with a bare LF (TERM.EXT)": post(CHUNKED, "3\nabc\r\n0\r\n\r\n"),
  "size ends with a bare CR": post(CHUNKED, "3\rabc\r\n0\r\n\r\n"),
  "size ends with CR CR LF": post(CHUNKED, "3\r\r\nabc\r\n0\r\n\r\n"),
  "LF in an extension (TERM.EXT)": post(CHUNKED, "3;x\nabc\r\n0\r\n\r\n"),
  "LF after the semicolon (TERM.EXT)": post(CHUNKED, "2;\nxx\r\n4c\r\n0\r\n\r\n"),
  "CR in an extension": post(CHUNKED, "3;x\rabc\r\n0\r\n\r\n"),
  "CR then another byte in an extension (EXT.TERM)": post(CHUNKED, "3;x\rX\r\nabc\r\n0\r\n\r\n"),
  "LF in a quoted extension": post(CHUNKED, '3;x="\n"\r\nabc\r\n0\r\n\r\n'),
  "CR LF in a quoted extension": post(CHUNKED, '3;x="\r\n"\r\nabc\r\n0\r\n\r\n'),
  "LF behind a backslash in an extension": post(CHUNKED, '3;x="\\\n"\r\nabc\r\n0\r\n\r\n'),
  "NUL in an extension": post(CHUNKED, "3;x\x00\r\nabc\r\n0\r\n\r\n"),
  "extension without a name": post(CHUNKED, "3;\r\nabc\r\n0\r\n\r\n"),
  "blank after the size": post(CHUNKED, "3 \r\nabc\r\n0\r\n\r\n"),
  "blank before the size": post(CHUNKED, " 3\r\nabc\r\n0\r\n\r\n"),
  "0x": post(CHUNKED, "0x3\r\nabc\r\n0\r\n\r\n"),
  "plus": post(CHUNKED, "+3\r\nabc\r\n0\r\n\r\n"),
  "minus": post(CHUNKED, "-3\r\nabc\r\n0\r\n\r\n"),
  "underscore": post(CHUNKED, "0_3\r\nabc\r\n0\r\n\r\n"),
  "no digit": post(CHUNKED, "\r\nabc\r\n0\r\n\r\n"),
  "not a digit": post(CHUNKED, "g\r\nabc\r\n0\r\n\r\n"),
  "digit that only Unicode knows": post(CHUNKED, "\xb3\r\nabc\r\n0\r\n\r\n"),
  "2^64 + 3, which wraps to 3": post(CHUNKED, "10000000000000003\r\nabc\r\n0\r\n\r\n"),
  "2^53 and more": post(CHUNKED, "20000000000000\r\nabc\r\n0\r\n\r\n"),
  "zeros without end": post(CHUNKED, `${"0".repeat(64)}3\r\nabc\r\n0\r\n\r\n`),
  "data longer than its size": post(CHUNKED, "3\r\nabcd\r\n0\r\n\r\n"),
  "data without an end": post(CHUNKED, "3\r\nabc0\r\n\r\n"),
  "data ends with a bare LF": post(CHUNKED, "3\r\nabc\n0\r\n\r\n"),
  "data ends with a bare CR": post(CHUNKED, "3\r\nabc\r0\r\n\r\n"),
  "two other bytes after the data (TERM.SPILL)": post(CHUNKED, "3\r\nabcXX0\r\n\r\n"),
  "body ends with a bare LF": post(CHUNKED, "0\r\n\n"),
  "last size ends with a bare LF": post(CHUNKED, "0\n\r\n"),
  "body ends with CR and another byte": post(CHUNKED, "0\r\n\rX"),
  "Content-Length in the trailers": post(CHUNKED, "0\r\nContent-Length: 31\r\n\r\n"),
  "Transfer-Encoding in the trailers": post(CHUNKED, "0\r\ntransfer-encoding: chunked\r\n\r\n"),
  "Host in the trailers": post(CHUNKED, "0\r\nHost: b\r\n\r\n"),
  "folded trailer": post(CHUNKED, "0\r\nX: y\r\n z\r\n\r\n"),
  "space before a trailer's colon": post(CHUNKED, "0\r\nX : y\r\n\r\n"),
  "a request in the trailers": post(CHUNKED, "0\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"),
  "trailer ends with a bare LF": post(CHUNKED, "0\r\nX: y\nZ: z\r\n\r\n"),
  "CR in a trailer": post(CHUNKED, "0\r\nX: y\rZ\r\n\r\n"),
  "NUL in a trailer": post(CHUNKED, "0\r\nX: \x00\r\n\r\n"),
});

const BAD_LINES = cases("header lines", [400], {
  "head ends with bare LFs": "GET /x HTTP/1.1\nHost: a\n\n\r\n\r\n",
  "one bare LF": "GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
  "LF CR": "GET /x HTTP/1.1\n\rHost: a\r\n\r\n",
  "bare CR": "GET /x HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
  "bare CR at the end": "GET /x HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n",
  "folded": "GET /x HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
  "NUL in a value": "GET /x HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
  "NUL in a name": "GET /x HTTP/1.1\r\nHost: a\r\nX\x00Y: z\r\n\r\n",
  "escape in a value": "GET /x HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n",
  "no colon": "GET /x HTTP/1.1\r\nHost: a\r\nXYZ\r\n\r\n",
  "no name": "GET /x HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
  "space in a name": "GET /x HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
  "0xff in a name": "GET /x HTTP/1.1\r\nHost: a\r\nX\xff: z\r\n\r\n",
  "brackets in a name": "GET /x HTTP/1.1\r\nHost: a\r\nX[]: z\r\n\r\n",
  "Authorization twice": "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
  "Content-Type twice": post("Content-Type: a/b\r\nContent-Type: c/d\r\n"),
  "Connection names Authorization": "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Authorization\r\n\r\n",
  "Connection names Host": "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, host\r\n\r\n",
  "Connection is no list of tokens": "GET /x HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n",
});

const HOSTS = cases("Host", [400], {
  "none": "GET /x HTTP/1.1\r\nX: y\r\n\r\n",
  "empty": "GET /x HTTP/1.1\r\nHost:\r\n\r\n",
  "two": "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "two equal": "GET /x HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
  "two, one folded in": "GET /x HTTP/1.1\r\n Host: b\r\nHost: a\r\n\r\n",
  "list": "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n",
  "blank inside": "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
  "user info": "GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n",
  "path": "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
  "two ports": "GET /x HTTP/1.1\r\nHost: a:80:81\r\n\r\n",
  "port that is no number": "GET /x HTTP/1.1\r\nHost: a:b\r\n\r\n",
  "port out of range": "GET /x HTTP/1.1\r\nHost: a:65536\r\n\r\n",
  "empty port": "GET /x HTTP/1.1\r\nHost: a:\r\n\r\n",
  "open bracket": "GET /x HTTP/1.1\r\nHost: [::1\r\n\r\n",
  "text after the bracket": "GET /x HTTP/1.1\r\nHost: [::1]b\r\n\r\n",
  "percent-encoding": "GET /x HTTP/1.1\r\nHost: a%00b\r\n\r\n",
  "target names another": "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n",
  "target names another port": "GET http://a:81/x HTTP/1.1\r\nHost: a\r\n\r\n",
  "target with user info": "GET http://a@b/x HTTP/1.1\r\nHost: b\r\n\r\n",
  "target without a host": "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
  "target without Host": "GET http://a/x HTTP/1.1\r\n\r\n",
});

const REQUEST_LINES = cases("request line", [400], {
  "lower-case method": "get /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "mixed-case method": "Get /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "blank in the method": "G ET /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "control in the method": "GE\x01T /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "colon in the method": "GET: /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "endless method": `${"G".repeat(40)} /x HTTP/1.1\r\nHost: a\r\n\r\n`,
  "blank first": " GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "two blanks before the target": "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "two blanks after the target": "GET /x  HTTP/1.1\r\nHost: a\r\n\r\n",
  "tab before the target": "GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n",
  "tab after the target": "GET /x\tHTTP/1.1\r\nHost: a\r\n\r\n",
  "blank in the target": "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n",
  "blank last": "GET /x HTTP/1.1 \r\nHost: a\r\n\r\n",
  "NUL last": "GET /x HTTP/1.1\x00\r\nHost: a\r\n\r\n",
  "NUL in the target": "GET /x\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
  "CR in the target": "GET /x\r HTTP/1.1\r\nHost: a\r\n\r\n",
  "not ASCII in the target": "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
  "fragment": "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n",
  "backslash": "GET /\\..\\x HTTP/1.1\r\nHost: a\r\n\r\n",
  "markup": "GET /<script> HTTP/1.1\r\nHost: a\r\n\r\n",
  "target without a slash": "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
  "target that begins with an at sign": "GET @b/x HTTP/1.1\r\nHost: a\r\n\r\n",
  "authority-form": "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
  "other scheme": "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
  "asterisk for GET": "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
  "no target": "GET HTTP/1.1\r\nHost: a\r\n\r\n",
  "no version (HTTP/0.9)": "GET /x\r\nHost: a\r\n\r\n",
  "version in lower case": "GET /x http/1.1\r\nHost: a\r\n\r\n",
  "version with a blank": "GET /x HTTP/ 1.1\r\nHost: a\r\n\r\n",
  "version 1.10": "GET /x HTTP/1.10\r\nHost: a\r\n\r\n",
  "version 01.1": "GET /x HTTP/01.1\r\nHost: a\r\n\r\n",
  "version 1": "GET /x HTTP/1\r\nHost: a\r\n\r\n",
  "other protocol": "GET /x HTP/1.1\r\nHost: a\r\n\r\n",
});

const VERSIONS = cases("version", [505], {
  "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "2.0": "GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
  "1.2": "GET /x HTTP/1.2\r\nHost: a\r\n\r\n",
  "0.9, said": "GET /x HTTP/0.9\r\nHost: a\r\n\r\n",
});

const EXPECTATIONS = cases("Expect", [400], {
  "another one": post("Content-Length: 3\r\nExpect: 200-ok\r\n", "abc"),
  "something before": post("Content-Length: 3\r\nExpect: y 100-continue\r\n", "abc"),
  "list": post("Content-Length: 3\r\nExpect: 100-continue, 100-continue\r\n", "abc"),
  "twice": post("Content-Length: 3\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n", "abc"),
  "folded": post("Content-Length: 3\r\nExpect:\r\n 100-continue\r\n", "abc"),
  "empty": post("Content-Length: 3\r\nExpect:\r\n", "abc"),
});

const OTHER_STATUS: SmugglingCase[] = [
  { name: "CONNECT", wire: "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", outcome: [501] },
  { name: "endless target", wire: `GET /${"x".repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, outcome: [414] },
  { name: "101 header lines", wire: post("X: y\r\n".repeat(100)), outcome: [431] },
];

/** What is a matter of taste elsewhere, and here is read in one way that everybody reads it in. */
const UNDERSTOOD: SmugglingCase[] = [
  {
    name: "CL.0: a request in a body",
    wire: post(`Content-Length: ${HIDDEN.length}\r\n`, HIDDEN),
    outcome: [`POST /x ${HIDDEN}`],
  },
  {
    name: "0.CL: a GET with a body",
    wire: `GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    outcome: [`GET /x ${HIDDEN}`],
  },
  {
    name: "a GET with chunks",
    wire: `GET /x HTTP/1.1\r\nHost: a\r\n${CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n`,
    outcome: ["GET /x abc"],
  },
  { name: "no framing: no body", wire: post("") + HIDDEN, outcome: ["POST /x ", "GET /admin "] },
  {
    name: "chunked in another case",
    wire: post("transfer-ENCODING: CHUNKed\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    outcome: ["POST /x abc"],
  },
  {
    name: "chunked without a blank",
    wire: post("Transfer-Encoding:chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    outcome: ["POST /x abc"],
  },
  {
    name: "Transfer_Encoding is another field",
    wire: post("Transfer_Encoding: chunked\r\n", "0\r\n\r\n"),
    outcome: ["POST /x ", 400],
  },
  {
    name: "X-Transfer-Encoding is another field",
    wire: post(`X-${CHUNKED}Content-Length: 5\r\n`, "0\r\n\r\n"),
    outcome: ["POST /x 0\r\n\r\n"],
  },
  {
    name: "Content-Length: 0, then a request",
    wire: post("Content-Length: 0\r\n", HIDDEN),
    outcome: ["POST /x ", "GET /admin "],
  },
  {
    name: "chunk extensions are dropped",
    wire: post(CHUNKED, '3;a;b=c;d="e;\\"f"\r\nabc\r\n0;last\r\n\r\n'),
    outcome: ["POST /x abc"],
  },
  { name: "zeros before a size", wire: post(CHUNKED, "003\r\nabc\r\n000\r\n\r\n"), outcome: ["POST /x abc"] },
  { name: "size in capitals", wire: post(CHUNKED, "A\r\n0123456789\r\n0\r\n\r\n"), outcome: ["POST /x 0123456789"] },
  {
    name: "data that looks like chunks",
    wire: post(CHUNKED, "5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    outcome: ["POST /x 0\r\n\r\n"],
  },
  {
    name: "trailers are dropped",
    wire: post(CHUNKED, "0\r\nX-Sum: 1\r\nAuthorization: b\r\n\r\n"),
    outcome: ["POST /x "],
  },
  {
    name: "h2c upgrade is not taken",
    wire:
      "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    outcome: ["GET /x "],
  },
  {
    name: "WebSocket upgrade is not taken",
    wire:
      "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n\r\n" +
      HIDDEN,
    outcome: ["GET /x ", "GET /admin "],
  },
  {
    name: "Expect with its body at once",
    wire: post("Content-Length: 3\r\nExpect: 100-Continue\r\n", "abc"),
    outcome: ["POST /x abc"],
  },
  {
    name: "Expect without a body",
    wire: "GET /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n" + HIDDEN,
    outcome: ["GET /x ", "GET /admin "],
  },
  { name: "absolute-form", wire: "GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", outcome: ["GET /x?y "] },
  { name: "absolute-form in capitals", wire: "GET HTTP://A HTTP/1.1\r\nHost: a\r\n\r\n", outcome: ["GET / "] },
  { name: "asterisk for OPTIONS", wire: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", outcome: ["OPTIONS * "] },
  { name: "IPv6 Host", wire: "GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", outcome: ["GET /x "] },
  {
    name: "rear request after a refusal is never read",
    wire: post("Content-Length: 3, 3\r\n", "abc") + HIDDEN,
    outcome: [400],
  },
  {
    name: "refusal after a good request",
    wire: HIDDEN + "GET /x HTTP/1.1\r\nHost : a\r\n\r\n",
    outcome: ["GET /admin ", 400],
  },
];

export const SMUGGLING_CASES: readonly SmugglingCase[] = [
  ...TWO_FRAMINGS,
  ...MALFORMED_TE,
  ...UNKNOWN_TE,
  ...MALFORMED_CL,
  ...HUGE_CL,
  ...BAD_CHUNKS,
  ...BAD_LINES,
  ...HOSTS,
  ...REQUEST_LINES,
  ...VERSIONS,
  ...EXPECTATIONS,
  ...OTHER_STATUS,
  ...UNDERSTOOD,
];
