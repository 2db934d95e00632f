// Renames by the server's plan, or hands the name to the person's own Python extension. What is
// doubtful opens the editor's refactor preview, where each edit is shown and can be left out.
import { commands, Position, Range, Uri, type WorkspaceEdit, window, workspace } from "vscode";
import type { LanguageClient, WorkspaceEdit as ProtocolEdit } from "vscode-languageclient/node";
import { confirmed } from "./diffs";
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
  return await apply(await editOf(client, place, newName));
}

/** Show the certain edits as diffs first; the doubtful ones open the refactor preview as ever. */
export async function renameWithDiffs(
  client: LanguageClient,
  place: Place,
  newName: string,
): Promise<boolean> {
  const title = `Rename to ${newName}`;
  if (renamesByClient()) {
    const edit = await editByClient({ ...place, newName });
    return (await confirmed(edit, title)) && (await apply(edit));
  }
  const plan = await allowedPlanOf(client, place, newName);
  const certain = await client.protocol2CodeConverter.asWorkspaceEdit(certainOf(plan));
  // What was typed meanwhile must not be renamed at places of before: the plan is made again.
  return (await confirmed(certain, title)) && (await rename(client, place, newName));
}

async function editOf(
  client: LanguageClient,
  place: Place,
  newName: string,
): Promise<WorkspaceEdit> {
  const plan = await allowedPlanOf(client, place, newName);
  return await client.protocol2CodeConverter.asWorkspaceEdit(plan);
}

/** The server's plan of a rename. Raises with the reason when it refuses. */
async function allowedPlanOf(
  client: LanguageClient,
  place: Place,
  newName: string,
): Promise<ProtocolEdit> {
  const plan = await planOf(client, place, newName);
  if (plan.edit === null) {
    throw new Error(plan.findings[0]?.reason ?? `nothing is to be renamed to ${newName}`);
  }
  for (const finding of plan.findings) {
    log().info(`${finding.severity}: ${finding.reason} (${finding.uri})`);
  }
  return plan.edit;
}

/** The edits that need no confirmation. */
function certainOf(edit: ProtocolEdit): ProtocolEdit {
  const annotations = edit.changeAnnotations ?? {};
  const isCertain = (one: object): boolean =>
    !("annotationId" in one && annotations[String(one.annotationId)]?.needsConfirmation);
  const changes = edit.documentChanges?.map((change) =>
    "edits" in change ? { ...change, edits: change.edits.filter(isCertain) } : change,
  );
  return changes ? { ...edit, documentChanges: changes } : edit;
}

async function apply(edit: WorkspaceEdit): Promise<boolean> {
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
  return await apply(await editByClient(argument));
}

async function editByClient(argument: unknown): Promise<WorkspaceEdit> {
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
  return edit;
}

function planOf(client: LanguageClient, place: Place, newName: string): Promise<Renaming> {
  return execute(client, "namewright.rename", { ...place, newName, apply: false });
}

/** Go to a place, as one step of the editor's own history. */
export async function reveal(uri: Uri, range: Range): Promise<void> {
  await window.showTextDocument(uri, { selection: new Range(range.start, range.start) });
}
