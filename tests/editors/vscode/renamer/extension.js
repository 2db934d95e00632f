// Stands for the person's Python extension: renames in one file, and leaves its mark on top of it.
const { languages, Position, WorkspaceEdit } = require("vscode");

exports.activate = (context) => {
  const provider = {
    provideRenameEdits(document, position, newName) {
      const edit = new WorkspaceEdit();
      const name = document.getText(document.getWordRangeAtPosition(position));
      for (const match of document.getText().matchAll(new RegExp(`\\b${name}\\b`, "g"))) {
        const at = document.positionAt(match.index);
        edit.replace(document.uri, document.getWordRangeAtPosition(at), newName);
      }
      edit.insert(document.uri, new Position(0, 0), "# renamed by the other extension\n");
      return edit;
    },
  };
  context.subscriptions.push(languages.registerRenameProvider({ language: "python" }, provider));
};
