// Decides how the server is started: the chosen interpreter where it has Namewright, else the
// extension's own environment, made on the first run from the wheel in the extension.
import { existsSync } from "node:fs";
import type { ExtensionContext } from "vscode";
import { openPage, openSettings, reloadWindow, restart, SetupError, showLog } from "./notices";
import { bundledWheels, privateEnvironment } from "./privateEnvironment";
import { isNewEnough, OLDEST, type Python, probe, pythonsHere } from "./python";
import { chosenInterpreter } from "./settings";

/** A command line that is the server, and where it comes from in words. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly origin: string;
}

const NEEDED = `Python ${OLDEST.join(".")} or newer`;
const DOWNLOADS = openPage("Get Python", "https://www.python.org/downloads/");

/** How to start the server. Raises SetupError with the one thing to do when it cannot be. */
export async function findServer(context: ExtensionContext): Promise<ServerCommand> {
  // The folder of a version goes away when a newer one is installed beside a running window.
  if (!existsSync(bundledWheels(context.extensionPath))) {
    throw new SetupError("the extension was updated; reload the window to use the new version", [
      reloadWindow,
      showLog,
    ]);
  }
  const chosen = chosenInterpreter();
  const python = chosen ? await theChosen(context, chosen) : undefined;
  if (python?.namewright) {
    const origin = `namewright ${python.namewright} of ${python.path}`;
    // -P: a folder called `server` in the working directory must not be taken for ours.
    return { command: python.path, args: ["-P", "-m", "server"], origin };
  }
  const base = python ?? (await theBest(context));
  const path = await privateEnvironment(context, base);
  return { command: path, args: ["-I", "-m", "server"], origin: `its own environment, ${path}` };
}

async function theChosen(context: ExtensionContext, path: string): Promise<Python> {
  const remedies = [openSettings("interpreter"), restart];
  if (/[/\\]/.test(path) && !existsSync(path)) {
    throw new SetupError(`the interpreter ${path} does not exist; choose another one`, remedies);
  }
  const python = await probe(context.extensionPath, path);
  if (python === undefined) {
    throw new SetupError(`the interpreter ${path} does not run as a Python`, remedies);
  }
  if (!isNewEnough(python)) {
    const version = python.version.join(".");
    throw new SetupError(`${path} is Python ${version}; ${NEEDED} is needed`, remedies);
  }
  return python;
}

async function theBest(context: ExtensionContext): Promise<Python> {
  let tooOld: Python | undefined;
  for await (const python of pythonsHere(context.extensionPath)) {
    if (isNewEnough(python)) {
      return python;
    }
    tooOld ??= python;
  }
  const found = tooOld
    ? `only Python ${tooOld.version.join(".")} was found (${tooOld.path})`
    : "no Python was found";
  const remedies = [DOWNLOADS, openSettings("interpreter"), showLog];
  throw new SetupError(`${found}; install ${NEEDED}, or choose its interpreter`, remedies);
}
