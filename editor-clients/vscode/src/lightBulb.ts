// Lets the light bulb appear while the cursor rests. The server answers the editor's own requests
// from what it knows and looks for names in the background; the editor would ask again only when
// the cursor moves, and has no call for "ask again now". A new provider is one of its reasons to
// ask, so an empty one is registered when names have come.
import { CodeActionTriggerKind, type Disposable, languages } from "vscode";
import type { ProvideCodeActionsSignature } from "vscode-languageclient/node";
import type { Status } from "./protocol";

type Actions = Awaited<ReturnType<ProvideCodeActionsSignature>>;

const SELECTOR = { language: "python" };
// An answer on its way must not be disturbed.
const PAUSE_MS = 150;

/** Watches what the editor asks and when the server has new answers. */
export class LightBulb implements Disposable {
  private provider: Disposable | undefined;
  private timer: NodeJS.Timeout | undefined;
  private answeredEmpty = false;
  private asked = 0;
  private busy = false;

  /** Middleware around each request for code actions. */
  async watch(trigger: CodeActionTriggerKind, ask: () => Promise<Actions>): Promise<Actions> {
    if (trigger === CodeActionTriggerKind.Automatic) {
      const actions = await ask();
      this.answeredEmpty = !actions?.length;
      return actions;
    }
    this.asked += 1;
    try {
      return await ask();
    } finally {
      this.asked -= 1;
      this.answeredEmpty = false;
    }
  }

  /** The server's state changed; from busy to ready there are new names. */
  follow(state: Status["state"]): void {
    const done = this.busy && state === "ready";
    this.busy = state === "busy";
    clearTimeout(this.timer);
    if (done && this.answeredEmpty) {
      this.timer = setTimeout(() => this.nudge(), PAUSE_MS);
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.provider?.dispose();
  }

  private nudge(): void {
    if (this.asked > 0 || !this.answeredEmpty) {
      return;
    }
    const before = this.provider;
    this.provider = languages.registerCodeActionsProvider(SELECTOR, {
      provideCodeActions: () => [],
    });
    before?.dispose();
  }
}
