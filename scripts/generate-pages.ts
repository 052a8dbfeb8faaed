/** Writes the reference pages that are made from tables of the code. Run it after changing such a table. */
import { endReasonsPage } from "../test/docs/end-reasons-page.ts";
import { errorsPage } from "../test/docs/errors-page.ts";
import { resourcesPage } from "../test/docs/resources-page.ts";

const page = (name: string): URL => new URL(`../docs/reference/${name}`, import.meta.url);
await Bun.write(page("errors.md"), errorsPage());
await Bun.write(page("end-reasons.md"), endReasonsPage());
await Bun.write(page("resources.md"), resourcesPage());
