// The life of the server: found, started, watched, started again when it dies, stopped.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import {
  type Disposable,
  type Event,
  EventEmitter,
  type ExtensionContext,
  workspace,
} from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { clientOf } from "./client";
import { findServer, type ServerCommand } from "./environment";
import type { LightBulb } from "./lightBulb";
import { log, textOf } from "./log";
import { notify, openSettings, restart, SetupError, showLog } from "./notices";

/** What the server is doing, as the status item shows it. */
export type ServerState = "stopped" | "starting" | "running" | "failed";

const RESTARTS = 4;
const WITHIN_MS = 180_000;
const STOP_MS = 2_000;
const KEPT_LINES = 30;
const LAST_WORDS_MS = 1_000;

/** One server for one window. */
export class Server implements Disposable {
  private readonly changes = new EventEmitter<ServerState>();
  private readonly deaths: number[] = [];
  private child: ChildProcess | undefined;
  private lastWords: string[] = [];
  private closed: Promise<unknown> = Promise.resolve();
  private turn: Promise<void> = Promise.resolve();
  private stateNow: ServerState = "stopped";
  client: LanguageClient | undefined;
  /** Why it failed, where it has. */
  message = "";
  command: ServerCommand | undefined;

  constructor(
    private readonly context: ExtensionContext,
    private readonly suggest: (place: unknown) => unknown,
    private readonly lightBulb: LightBulb,
  ) {}

  /** Told with each new state. */
  get onState(): Event<ServerState> {
    return this.changes.event;
  }

  get state(): ServerState {
    return this.stateNow;
  }

  /** The running client; raises SetupError where there is none. */
  async running(): Promise<LanguageClient> {
    await this.turn;
    if (this.client === undefined || this.stateNow !== "running") {
      throw new SetupError("the server is not running", [restart, showLog]);
    }
    return this.client;
  }

  /** Start it, or start it again; one after the other, however often it is asked for. */
  restart(): Promise<void> {
    this.deaths.length = 0;
    return this.enqueue();
  }

  async stop(): Promise<void> {
    const { client, child } = this;
    this.client = undefined;
    this.child = undefined;
    this.become("stopped");
    if (client?.isRunning()) {
      await client.stop(STOP_MS).catch((error) => log().warn(textOf(error)));
    }
    child?.kill();
  }

  dispose(): void {
    void this.stop();
    this.changes.dispose();
  }

  private enqueue(): Promise<void> {
    this.turn = this.turn.then(async () => {
      await this.stop();
      await this.start().catch(async (error) => {
        this.become("failed", textOf(error));
        // Not awaited: a notice may stay for hours.
        void notify(error);
      });
    });
    return this.turn;
  }

  private async start(): Promise<void> {
    this.become("starting");
    this.command = await findServer(this.context);
    log().info(`starting the server: ${this.command.origin}`);
    const child = await this.launch(this.command);
    const client = clientOf(child, {
      onClosed: () => this.died(child),
      suggest: this.suggest,
      lightBulb: this.lightBulb,
    });
    this.child = child;
    this.client = client;
    try {
      // The client may wait for ever for the first answer of a server that has died.
      const ended = this.closed.then(() => Promise.reject(new Error("it ended at once")));
      await Promise.race([client.start(), ended]);
    } catch (error) {
      this.client = undefined;
      child.kill();
      // Its last words may still be on their way.
      await Promise.race([this.closed, wait(LAST_WORDS_MS)]);
      throw new SetupError(this.reason(error), [showLog, restart, openSettings("interpreter")]);
    }
    this.become("running");
  }

  private async launch(command: ServerCommand): Promise<ChildProcess> {
    const level: unknown = workspace.getConfiguration("namewright").get("logLevel");
    const levels = typeof level === "string" ? ["--log-level", level] : [];
    const child = spawn(command.command, [...command.args, "--stdio", ...levels], {
      // Not the workspace: its modules must not be taken for ours.
      cwd: this.context.extensionPath,
      windowsHide: true,
    });
    this.lastWords = [];
    this.closed = once(child, "close").catch(() => undefined);
    child.stderr.on("data", (data: Buffer) => {
      for (const line of data.toString().split(/\r?\n/).filter(Boolean)) {
        log().info(`[server] ${line}`);
        this.lastWords = [...this.lastWords, line].slice(-KEPT_LINES);
      }
    });
    await once(child, "spawn");
    // The pipes of a server that has died say so; its end is noticed elsewhere.
    child.stdin.on("error", (error) => log().debug(textOf(error)));
    return child;
  }

  private died(child: ChildProcess): void {
    if (this.child !== child) {
      return;
    }
    if (this.stateNow !== "running") {
      // It died on starting: whoever starts it hears so from the client.
      return;
    }
    this.child = undefined;
    this.client = undefined;
    child.kill();
    const now = Date.now();
    this.deaths.push(now);
    const recent = this.deaths.filter((one) => now - one < WITHIN_MS).length;
    log().warn(`the server ended unexpectedly (${recent} of ${RESTARTS} within three minutes)`);
    if (recent > RESTARTS) {
      const reason = this.reason(undefined);
      this.become("failed", reason);
      void notify(new SetupError(reason, [restart, showLog]));
      return;
    }
    this.become("starting");
    void this.enqueue();
  }

  /** Why the server does not run, in one line: the last it said, else what was noticed here. */
  private reason(error: unknown): string {
    const said = this.lastWords.findLast((line) => !line.startsWith(" "));
    const cause = said ?? (error === undefined ? "it ends again and again" : textOf(error));
    return `the server could not be started: ${cause.slice(0, 300)}`;
  }

  private become(state: ServerState, message = ""): void {
    this.stateNow = state;
    this.message = message;
    this.changes.fire(state);
  }
}
