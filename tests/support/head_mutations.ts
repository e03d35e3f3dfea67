// Changes to the text of a head, for properties: mostly about one field, whose value is another each time, and every way to
// make two readers disagree about it.
import fc from "fast-check";

export type Mutation = (head: string) => string;

/** What may stand where a value stood: the like of it, longer and shorter ones, and what is no value at all. */
const OTHER_VALUES = [
  "",
  "a",
  " a",
  "a ",
  "\ta",
  "a\t",
  "a b",
  "a\tb",
  "a\0b",
  "a\x7f",
  "a\xe9",
  "\xff",
  "a\rb",
  "a\nb",
];
const BREAKING = ["a\r\nx: y", "a\r\n b", "a\r\n\tb", "a\r\n\r\nb", "a\r\n\r\n", "a\r", "a\n", "\r\na", "a\r\n: b"];
const BYTES = [..."a0Z :\t\r\n\0,;\x7f\xe9\xff", "\r\n", "\r\n\r\n", "content-length: 9\r\n"];

/** The lines of the field `name`, which is in lower case; what is found is the whole line without its end. */
function lineOf(head: string, name: string): { start: number; value: number; end: number } | undefined {
  const start = head.toLowerCase().indexOf(`\r\n${name}:`) + 2;
  if (start === 1) return undefined;
  const end = head.indexOf("\r\n", start);
  const value = start + name.length + 1 + /^[\t ]*/.exec(head.slice(start + name.length + 1, end))![0].length;
  return { start, value, end };
}

/** About the line of `name` alone. */
export function lineMutation(name: string): fc.Arbitrary<Mutation> {
  const onLine = (change: (line: string, value: number) => string): Mutation => (head) => {
    const found = lineOf(head, name);
    if (found === undefined) return head;
    const { start, value, end } = found;
    return head.slice(0, start) + change(head.slice(start, end), value - start) + head.slice(end);
  };
  const withValue = (said: (old: string) => string) => onLine((line, at) => line.slice(0, at) + said(line.slice(at)));
  const likely = fc.tuple(fc.constantFrom(-1, 0, 0, 0, 1), fc.constantFrom(..."bY7.=")).map(([more, char]) =>
    withValue((old) => char.repeat(Math.max(0, old.length + more)))
  );
  return fc.oneof(
    { weight: 4, arbitrary: likely },
    { weight: 2, arbitrary: fc.constantFrom(...OTHER_VALUES, ...BREAKING).map((other) => withValue(() => other)) },
    fc.constantFrom(...OTHER_VALUES, ...BREAKING).map((other) => withValue((old) => old + other)),
    fc.tuple(fc.nat(60), fc.constantFrom(...BYTES)).map(([at, bytes]) =>
      onLine((line) => line.slice(0, at % (line.length + 1)) + bytes + line.slice(at % (line.length + 1)))
    ),
    fc.nat(60).map((at) => onLine((line) => line.slice(0, at % line.length) + line.slice(at % line.length + 1))),
    fc.constantFrom<Mutation>(
      onLine((line) => `${line}\r\n${line}`),
      onLine((line, at) => `${line}\r\n${line.slice(0, at).toUpperCase()}other`),
      onLine((line, at) => `${name}: other\r\n${line.slice(0, at)}${line.slice(at)}`),
      onLine((line, at) => line.slice(0, at).toUpperCase() + line.slice(at)),
      onLine((line) => line.replace(":", " :")),
      onLine((line) => line.replace("-", "_")),
      onLine((line) => `Connection: ${name}\r\n${line}`),
      onLine(() => "x-other: y"),
    ),
  );
}

/** About that line or anything else. */
export function mutation(name: string): fc.Arbitrary<Mutation> {
  const anywhere = fc.tuple(fc.nat(400), fc.constantFrom(...BYTES)).map(([at, bytes]): Mutation => (head) =>
    head.slice(0, at % head.length) + bytes + head.slice(at % head.length)
  );
  const length = fc.constantFrom("12", "1", "0", "012", "+12", "12 ", "999999999999999", "9999999999999999", "1 2", "")
    .map((digits): Mutation => (head) => head.replace(/(content-length:[\t ]*)\d+/i, `$1${digits}`));
  return fc.oneof(
    { weight: 5, arbitrary: lineMutation(name) },
    { weight: 2, arbitrary: length },
    anywhere,
    fc.nat(400).map((at): Mutation => (head) => head.slice(0, at % head.length) + head.slice(at % head.length + 1)),
    fc.constant<Mutation>((head) => head),
  );
}
