import { Button, Loader } from "@mantine/core";
import type { JSX } from "react";
import { Mark } from "../../design/icons.tsx";
import type { Phase } from "./freshness.ts";

const WORDS: Readonly<Record<Exclude<Phase, "ready">, { title: string; text: string }>> = {
  loading: { title: "Asking the mesh …", text: "" },
  "signed-out": {
    title: "Signed out",
    text: "Open the address of the console that the server printed when it started: its one-time code opens a session.",
  },
  unreachable: {
    title: "The server cannot be reached",
    text: "The mesh goes on without it. This page tries again each second.",
  },
  refused: { title: "The server refuses to show the mesh", text: "" },
  empty: {
    title: "No workload has joined yet",
    text: "Start services with `heddle up`, or one of them with `heddle run`. They appear here as soon as their agents report.",
  },
};

export interface PageStateProps {
  readonly phase: Exclude<Phase, "ready">;
  /** The server's own explanation, shown when it refuses. */
  readonly detail: string;
  readonly onRetry: () => void;
  /** Where the reader can log in, if there is an identity provider. */
  readonly loginPath: string | undefined;
}

/** What is shown instead of the map when there is no map to show. */
export function PageState({ phase, detail, onRetry, loginPath }: PageStateProps): JSX.Element {
  const { title, text } = phase === "refused" ? { ...WORDS.refused, text: detail } : WORDS[phase];
  return (
    <div className="page-state" data-testid={`state-${phase}`} role="status">
      {phase === "loading" ? <Loader size="sm" type="dots" /> : <Mark />}
      <h2>{title}</h2>
      {text !== "" && <p className="muted">{withCode(text)}</p>}
      {phase === "signed-out" && loginPath !== undefined && (
        <Button component="a" href={loginPath} size="xs">
          Sign in
        </Button>
      )}
      {phase !== "loading" && (
        <Button variant="default" size="xs" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

function withCode(text: string): readonly (string | JSX.Element)[] {
  return text.split("`").map((part, index) => (index % 2 === 0 ? part : <code key={part}>{part}</code>));
}
