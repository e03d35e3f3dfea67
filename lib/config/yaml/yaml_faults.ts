// What is wrong with a text that is no YAML, in words. The parser's own messages are not shown: they name its terms, and
// some quote the text, which may hold a secret.
import type { YAMLParseError } from "yaml";

type Fault = readonly [problem: string, remedy: string];

const AS_LINES = "Write one `name: value` a line, with a blank behind the colon.";
const QUOTE = 'Put the value into quotes: `name: "value"`.';

const FAULTS: Partial<Record<YAMLParseError["code"], Fault>> = {
  BAD_DQ_ESCAPE: [
    "a backslash stands before what it cannot escape",
    "Write \\\\, or put the value into single quotes.",
  ],
  BAD_INDENT: [
    "the line is not indented as those around it, or a bracket before it is not closed",
    "Begin what belongs together in one column, and close what is open.",
  ],
  BAD_SCALAR_START: ["a value begins with a character that YAML keeps for itself", QUOTE],
  BLOCK_AS_IMPLICIT_KEY: [
    "a second `name: value` stands where a value ends",
    "Write each on a line of its own, begun in one column; a value with a colon and a blank in it goes into quotes.",
  ],
  BLOCK_IN_FLOW: ["a comma is missing, or a bracket is not closed", "Separate what stands in brackets by commas."],
  MULTILINE_IMPLICIT_KEY: ["this is no `name: value`", AS_LINES],
  MULTIPLE_DOCS: ["the file holds a second document", "Leave out the line `---` and what follows it."],
  TAB_AS_INDENT: ["the line is indented with a tab", "Indent with blanks."],
};

const OPEN_QUOTE: Fault = ["a quote before it is not closed", "Close it on the line it was opened on."];
const OPEN_BRACKET: Fault = ["a bracket before it is not closed", "Close it with ] or }."];
const NO_VALUE: Fault = ["this is no `name: value`", AS_LINES];
const ANY: Fault = ["this is no YAML", "Correct the line; the file is YAML 1.2."];

/** @param at what the text holds from where the name is given again */
function explainRepeated(at: string): Fault {
  const [name] = /^[\w-]{1,64}/.exec(at) ?? [];
  return [
    name === undefined ? "a name is given twice" : `"${name}" is given twice`,
    "Give it once; a list holds several.",
  ];
}

function explain({ code, message }: YAMLParseError): Fault {
  // One code of the parser's for three mistakes.
  if (code === "MISSING_CHAR") {
    return /quote/.test(message) ? OPEN_QUOTE : /end with a/.test(message) ? OPEN_BRACKET : NO_VALUE;
  }
  return FAULTS[code] ?? ANY;
}

interface Explained {
  readonly offset: number;
  readonly problem: string;
  readonly remedy: string;
}

/**
 * What is wrong, in the order of the text: every name that is given twice, and of all else the first, since the parser
 * loses its place there and stumbles over what is well.
 * @param repeated where names are given again
 */
export function explainYaml(
  errors: readonly YAMLParseError[],
  repeated: readonly number[],
  text: string,
): readonly Explained[] {
  const [first] = errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const found = repeated.map((offset) => explainedAt(offset, explainRepeated(text.slice(offset, offset + 65))));
  if (first !== undefined) found.push(explainedAt(first.pos[0], explain(first)));
  return found.toSorted((a, b) => a.offset - b.offset);
}

function explainedAt(offset: number, [problem, remedy]: Fault): Explained {
  return { offset, problem, remedy };
}
