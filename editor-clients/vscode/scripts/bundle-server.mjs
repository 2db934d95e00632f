// Builds the server's wheel from the repository into wheel/, for the .vsix: npm run wheel
// The Python that builds it is $PYTHON, else the repository's .venv, else python3.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const client = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const root = resolve(client, "..", "..");
const own = join(root, ".venv", "bin", "python");
const python = process.env.PYTHON_FOR_WHEEL ?? (existsSync(own) ? own : "python3");
const folder = join(client, "wheel");

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const args = ["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"];
execFileSync(python, [...args, "--wheel-dir", folder, root], { stdio: "inherit" });
console.log(`wheel: ${readdirSync(folder).join(", ")}`);
