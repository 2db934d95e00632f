// The status item: who suggests names, in which state, and how long the last answer took.
import {
  type ExtensionContext,
  type LanguageStatusItem,
  LanguageStatusSeverity,
  languages,
} from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { LightBulb } from "./lightBulb";
import { log, textOf } from "./log";
import { STATUS, type Status } from "./protocol";
import type { Server } from "./server";

const WORDS: Record<Status["state"], string> = {
  loading: "loading the model",
  ready: "ready",
  busy: "looking for names",
  failed: "failed",
  unloaded: "asleep, it wakes at the next question",
};

/** Shows the state of `server` beside the other language tools of Python. */
export function showStatus(context: ExtensionContext, server: Server, lightBulb: LightBulb): void {
  const item = languages.createLanguageStatusItem("namewright.status", { language: "python" });
  item.name = "Namewright";
  let listening: LanguageClient | undefined;
  const refresh = (): void => {
    showServer(item, server);
    const { client } = server;
    if (server.state === "running" && client !== undefined && client !== listening) {
      listening = client;
      void follow(item, client, lightBulb);
    }
  };
  refresh();
  const subscription = server.onState(refresh);
  context.subscriptions.push(item, subscription);
}

/** Show the predictor's state now, and from now on. A server that has none to tell is just ready. */
async function follow(
  item: LanguageStatusItem,
  client: LanguageClient,
  lightBulb: LightBulb,
): Promise<void> {
  client.onNotification(STATUS, (status: Status) => {
    lightBulb.follow(status.state);
    showPredictor(item, status);
  });
  try {
    showPredictor(item, await client.sendRequest<Status>(STATUS));
  } catch (error) {
    log().debug(`the server tells no status: ${textOf(error)}`);
  }
}

function showServer(item: LanguageStatusItem, server: Server): void {
  item.busy = server.state === "starting";
  item.severity =
    server.state === "failed" ? LanguageStatusSeverity.Error : LanguageStatusSeverity.Information;
  item.text = "Namewright";
  item.detail = {
    starting: "starting",
    running: "ready",
    stopped: "stopped",
    failed: server.message || "failed",
  }[server.state];
  item.command =
    server.state === "failed"
      ? { title: "Restart", command: "namewright.restart" }
      : { title: "Show Log", command: "namewright.showLog" };
}

function showPredictor(item: LanguageStatusItem, status: Status): void {
  const failed = status.state === "failed";
  const latency =
    status.latencyMs === null ? "" : `last answer in ${Math.round(status.latencyMs)} ms`;
  const instead = status.fallback ? `${status.fallback} answers instead` : "";
  const message = failed || status.state === "loading" ? status.message : "";
  item.busy = status.state === "loading" || status.state === "busy";
  item.text = `Namewright: ${status.predictor}`;
  item.detail = [WORDS[status.state], message, instead, latency].filter(Boolean).join(" · ");
  item.severity = failed
    ? status.fallback
      ? LanguageStatusSeverity.Warning
      : LanguageStatusSeverity.Error
    : LanguageStatusSeverity.Information;
  item.command = failed
    ? { title: "Check Set-up", command: "namewright.check" }
    : { title: "Show Log", command: "namewright.showLog" };
}
