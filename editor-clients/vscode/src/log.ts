// The extension's log, shared with the server: one channel, "Namewright".
import { type LogOutputChannel, window } from "vscode";

let channel: LogOutputChannel | undefined;

/** The log; made when it is first asked for. */
export function log(): LogOutputChannel {
  channel ??= window.createOutputChannel("Namewright", { log: true });
  return channel;
}

/** The text of whatever was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
