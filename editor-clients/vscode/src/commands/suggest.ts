// "Suggest names for this function": a list with probabilities; moving through it shows each name
// in the document, choosing one renames.
import {
  CancellationTokenSource,
  type QuickInputButton,
  type QuickPickItem,
  QuickPickItemKind,
  ThemeIcon,
  window,
} from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { log, textOf } from "../log";
import { keyOf, Preview } from "../preview";
import { execute, type Names, type Place, percent, placeOf } from "../protocol";
import { mentionsOf, rename, renameWithDiffs } from "../renaming";
import type { Server } from "../server";
import { renameTo } from "./renameTo";

interface Choice extends QuickPickItem {
  readonly name?: string;
  readonly another?: boolean;
}

/** What was chosen, and whether its edits are to be shown first. */
interface Chosen {
  readonly choice: Choice | undefined;
  readonly diffs: boolean;
}

const SHOW_DIFFS: QuickInputButton = {
  iconPath: new ThemeIcon("diff-multiple"),
  tooltip: "Show the edits in every file first",
};

/**
 * Suggest names for the function at a place, or under the cursor; with `showsDiffs` the edits of
 * the chosen one are shown as diffs before anything is changed.
 */
export async function suggest(
  server: Server,
  argument: unknown,
  showsDiffs = false,
): Promise<void> {
  const client = await server.running();
  const place = isPlace(argument) ? argument : underCursor(client);
  const { choice, diffs } = await choose(client, place);
  if (choice?.another) {
    await renameTo(server, place);
  } else if (choice?.name !== undefined) {
    await (showsDiffs || diffs ? renameWithDiffs : rename)(client, place, choice.name);
  }
}

/** The place of the cursor. Raises where there is no Python in view. */
export function underCursor(client: LanguageClient): Place {
  const editor = window.activeTextEditor;
  if (editor?.document.languageId !== "python") {
    throw new Error("put the cursor into a Python function first");
  }
  return placeOf(client, editor.document, editor.selection.active);
}

/** Whether an argument names a place, as the server's own commands do. */
export function isPlace(argument: unknown): argument is Place {
  return typeof argument === "object" && argument !== null && "position" in argument;
}

async function choose(client: LanguageClient, place: Place): Promise<Chosen> {
  const pick = window.createQuickPick<Choice>();
  const waiting = new CancellationTokenSource();
  const preview = new Preview();
  pick.title = "Looking for names…";
  pick.busy = true;
  pick.matchOnDescription = false;
  pick.show();
  try {
    return await new Promise((resolve, reject) => {
      pick.onDidHide(() => {
        waiting.cancel();
        resolve({ choice: undefined, diffs: false });
      });
      pick.onDidAccept(() => resolve({ choice: pick.selectedItems[0], diffs: false }));
      pick.onDidTriggerItemButton(({ item }) => resolve({ choice: item, diffs: true }));
      pick.onDidChangeActive(([active]) => preview.show(active?.name ?? ""));
      execute<Names>(client, "namewright.names", place, waiting.token).then((found) => {
        pick.busy = false;
        pick.title = titleOf(found);
        pick.placeholder = "A name shows in the document while it is selected";
        pick.items = itemsOf(found);
        show(client, place, found, preview);
      }, reject);
    });
  } finally {
    pick.dispose();
    preview.dispose();
    waiting.dispose();
  }
}

function titleOf(found: Names): string {
  const { presentProbability: present } = found;
  if (found.names.length === 0) {
    return found.presentIsBest
      ? `${found.function} is already the best name`
      : `No better name for ${found.function} was found`;
  }
  return present === null
    ? `Rename ${found.function}`
    : `Rename ${found.function} (${percent(present)})`;
}

function itemsOf(found: Names): Choice[] {
  return [
    ...found.names.map(({ name, probability }) => ({
      label: name,
      description: percent(probability),
      buttons: [SHOW_DIFFS],
      name,
    })),
    { label: "", kind: QuickPickItemKind.Separator },
    { label: "$(edit) Another name…", another: true, alwaysShow: true },
  ];
}

/** First the definition, at once; then every mention, as soon as the server has found them. */
function show(client: LanguageClient, place: Place, found: Names, preview: Preview): void {
  const first = found.names[0];
  if (first === undefined) {
    return;
  }
  const uri = client.protocol2CodeConverter.asUri(place.uri);
  preview.widen(new Map([[keyOf(uri), [client.protocol2CodeConverter.asRange(found.range)]]]));
  mentionsOf(client, { ...place, position: found.range.start }, first.name).then(
    (mentions) => preview.widen(mentions),
    (error) => log().debug(`no preview of the mentions: ${textOf(error)}`),
  );
}
