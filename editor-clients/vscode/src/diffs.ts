// The edits of a rename as diffs, file by file, before anything is changed: the documents as they
// would be are held here, under a scheme of their own, while the person looks.
import {
  commands,
  type Disposable,
  type TextDocument,
  type TextEdit,
  Uri,
  type WorkspaceEdit,
  window,
  workspace,
} from "vscode";

const SCHEME = "namewright-renamed";
let shownBefore = 0;

/** Show the edits and ask; true where they are to be made, or where there are none to show. */
export async function confirmed(edit: WorkspaceEdit, title: string): Promise<boolean> {
  const renamed = new Map<string, string>();
  const rows: [Uri, Uri, Uri][] = [];
  shownBefore += 1;
  for (const [uri, edits] of edit.entries().filter(([, each]) => each.length > 0)) {
    const document = await workspace.openTextDocument(uri);
    // Another number each time: the editor keeps the content of an address that it has read.
    const after = Uri.from({ scheme: SCHEME, path: uri.path, query: String(shownBefore) });
    renamed.set(after.toString(), textAfter(document, edits));
    rows.push([uri, uri, after]);
  }
  if (rows.length === 0) {
    return true;
  }
  const provider: Disposable = workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: (uri) => renamed.get(uri.toString()) ?? "",
  });
  try {
    await commands.executeCommand("vscode.changes", title, rows);
    const yes = `Rename in ${rows.length} ${rows.length === 1 ? "file" : "files"}`;
    const options = { title, ignoreFocusOut: true };
    return (await window.showQuickPick([yes, "Leave everything as it is"], options)) === yes;
  } finally {
    const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
    // The editor adds how many files there are.
    await window.tabGroups.close(tabs.filter((tab) => tab.label.startsWith(`${title} (`)));
    provider.dispose();
  }
}

function textAfter(document: TextDocument, edits: readonly TextEdit[]): string {
  let text = document.getText();
  const fromTheEnd = [...edits].sort((a, b) => b.range.start.compareTo(a.range.start));
  for (const { range, newText } of fromTheEnd) {
    const [start, end] = [document.offsetAt(range.start), document.offsetAt(range.end)];
    text = text.slice(0, start) + newText + text.slice(end);
  }
  return text;
}
