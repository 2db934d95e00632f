// The language client for one server process: what it listens to and what it tells the server.
import type { ChildProcess } from "node:child_process";
import { window, workspace } from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type MessageSignature,
  RevealOutputChannelOn,
  type StaticFeature,
} from "vscode-languageclient/node";
import type { LightBulb } from "./lightBulb";
import { log } from "./log";
import { openSettings, showLog, warn } from "./notices";
import { RENAME_BY_CLIENT } from "./protocol";
import { forServer } from "./settings";

const DOCUMENTS = [
  { language: "python", scheme: "file" },
  { language: "python", scheme: "untitled" },
  { language: "python", scheme: "vscode-notebook-cell" },
];
const ERROR = 1;
const WARNING = 2;

/** What the client is told by others while it runs. */
export interface Hooks {
  /** The connection is gone without our asking. */
  readonly onClosed: () => void;
  /** The server offers to look for names where the model was too slow for a menu. */
  readonly suggest: (place: unknown) => unknown;
  /** Watches what the editor asks by itself. */
  readonly lightBulb: LightBulb;
}

/** A client that speaks to `child`; not started yet. */
export function clientOf(child: ChildProcess, hooks: Hooks): LanguageClient {
  const options: LanguageClientOptions = {
    documentSelector: DOCUMENTS,
    outputChannel: log(),
    traceOutputChannel: log(),
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    synchronize: { configurationSection: "namewright" },
    // Failures become notices of ours, with buttons; the library would only say that it failed.
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        hooks.onClosed();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: {
      provideCodeActions: (document, range, context, token, next) =>
        hooks.lightBulb.watch(
          context.triggerKind,
          async () => await next(document, range, context, token),
        ),
      executeCommand: (command, args, next) =>
        command === "namewright.suggestNames" ? hooks.suggest(args[0]) : next(command, args),
      workspace: {
        configuration: async (params, token, next) => {
          const answers = await next(params, token);
          return Array.isArray(answers) ? answers.map(forServer) : answers;
        },
        didChangeConfiguration: async () => {
          const section = forServer(plain(workspace.getConfiguration("namewright")));
          const settings = { namewright: section };
          await client.sendNotification("workspace/didChangeConfiguration", { settings });
        },
      },
    },
  };
  const client = new QuietClient("namewright", "Namewright", () => Promise.resolve(child), options);
  client.registerFeature(offersRename);
  client.onNotification("window/showMessage", (message: { type: number; message: string }) =>
    showMessage(message.type, message.message),
  );
  return client;
}

/** Leaves failed requests that the editor made by itself to the log. */
class QuietClient extends LanguageClient {
  /** To the log only: what a person should know is said once, by us, with buttons that help. */
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override handleFailedRequest<T>(
    type: MessageSignature,
    token: Parameters<LanguageClient["handleFailedRequest"]>[1],
    error: unknown,
    defaultValue: T,
    showNotification?: boolean,
  ): T {
    const asked = type.method === "workspace/executeCommand";
    return super.handleFailedRequest(type, token, error, defaultValue, asked && showNotification);
  }
}

/** Tells the server that a rename may be handed to the person's own Python extension. */
const offersRename: StaticFeature = {
  fillClientCapabilities: (capabilities) => {
    capabilities.experimental = { commands: { commands: [RENAME_BY_CLIENT] } };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

function showMessage(type: number, message: string): void {
  if (type !== ERROR && type !== WARNING) {
    void window.showInformationMessage(message);
    return;
  }
  const setting = /namewright\.([\w.]*\w)/.exec(message)?.[1];
  void warn(message, setting ? [openSettings(setting), showLog] : [showLog]);
}

/** The plain values of a configuration object. */
function plain(configuration: object): unknown {
  return JSON.parse(JSON.stringify(configuration));
}
