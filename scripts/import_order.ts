// `deno lint`: imports stand in one order, so that two who add some meet in no line: packages and built-ins first, then our
// own files, each by the text of its specifier. `deno lint --fix` puts them so. What is taken of a module by its names stands
// in one import.

interface Place {
  readonly key: string;
  readonly node: Deno.lint.ImportDeclaration;
}

/** Our own files behind all others. */
function keyOf(specifier: string): string {
  return (specifier.startsWith(".") ? "1" : "0") + specifier;
}

function compare(one: Place, other: Place): number {
  return one.key < other.key ? -1 : one.key > other.key ? 1 : 0;
}

function takesNames({ specifiers }: Deno.lint.ImportDeclaration): boolean {
  return specifiers.some(({ type }) => type === "ImportSpecifier");
}

const plugin: Deno.lint.Plugin = {
  name: "signet",
  rules: {
    "import-order": {
      create(context) {
        return {
          Program(program) {
            const places = program.body.filter((node) => node.type === "ImportDeclaration")
              .map((node): Place => ({ key: keyOf(node.source.value), node }));
            const wanted = places.toSorted(compare);
            const first = places.findIndex((place, at) => place !== wanted[at]);
            if (first < 0) return;
            const texts = wanted.map(({ node }) => context.sourceCode.getText(node));
            context.report({
              node: places[first]!.node,
              message: `This import stands where ${wanted[first]!.node.source.raw} is wanted`,
              hint: "`deno lint --fix` puts imports in order: packages first, then our own, each by its specifier.",
              *fix(fixer) {
                for (const [at, { node }] of places.entries()) yield fixer.replaceText(node, texts[at]!);
              },
            });
          },
        };
      },
    },
    "import-once": {
      create(context) {
        const seen = new Set<string>();
        return {
          ImportDeclaration(node) {
            const { value } = node.source;
            if (!takesNames(node)) return;
            if (seen.has(value)) {
              context.report({ node, message: `${value} is imported twice, where one import is wanted` });
            }
            seen.add(value);
          },
        };
      },
    },
  },
};

export default plugin;
