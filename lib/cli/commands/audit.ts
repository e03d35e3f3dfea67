// `signet audit verify FILE …`: whether an audit log is as it was written, told by its chain and the configured keys
// (docs/behaviour.md G2). Nothing of what it says is repeated.
import type { Verdict } from "../../audit/verify.ts";
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { explainReadError } from "../../config/named/read_error.ts";
import { boolean, type Kind, quoted, unfit } from "../../config/values/kinds.ts";
import { readPieces } from "../../platform/files/files.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { JSON_FLAG, printJson, wantsJson } from "../screen/output.ts";
import { printable, styleFor, wrap } from "../screen/text.ts";

interface Head {
  readonly seq: number;
  readonly mac: string;
}

const head: Kind<Head> = {
  metavar: "NUMBER:MAC",
  parse(text) {
    const [, seq, mac] = /^(\d{1,15}):([0-9a-f]{32})$/.exec(text) ?? [];
    if (seq === undefined || mac === undefined) {
      return unfit(
        `${quoted(text)} is no head of an audit log`,
        "Take it from Signet's log or from an earlier verify.",
      );
    }
    return { value: { seq: Number(seq), mac } };
  },
  format: ({ seq, mac }) => `${seq}:${mac}`,
};

const HEAD_FLAG: OwnFlag<Head> = {
  name: "head",
  doc: "The last line must be this one, as was noted elsewhere",
  kind: head,
};
const CLOSED_FLAG: OwnFlag<boolean> = {
  name: "closed",
  doc: "The last file must end where Signet ended or went on in another",
  kind: boolean,
  isFlag: true,
};

const ENDS: Readonly<Record<Verdict["end"], string>> = {
  stop: "it ends where Signet ended",
  rotate: "it ends where Signet went on in another file",
  open: "its end is open: Signet writes to it, was killed, or the end was cut off",
};

/** What flags demand and the log does not hold. */
function demandsOf(context: CommandContext, verdict: Verdict): string[] {
  const wanted = ownValue(context.flags, HEAD_FLAG);
  const isHead = wanted === undefined || (verdict.head?.seq === wanted.seq && verdict.head.mac === wanted.mac);
  return [
    ...(isHead ? [] : ["the last line is not the one that --head names: the end was cut off, or more was written"]),
    ...(ownValue(context.flags, CLOSED_FLAG) === true && verdict.end === "open" ? [ENDS.open] : []),
  ];
}

async function verifyFiles(context: CommandContext, files: readonly string[]): Promise<Verdict> {
  const [{ requireKeys }, { Verifier }, { chainKeyOf }] = await Promise.all([
    import("../configuration.ts"),
    import("../../audit/verify.ts"),
    import("../../app/audit.ts"),
  ]);
  const { ring } = await requireKeys(
    context,
    new CommandFailure(
      EXIT.usage,
      "verifying the audit log: no key is configured",
      "Set --key-file or MCP_ENCRYPTION_KEY to the ring of the Signet that wrote it, with the keys it had then.",
    ),
  );
  const verifier = new Verifier(ring.keys.map(chainKeyOf));
  for (const file of files) {
    try {
      await verifier.read(file, readPieces(file));
    } catch (error) {
      throw new CommandFailure(
        EXIT.unreachable,
        `reading ${printable(file)}: ${explainReadError(error, file).problem}`,
        "Name the files of the audit log, the oldest first.",
      );
    }
  }
  return verifier.verdict;
}

function describe(verdict: Verdict): string[] {
  const { lines, head, dropped, killed, unsealed, anew, continues, end } = verdict;
  return [
    `${lines} lines, ${ENDS[end]}`,
    ...(head === undefined ? [] : [`head ${head.seq}:${head.mac}`]),
    ...(continues ? ["! The first file goes on from an earlier one that is not among these."] : []),
    ...(anew === 0 ? [] : [`! ${anew} of the files begin a chain of their own: what stood before them is not known.`]),
    ...(killed === 0 ? [] : [`! Signet was killed ${killed} times: what it had not written by then is missing.`]),
    ...(unsealed === 0
      ? []
      : [`! ${unsealed} lines had no MAC when Signet went on behind them: anybody may have written them.`]),
    ...(dropped === 0 ? [] : [`! ${dropped} lines found no room when they came, and were dropped.`]),
  ];
}

async function run(context: CommandContext): Promise<ExitCode> {
  const files = context.flags.positionals.slice(1);
  const verdict = await verifyFiles(context, files);
  const demands = demandsOf(context, verdict);
  const isWhole = verdict.problems.length === 0 && demands.length === 0;
  if (wantsJson(context)) printJson(context, { ...verdict, demands, whole: isWhole });
  else {
    for (const { file, from, to, found } of verdict.problems) {
      context.stdout(`${printable(file)}:${from}${to > from ? `-${to}` : ""}: ${found}\n`);
    }
    if (verdict.more > 0) context.stdout(`… and ${verdict.more} more\n`);
    const { columns } = styleFor(context.stdoutIsTerminal, context.env, context.stdoutColumns);
    const told = [...demands, isWhole ? "whole" : "NOT as it was written", ...describe(verdict)];
    context.stdout([...told.flatMap((text) => wrap(text, columns)), ""].join("\n"));
  }
  return isWhole ? EXIT.done : EXIT.failedCheck;
}

export const audit: Command = {
  name: "audit",
  summary: "tell whether an audit log is as it was written",
  description: [
    "verify reads the files in the order in which they were written, the oldest first, and needs the key",
    "ring that they were written under. Exit code 1 if a line was changed, removed, added or moved. That",
    "the end was cut off shows only against a head that was noted elsewhere (--head), or with --closed.",
  ],
  arguments: [{ name: "ACTION", choices: ["verify"] }, { name: "FILE", many: true, isFile: true }],
  examples: [
    "signet audit verify audit.jsonl --key-file signet.key",
    "signet audit verify audit.jsonl.2 audit.jsonl.1 audit.jsonl --key-file signet.key",
  ],
  settings: ["keyFile", "unsafeFiles"],
  own: [JSON_FLAG, HEAD_FLAG, CLOSED_FLAG],
  run,
};
