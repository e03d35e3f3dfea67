#!/usr/bin/env node
// signet-mcp: becomes the executable that npm has installed for this platform. Where Node can replace itself by another
// program it does (same pid, nothing in between); elsewhere it passes signals and the exit code on, and ends with it.
"use strict";
const { platform, arch, argv, env } = process;

/** musl is told by what Node itself runs on. */
function isMusl() {
  if (platform !== "linux") return false;
  const { header } = process.report.getReport();
  return header.glibcVersionRuntime === undefined;
}

function findExecutable() {
  const name = `signet-mcp-${platform === "win32" ? "windows" : platform}-${arch}${isMusl() ? "-musl" : ""}`;
  try {
    return require.resolve(`${name}/bin/signet${platform === "win32" ? ".exe" : ""}`);
  } catch {
    console.error(
      `signet-mcp: starting Signet on ${platform} ${arch}: found no package ${name}. ` +
        "Install signet-mcp again without --omit=optional, on this platform; or see the README for other ways.",
    );
    process.exit(1);
  }
}

function forward(path) {
  const { spawn } = require("node:child_process");
  // Signet looks for the end of whoever has started it where this variable is set (Linux), as npm does.
  const child = spawn(path, argv.slice(2), { stdio: "inherit", env: { INIT_CWD: process.cwd(), ...env } });
  const end = () => child.kill("SIGKILL");
  process.on("exit", end);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
    try {
      process.on(signal, () => child.kill(signal));
    } catch {
      // This system has no such signal.
    }
  }
  child.on("error", (error) => {
    console.error(`signet-mcp: starting ${path}: ${error.message}. Install signet-mcp again.`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.off("exit", end);
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const path = findExecutable();
if (typeof process.execve === "function" && platform !== "win32") {
  // It is experimental, which is none of the user's business.
  process.removeAllListeners("warning");
  try {
    process.execve(path, [path, ...argv.slice(2)], env);
  } catch {
    forward(path);
  }
} else {
  forward(path);
}
