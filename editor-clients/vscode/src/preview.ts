// Shows a name in the document as if it were written there, without an edit: what is there is
// hidden, and the new name is drawn in its place.
import {
  DecorationRangeBehavior,
  type Disposable,
  type Range,
  ThemeColor,
  type Uri,
  window,
} from "vscode";

/** Where a name stands: ranges by document. */
export type Mentions = ReadonlyMap<string, readonly Range[]>;

/** One preview at a time; `dispose` shows the document as it is. */
export class Preview implements Disposable {
  private readonly kind = window.createTextEditorDecorationType({
    rangeBehavior: DecorationRangeBehavior.ClosedClosed,
    // The way to hide text that other extensions use too; there is no setting for it.
    textDecoration: "none; display: none",
    before: {
      backgroundColor: new ThemeColor("diffEditor.insertedTextBackground"),
      fontStyle: "italic",
    },
  });
  private mentions: Mentions = new Map();
  private name = "";

  /** All places that a rename would change; they follow the name from now on. */
  widen(mentions: Mentions): void {
    this.mentions = mentions;
    this.draw();
  }

  /** Draw another name in all places. */
  show(name: string): void {
    this.name = name;
    this.draw();
  }

  dispose(): void {
    this.kind.dispose();
  }

  private draw(): void {
    for (const editor of window.visibleTextEditors) {
      const ranges = this.name ? (this.mentions.get(keyOf(editor.document.uri)) ?? []) : [];
      const renderOptions = { before: { contentText: this.name } };
      editor.setDecorations(
        this.kind,
        ranges.map((range) => ({ range, renderOptions })),
      );
    }
  }
}

/** What documents are told apart by. */
export function keyOf(uri: Uri): string {
  return uri.toString();
}
