/** Members of an object as no `JSON.stringify` writes them. */
export const EXACT = '"n":9007199254740993,"f":1.0,"z":-0,"e":1e400,"a":1,"a":2,"\\u0062":"\\ud800", "s" : [ ]';
