// Runs programs for the set-up: to their end, with their lines in the log.
import { execFile, type SpawnOptions, spawn } from "node:child_process";
import type { CancellationToken } from "vscode";
import { log } from "./log";

/** How a program ended, and the last it said. */
export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

const PROBE_MS = 20_000;
const KEPT_CHARACTERS = 20_000;

/** Standard output of a short program; rejects when it cannot run, fails or takes too long. */
export function answerOf(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: PROBE_MS, windowsHide: true, encoding: "utf8" as const };
    execFile(command, [...args], options, (error, stdout) => {
      if (error) {
        reject(error);
      } else {
        resolve(stdout);
      }
    });
  });
}

/** Run a longer program to its end; each line goes to the log and to `onLine`. */
export function runLogged(
  command: string,
  args: readonly string[],
  token: CancellationToken,
  onLine: (line: string) => void = () => undefined,
  options: SpawnOptions = {},
): Promise<Outcome> {
  log().info(`> ${command} ${args.join(" ")}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { ...options, windowsHide: true });
    let output = "";
    const take = (data: Buffer): void => {
      output = (output + data.toString()).slice(-KEPT_CHARACTERS);
      for (const line of data.toString().split(/\r?\n/).filter(Boolean)) {
        log().info(line);
        onLine(line);
      }
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    const stopped = token.onCancellationRequested(() => child.kill());
    child.on("error", reject);
    child.on("close", (status) => {
      stopped.dispose();
      resolve({ status, output });
    });
  });
}
