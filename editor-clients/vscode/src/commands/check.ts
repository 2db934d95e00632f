// "Check Set-up": what runs here and how fast, as a page that can be copied into a bug report.
import {
  CancellationTokenSource,
  type ExtensionContext,
  ProgressLocation,
  version,
  window,
  workspace,
} from "vscode";
import { log, textOf } from "../log";
import { type Remedy, showLog, warn } from "../notices";
import { runLogged } from "../processes";
import type { Server } from "../server";

/** Run the server's own check beside it, and show all that matters. */
export async function check(context: ExtensionContext, server: Server): Promise<void> {
  const options = { location: ProgressLocation.Notification, title: "Namewright: checking…" };
  const { report, healthy } = await window.withProgress(options, () => reportOf(context, server));
  const show: Remedy = {
    title: "Show Report",
    run: async () => {
      const document = await workspace.openTextDocument({ content: report, language: "plaintext" });
      await window.showTextDocument(document, { preview: true });
    },
  };
  log().info(report);
  if (healthy) {
    const title = await window.showInformationMessage("Namewright works.", show.title);
    await (title === show.title ? show.run() : undefined);
  } else {
    await warn("something is wrong with the set-up; the report says what", [show, showLog]);
  }
}

async function reportOf(
  context: ExtensionContext,
  server: Server,
): Promise<{ report: string; healthy: boolean }> {
  const lines = [
    ["extension", String(context.extension.packageJSON.version)],
    ["editor", `${version} on ${process.platform} ${process.arch}`],
    ["workspace", workspace.isTrusted ? "trusted" : "restricted"],
    ["server", server.state + (server.message ? `: ${server.message}` : "")],
  ];
  const { command } = server;
  let output = "";
  let healthy = server.state === "running" && command !== undefined;
  if (command !== undefined) {
    lines.push(["started from", command.origin]);
    const token = new CancellationTokenSource();
    try {
      const args = [...command.args, "check"];
      const done = await runLogged(command.command, args, token.token, undefined, {
        cwd: context.extensionPath,
      });
      output = done.output;
      healthy = healthy && done.status === 0;
    } catch (error) {
      output = textOf(error);
      healthy = false;
    } finally {
      token.dispose();
    }
  }
  const head = lines.map(([key = "", value]) => `${key.padEnd(14)}${value}`).join("\n");
  return { report: `${head}\n\n${output.trim()}\n`, healthy };
}
