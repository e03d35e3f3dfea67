// Circles in a graph: files that import each other by way of others, or folders.

/** What each leads to; what is no key of it is outside. */
export type Graph = ReadonlyMap<string, readonly { readonly target: string }[]>;

/** One representative cycle for every strongly connected group (Tarjan 1972), each starting at its first name. */
export function findCycles(graph: Graph): string[][] {
  const cycles: string[][] = [];
  for (const group of stronglyConnected(graph)) {
    const start = [...group].sort()[0];
    if (start === undefined) continue;
    const cycle = shortestWayBack(graph, start, group);
    if (cycle !== undefined) cycles.push(cycle);
  }
  return cycles.sort((a, b) => (a[0] ?? "").localeCompare(b[0] ?? ""));
}

function stronglyConnected(graph: Graph): Set<string>[] {
  const order = new Map<string, number>();
  const stack: string[] = [];
  const groups: Set<string>[] = [];
  const visit = (path: string): number => {
    const number = order.size;
    order.set(path, number);
    let least = number;
    stack.push(path);
    for (const { target } of graph.get(path) ?? []) {
      if (!graph.has(target)) continue;
      if (!order.has(target)) least = Math.min(least, visit(target));
      else if (stack.includes(target)) least = Math.min(least, order.get(target) ?? least);
    }
    if (least === number) groups.push(new Set(stack.splice(stack.indexOf(path))));
    return least;
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return groups;
}

/** What the shortest cycle through `start` inside its group passes; undefined for one alone that leads not to itself. */
function shortestWayBack(graph: Graph, start: string, group: ReadonlySet<string>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const { target } of graph.get(path) ?? []) {
      if (target === start) return trail(cameFrom, start, path);
      if (!group.has(target) || cameFrom.has(target)) continue;
      cameFrom.set(target, path);
      queue.push(target);
    }
  }
  return undefined;
}

function trail(cameFrom: ReadonlyMap<string, string>, start: string, last: string): string[] {
  const files: string[] = [];
  for (let path = last; path !== start; path = cameFrom.get(path) ?? start) files.unshift(path);
  return [start, ...files];
}
