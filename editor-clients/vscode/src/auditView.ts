// The view "Names That Fit Least": what an audit of the workspace found, worst first. A click goes
// there, the check mark renames, and all of it works on the file as it is by then.
import {
  commands,
  EventEmitter,
  type ExtensionContext,
  MarkdownString,
  Range,
  type TextDocument,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  Uri,
  window,
  workspace,
} from "vscode";
import { registerCommand } from "./notices";
import { type Audit, execute, type Misfit, percent, placeOf } from "./protocol";
import { rename, reveal } from "./renaming";
import type { Server } from "./server";

const VIEW = "namewright.audit";

/** Register the view and its commands. */
export function showAudit(context: ExtensionContext, server: Server): void {
  const found = new Misfits();
  const view = window.createTreeView(VIEW, { treeDataProvider: found });
  found.onDidChangeTreeData(() => {
    view.message = found.summary;
  });
  context.subscriptions.push(
    view,
    registerCommand("namewright.auditWorkspace", async () => {
      const client = await server.running();
      await commands.executeCommand(`${VIEW}.focus`);
      // The server shows its own progress, which can be cancelled.
      const audit = await execute<Audit>(client, "namewright.audit", {});
      found.take(audit.functions, audit.checked);
      await commands.executeCommand("setContext", "namewright.audited", true);
    }),
    registerCommand("namewright.audit.open", async (one) => {
      const misfit = one as Misfit;
      const { document, range } = await find(misfit);
      await reveal(document.uri, range);
    }),
    registerCommand("namewright.audit.apply", async (one) => {
      const misfit = one as Misfit;
      const best = misfit.suggestions[0];
      const client = await server.running();
      const { document, range } = await find(misfit);
      if (best && (await rename(client, placeOf(client, document, range.start), best.name))) {
        found.drop(misfit);
      }
    }),
    registerCommand("namewright.audit.choose", async (one) => {
      const misfit = one as Misfit;
      const client = await server.running();
      const { document, range } = await find(misfit);
      await reveal(document.uri, range);
      await commands.executeCommand("namewright.suggest", placeOf(client, document, range.start));
    }),
    registerCommand("namewright.audit.dismiss", (one) => found.drop(one as Misfit)),
  );
}

class Misfits implements TreeDataProvider<Misfit> {
  private readonly changes = new EventEmitter<void>();
  private all: readonly Misfit[] = [];
  private checked = 0;
  readonly onDidChangeTreeData = this.changes.event;

  take(all: readonly Misfit[], checked: number): void {
    this.all = all;
    this.checked = checked;
    this.changes.fire();
  }

  drop(one: Misfit): void {
    this.take(
      this.all.filter((other) => other !== one),
      this.checked,
    );
  }

  /** How many there are, in words. */
  get summary(): string {
    return this.all.length
      ? `${this.all.length} of ${this.checked} functions, the worst first`
      : `No name that misleads is left among those of ${this.checked} functions`;
  }

  getChildren(parent?: Misfit): Misfit[] {
    return parent ? [] : [...this.all];
  }

  getTreeItem(one: Misfit): TreeItem {
    const uri = Uri.parse(one.uri);
    const [best] = one.suggestions;
    const item = new TreeItem(best ? `${one.name} → ${best.name}` : one.name);
    item.description = `${workspace.asRelativePath(uri)}:${one.range.start.line + 1}`;
    item.tooltip = tooltipOf(one);
    item.iconPath = new ThemeIcon("symbol-method");
    item.contextValue = "misfit";
    item.command = { title: "Go to Function", command: "namewright.audit.open", arguments: [one] };
    return item;
  }
}

function tooltipOf(one: Misfit): MarkdownString {
  const rows = one.suggestions.map(
    ({ name, probability }) => `- \`${name}\` (${percent(probability)})`,
  );
  return new MarkdownString(
    [`\`${one.name}\` (${percent(one.probability)}) could be called`, "", ...rows].join("\n"),
  );
}

/** Where the function is by now; the file may have changed since the audit. */
async function find(one: Misfit): Promise<{ document: TextDocument; range: Range }> {
  const document = await workspace.openTextDocument(Uri.parse(one.uri));
  const { start, end } = one.range;
  const range = new Range(start.line, start.character, end.line, end.character);
  if (document.getText(range) === one.name) {
    return { document, range };
  }
  const definition = new RegExp(`\\bdef[ \\t]+${one.name}\\b`, "g");
  const offsets = [...document.getText().matchAll(definition)].map(
    (match) => match.index + match[0].length,
  );
  const before = document.offsetAt(range.end);
  const nearest = offsets.sort((a, b) => Math.abs(a - before) - Math.abs(b - before))[0];
  if (nearest === undefined) {
    throw new Error(`${one.name} is no longer there; audit again`);
  }
  const to = document.positionAt(nearest);
  return { document, range: new Range(to.translate(0, -one.name.length), to) };
}
