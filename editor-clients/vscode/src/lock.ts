// One window at a time: a file that names its owner; the lock of an owner that is gone is taken over.
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { CancellationError, type CancellationToken } from "vscode";

const LOOK_AGAIN_MS = 300;

/** Run `work` while no other process holds the lock at `path`; waits until it is free. */
export async function holding<T>(
  path: string,
  token: CancellationToken,
  work: () => Promise<T>,
): Promise<T> {
  while (!(await taken(path))) {
    if (token.isCancellationRequested) {
      throw new CancellationError();
    }
    await wait(LOOK_AGAIN_MS);
  }
  try {
    return await work();
  } finally {
    if ((await ownerOf(path)) === process.pid) {
      await rm(path, { force: true });
    }
  }
}

async function taken(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
    const owner = await ownerOf(path);
    if (owner !== undefined && !isRunning(owner)) {
      await rm(path, { force: true });
    }
    return false;
  }
}

async function ownerOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text ? Number(text) : undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
