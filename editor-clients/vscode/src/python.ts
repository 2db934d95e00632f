// Which Pythons are there, how new they are, and whether they have Namewright.
import { join } from "node:path";
import { workspace } from "vscode";
import { log, textOf } from "./log";
import { answerOf } from "./processes";

/** A Python that answered when it was asked. */
export interface Python {
  readonly path: string;
  readonly version: readonly number[];
  /** The version of Namewright installed there. */
  readonly namewright: string | null;
}

export const OLDEST = [3, 11] as const;

/** Ask an interpreter; undefined when it is not there or not a Python. */
export async function probe(
  extensionPath: string,
  command: string,
  args: readonly string[] = [],
): Promise<Python | undefined> {
  try {
    const answer = await answerOf(command, [...args, join(extensionPath, "resources", "probe.py")]);
    const python: Python = JSON.parse(answer);
    log().debug(`${command}: Python ${python.version.join(".")}`);
    return python;
  } catch (error) {
    log().debug(`${command}: ${textOf(error)}`);
    return undefined;
  }
}

/** Whether Namewright runs on it. */
export function isNewEnough(python: Python): boolean {
  const [major = 0, minor = 0] = python.version;
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** The Pythons of this machine, those first that suit best; each is asked only when it is needed. */
export async function* pythonsHere(extensionPath: string): AsyncGenerator<Python> {
  const seen = new Set<string>();
  for (const [command, ...args] of candidates()) {
    const python = await probe(extensionPath, command, args);
    if (python !== undefined && !seen.has(python.path)) {
      seen.add(python.path);
      yield python;
    }
  }
}

function candidates(): [string, ...string[]][] {
  const chosen: unknown = workspace.getConfiguration("python").get("defaultInterpreterPath");
  const named: [string, ...string[]][] =
    typeof chosen === "string" && /^[/\\]|^[A-Za-z]:/.test(chosen) ? [[chosen]] : [];
  const versions = ["3.13", "3.12", "3.11", "3.14"];
  if (process.platform === "win32") {
    return [["py", "-3"], ["python"], ["python3"], ...named];
  }
  return [["python3"], ["python"], ...versions.map((one): [string] => [`python${one}`]), ...named];
}
