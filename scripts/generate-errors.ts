/** Writes docs/reference/errors.md from the table of problem codes. Run it after changing the table. */
import { errorsPage } from "../test/docs/errors-page.ts";

await Bun.write(new URL("../docs/reference/errors.md", import.meta.url), errorsPage());
