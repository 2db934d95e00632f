// The settings that the extension itself reads; all others are the server's and go to it as they are.
import { workspace } from "vscode";
import { openSettings, warn } from "./notices";

/** Keys that the server does not know. */
export const OWN_KEYS = ["interpreter", "trace"] as const;

/** The interpreter the person chose, or nothing. A value of a wrong type is told and ignored. */
export function chosenInterpreter(): string {
  const value: unknown = workspace.getConfiguration("namewright").get("interpreter");
  if (value === undefined || value === null) {
    return "";
  }
  if (typeof value !== "string") {
    const message =
      "the setting namewright.interpreter must be the path of a Python, as text; it is ignored";
    void warn(message, [openSettings("interpreter")]);
    return "";
  }
  return expanded(value.trim());
}

/** Whether the person's own Python extension is to do the renaming. */
export function renamesByClient(): boolean {
  return workspace.getConfiguration("namewright").get("rename.engine") === "client";
}

/** The section as the server wants it: without what only the extension knows. */
export function forServer(section: unknown): unknown {
  if (typeof section !== "object" || section === null) {
    return section;
  }
  const own: readonly string[] = OWN_KEYS;
  const options: Record<string, unknown> = Object.fromEntries(
    Object.entries(section).filter(([key]) => !own.includes(key)),
  );
  if (workspace.isTrusted) {
    return options;
  }
  // A second opinion may be a program that the folder itself brings.
  const rename: unknown = options.rename;
  const kept = typeof rename === "object" && rename !== null ? rename : {};
  return { ...options, rename: { ...kept, secondOpinion: "off" } };
}

function expanded(path: string): string {
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  return path
    .replace(/^~(?=[/\\]|$)/, process.env.HOME ?? process.env.USERPROFILE ?? "~")
    .replaceAll("${workspaceFolder}", folder)
    .replaceAll(/\$\{env:(\w+)\}/g, (_, name: string) => process.env[name] ?? "");
}
