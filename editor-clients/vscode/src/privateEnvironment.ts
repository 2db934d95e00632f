// The extension's own Python environment in its global storage: made once for each version of the
// server, from the wheel that the extension carries. Two windows make it only once.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CancellationToken,
  type ExtensionContext,
  type Progress,
  ProgressLocation,
  window,
} from "vscode";
import { holding } from "./lock";
import { log } from "./log";
import { openSettings, restart, SetupError, showLog } from "./notices";
import { runLogged } from "./processes";
import type { Python } from "./python";

const READY = "ready.json";
const UNUSED_DAYS = 14;

type Report = Progress<{ message?: string }>;

/** The interpreter of the environment, which is made where it is not there yet. */
export async function privateEnvironment(context: ExtensionContext, base: Python): Promise<string> {
  const wheel = await bundledWheel(context.extensionPath);
  const storage = join(context.globalStorageUri.fsPath, "environments");
  const folder = join(storage, await keyOf(wheel, base));
  await mkdir(storage, { recursive: true });
  if (!(await isReady(folder))) {
    const options = {
      location: ProgressLocation.Notification,
      title: "Namewright: setting up for the first time",
      cancellable: true,
    };
    await window.withProgress(options, (report, token) =>
      holding(`${folder}.lock`, token, async () => {
        // Another window may have made it while this one waited.
        if (!(await isReady(folder))) {
          await make(folder, wheel, base, report, token);
        }
      }),
    );
  }
  const now = new Date();
  await utimes(join(folder, READY), now, now);
  await removeUnused(storage, folder);
  return pythonOf(folder);
}

/** The folder of the extension that holds the server's wheel. */
export function bundledWheels(extensionPath: string): string {
  return join(extensionPath, "wheel");
}

async function bundledWheel(extensionPath: string): Promise<string> {
  const folder = bundledWheels(extensionPath);
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) {
    throw new SetupError("the extension holds no server; install it again", [showLog]);
  }
  return join(folder, wheel);
}

/** Versions and content: a rebuilt wheel of the same version is another server. */
async function keyOf(wheel: string, base: Python): Promise<string> {
  const digest = createHash("sha256").update(await readFile(wheel));
  digest.update(base.path);
  return `py${base.version.slice(0, 2).join(".")}-${digest.digest("hex").slice(0, 12)}`;
}

async function make(
  folder: string,
  wheel: string,
  base: Python,
  report: Report,
  token: CancellationToken,
): Promise<void> {
  const python = pythonOf(folder);
  report.report({ message: `an environment of its own, with Python ${base.version.join(".")}` });
  await rm(folder, { recursive: true, force: true });
  await step(base.path, ["-m", "venv", folder], token, "no environment could be made");
  report.report({ message: "installing the server" });
  const install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", wheel];
  await step(python, install, token, "the server could not be installed", (line) => {
    if (/^(Collecting|Downloading|Installing)/.test(line)) {
      report.report({ message: line.slice(0, 60) });
    }
  });
  await step(python, ["-I", "-m", "server", "--version"], token, "the server does not run");
  await writeFile(join(folder, READY), JSON.stringify({ base: base.path, wheel }));
  log().info(`the environment is ready: ${folder}`);
}

async function step(
  command: string,
  args: readonly string[],
  token: CancellationToken,
  failure: string,
  onLine?: (line: string) => void,
): Promise<void> {
  const { status, output } = await runLogged(command, args, token, onLine);
  if (token.isCancellationRequested) {
    throw new SetupError("the set-up was cancelled", [restart]);
  }
  if (status !== 0) {
    const reason = `${failure}: ${reasonIn(output)}`;
    throw new SetupError(reason, [showLog, restart, openSettings("interpreter")]);
  }
}

/** The line of a program's output that names the cause. */
function reasonIn(output: string): string {
  const venv = /apt install (python[\d.]*-venv)/.exec(output);
  if (venv) {
    return `this Python has no venv module; install ${venv[1]}`;
  }
  const lines = output.split(/\r?\n/).map((line) => line.trim());
  const error = lines.findLast((line) => /^error/i.test(line)) ?? lines.findLast(Boolean);
  return (error ?? "it said nothing").slice(0, 200);
}

async function isReady(folder: string): Promise<boolean> {
  const marks = [join(folder, READY), pythonOf(folder)];
  const found = await Promise.all(marks.map((path) => stat(path).catch(() => undefined)));
  return found.every((one) => one !== undefined);
}

/** Environments of earlier versions, once no window can still be running from them. */
async function removeUnused(storage: string, current: string): Promise<void> {
  for (const name of await readdir(storage)) {
    const folder = join(storage, name);
    const used = await stat(join(folder, READY)).catch(() => undefined);
    const days = used ? (Date.now() - used.mtimeMs) / 86_400_000 : 0;
    if (folder !== current && days > UNUSED_DAYS) {
      log().info(`removing the unused environment ${folder}`);
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function pythonOf(folder: string): string {
  return process.platform === "win32"
    ? join(folder, "Scripts", "python.exe")
    : join(folder, "bin", "python");
}
