// As much of `yaml` as a configuration file needs, in a module of its own that is loaded only if there is a file. A package
// of CommonJS that is loaded by itself has one name in a bundle that is split: what it exports stands here by name.
export { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
