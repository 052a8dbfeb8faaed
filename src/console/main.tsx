import "./api-client/without-eval.ts";
import "@mantine/core/styles.css";
import "@xyflow/react/dist/base.css";
import "./design/tokens.css";
import "./design/base.css";
import { createRoot } from "react-dom/client";
import { codeInFragment, openSession } from "./api-client/session.ts";
import { App } from "./app.tsx";

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no element #root.");

// A fresh code pasted into the address of an open page changes the fragment only, which loads nothing by itself.
addEventListener("hashchange", () => {
  if (codeInFragment(location.hash) !== undefined) location.reload();
});

await openSession();
createRoot(root).render(<App />);
