// The key of a remote engine: kept in the editor's secret storage, given to each new server.
import { type Disposable, type ExtensionContext, window } from "vscode";
import { registerCommand } from "./notices";
import { SET_API_KEY } from "./protocol";
import type { Server } from "./server";

const SECRET = "namewright.apiKey";

/** "Set API Key" and "Forget API Key". */
export function apiKeyCommands(context: ExtensionContext): Disposable[] {
  return [
    registerCommand("namewright.setApiKey", async () => {
      const key = await window.showInputBox({
        title: "API key of the engine at namewright.endpoint",
        prompt: "Kept in the secret storage of this editor, in no settings file.",
        password: true,
        ignoreFocusOut: true,
      });
      if (key) {
        await context.secrets.store(SECRET, key);
      }
    }),
    registerCommand("namewright.forgetApiKey", () => context.secrets.delete(SECRET)),
  ];
}

/** Give the key to every server that starts, and each new key to the running one. */
export function followApiKey(context: ExtensionContext, server: Server): void {
  const give = async (always: boolean): Promise<void> => {
    const key = await context.secrets.get(SECRET);
    if (key !== undefined || always) {
      await server.client?.sendNotification(SET_API_KEY, { key: key ?? "" });
    }
  };
  context.subscriptions.push(
    server.onState((state) => (state === "running" ? void give(false) : undefined)),
    context.secrets.onDidChange(({ key }) => (key === SECRET ? void give(true) : undefined)),
  );
}
