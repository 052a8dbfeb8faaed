import { config } from "zod";

// Schemas decide when they are made whether to compile themselves, which needs the `eval` that the content security
// policy rightly forbids. So this module stands before all others that make one.
config({ jitless: true });
