// Renames by the server's plan, or hands the name to the person's own Python extension. What is
// doubtful opens the editor's refactor preview, where each edit is shown and can be left out.
import { commands, Position, Range, Uri, type WorkspaceEdit, window, workspace } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { log } from "./log";
import { keyOf, type Mentions } from "./preview";
import { execute, type Place, type Renaming } from "./protocol";
import { renamesByClient } from "./settings";

/** Rename the function at a place. Raises with the reason when the server refuses. */
export async function rename(
  client: LanguageClient,
  place: Place,
  newName: string,
): Promise<boolean> {
  if (renamesByClient()) {
    return await renameByClient({ ...place, newName });
  }
  const plan = await planOf(client, place, newName);
  if (plan.edit === null) {
    throw new Error(plan.findings[0]?.reason ?? `nothing is to be renamed to ${newName}`);
  }
  for (const finding of plan.findings) {
    log().info(`${finding.severity}: ${finding.reason} (${finding.uri})`);
  }
  const edit = await client.protocol2CodeConverter.asWorkspaceEdit(plan.edit);
  return await workspace.applyEdit(edit, { isRefactoring: true });
}

/** What a rename would change, by document; to be shown, not applied. */
export async function mentionsOf(
  client: LanguageClient,
  place: Place,
  newName: string,
): Promise<Mentions> {
  const plan = await planOf(client, place, newName);
  const mentions = new Map<string, Range[]>();
  if (plan.edit !== null) {
    const edit = await client.protocol2CodeConverter.asWorkspaceEdit(plan.edit);
    for (const [uri, edits] of edit.entries()) {
      mentions.set(
        keyOf(uri),
        edits.filter((one) => one.newText === newName).map((one) => one.range),
      );
    }
  }
  return mentions;
}

/** What the server asks for where `namewright.rename.engine` is `client`. */
export async function renameByClient(argument: unknown): Promise<boolean> {
  const { uri, position, newName } = argument as Place & { newName: string };
  const at = new Position(position.line, position.character);
  const where = Uri.parse(uri);
  const edit = await commands.executeCommand<WorkspaceEdit | undefined>(
    "vscode.executeDocumentRenameProvider",
    where,
    at,
    newName,
  );
  if (edit === undefined || edit.size === 0) {
    throw new Error(
      "no Python extension renames here; install one, or set namewright.rename.engine to namewright",
    );
  }
  return await workspace.applyEdit(edit, { isRefactoring: true });
}

function planOf(client: LanguageClient, place: Place, newName: string): Promise<Renaming> {
  return execute(client, "namewright.rename", { ...place, newName, apply: false });
}

/** Go to a place, as one step of the editor's own history. */
export async function reveal(uri: Uri, range: Range): Promise<void> {
  await window.showTextDocument(uri, { selection: new Range(range.start, range.start) });
}
