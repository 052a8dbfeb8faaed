// npm run build: the console, then dist/heddle, one executable file that holds engine and product.
import { ensureConsole } from "./console.js";
import { ensureInstalled, run } from "./install.js";

const bun = ensureInstalled();
ensureConsole();
run(bun, ["build", "--compile", "--minify-syntax", "--outfile", "dist/heddle", "src/cli/main.ts"]);
console.error("heddle: built dist/heddle");
