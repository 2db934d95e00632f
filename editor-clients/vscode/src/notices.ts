// What goes wrong is said once, in one notice, with buttons that help.
import { commands, type Disposable, env, Uri, window } from "vscode";
import { log, textOf } from "./log";

/** A button of a notice: its title and what it does. */
export interface Remedy {
  readonly title: string;
  readonly run: () => unknown;
}

/** A cause that a person can mend, with the buttons that help; becomes a notice at the edge. */
export class SetupError extends Error {
  constructor(
    message: string,
    readonly remedies: readonly Remedy[],
  ) {
    super(message);
  }
}

export const showLog: Remedy = { title: "Show Log", run: () => log().show(true) };

export const restart: Remedy = {
  title: "Try Again",
  run: () => commands.executeCommand("namewright.restart"),
};

export const reloadWindow: Remedy = {
  title: "Reload Window",
  run: () => commands.executeCommand("workbench.action.reloadWindow"),
};

/** Opens the settings at one of ours. */
export function openSettings(key: string): Remedy {
  return {
    title: "Open Settings",
    run: () => commands.executeCommand("workbench.action.openSettings", `namewright.${key}`),
  };
}

/** Opens a page outside. */
export function openPage(title: string, address: string): Remedy {
  return { title, run: () => env.openExternal(Uri.parse(address)) };
}

const shown = new Set<string>();

/** Show an error with its buttons; the same one is not shown twice at a time. */
export async function notify(error: unknown): Promise<void> {
  const message = textOf(error);
  log().error(message);
  await show(message, error instanceof SetupError ? error.remedies : [showLog]);
}

/** Show a warning with its buttons; the same one is not shown twice at a time. */
export async function warn(message: string, remedies: readonly Remedy[]): Promise<void> {
  log().warn(message);
  await show(message, remedies, window.showWarningMessage);
}

async function show(
  message: string,
  remedies: readonly Remedy[],
  present: (
    text: string,
    ...titles: string[]
  ) => Thenable<string | undefined> = window.showErrorMessage,
): Promise<void> {
  if (shown.has(message)) {
    return;
  }
  shown.add(message);
  try {
    const text = message.startsWith("Namewright") ? message : `Namewright: ${message}`;
    const title = await present(text, ...remedies.map((one) => one.title));
    await remedies.find((one) => one.title === title)?.run();
  } finally {
    shown.delete(message);
  }
}

/** Register a command whose errors become notices. */
export function registerCommand(name: string, run: (...args: unknown[]) => unknown): Disposable {
  return commands.registerCommand(name, async (...args: unknown[]) => {
    try {
      return await run(...args);
    } catch (error) {
      await notify(error);
      return undefined;
    }
  });
}
