// Starts everything and registers the commands; each thing itself is in a file of its own.
import { type ExtensionContext, workspace } from "vscode";
import { apiKeyCommands, followApiKey } from "./apiKey";
import { showAudit } from "./auditView";
import { check } from "./commands/check";
import { renameTo } from "./commands/renameTo";
import { suggest } from "./commands/suggest";
import { LightBulb } from "./lightBulb";
import { log } from "./log";
import { registerCommand } from "./notices";
import { RENAME_BY_CLIENT } from "./protocol";
import { renameByClient } from "./renaming";
import { Server } from "./server";
import { showStatus } from "./status";

let server: Server | undefined;

/** Called by the editor when the first Python file or notebook is there. */
export function activate(context: ExtensionContext): void {
  const lightBulb = new LightBulb();
  const one: Server = new Server(context, (place) => suggest(one, place), lightBulb);
  server = one;
  context.subscriptions.push(
    log(),
    one,
    lightBulb,
    registerCommand("namewright.suggest", (place) => suggest(one, place)),
    registerCommand("namewright.suggestWithDiffs", (place) => suggest(one, place, true)),
    registerCommand("namewright.renameTo", (place) => renameTo(one, place)),
    registerCommand(RENAME_BY_CLIENT, renameByClient),
    registerCommand("namewright.restart", () => one.restart()),
    registerCommand("namewright.showLog", () => log().show(true)),
    registerCommand("namewright.check", () => check(context, one)),
    ...apiKeyCommands(context),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("namewright.interpreter")) {
        void one.restart();
      }
    }),
    // What was restricted is allowed from now on.
    workspace.onDidGrantWorkspaceTrust(() => one.restart()),
  );
  showStatus(context, one, lightBulb);
  showAudit(context, one);
  followApiKey(context, one);
  // Not awaited: a first set-up may take a minute, and commands wait for it by themselves.
  void one.restart();
}

/** Called by the editor before it leaves. */
export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}
