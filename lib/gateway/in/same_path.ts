// A path with the slash that ends it and without is one: frameworks disagree about it.

export function isSamePath(path: string, wanted: string): boolean {
  return path === wanted || path === (wanted.endsWith("/") ? wanted.slice(0, -1) : `${wanted}/`);
}
