// "Rename to…": a name of one's own, renamed as carefully as a suggested one.
import { window } from "vscode";
import { execute, type Names, type Place } from "../protocol";
import { rename } from "../renaming";
import type { Server } from "../server";
import { isPlace, underCursor } from "./suggest";

const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except " +
    "finally for from global if import in is lambda nonlocal not or pass raise return try while " +
    "with yield"
  ).split(" "),
);

/** Ask for a name and rename the function at a place, or under the cursor. */
export async function renameTo(server: Server, argument: unknown): Promise<void> {
  const client = await server.running();
  const place = isPlace(argument) ? argument : underCursor(client);
  // What function it is, without asking the model.
  const here = await execute<Names>(client, "namewright.names", { ...place, predict: false });
  const name = await window.showInputBox({
    title: `Rename ${here.function}`,
    prompt: "Everywhere in the workspace. What is doubtful is shown first.",
    value: here.function,
    validateInput: (value) => complaintAbout(value.trim(), here.function),
  });
  if (name !== undefined && name.trim() !== here.function) {
    const target: Place = { uri: place.uri, position: here.range.start };
    await rename(client, target, name.trim());
  }
}

function complaintAbout(name: string, present: string): string | undefined {
  if (name === present) {
    return undefined;
  }
  if (!/^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name)) {
    return "A name begins with a letter or _ and goes on with letters, digits and _";
  }
  return KEYWORDS.has(name) ? `${name} is a keyword of Python` : undefined;
}
