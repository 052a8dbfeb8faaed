import { ActionIcon } from "@mantine/core";
import type { JSX, KeyboardEvent, ReactNode } from "react";
import { Icon } from "../../design/icons.tsx";

export type TabName = "why" | "details";

const TABS = [
  { name: "why", label: "Why" },
  { name: "details", label: "Details" },
] as const satisfies readonly { name: TabName; label: string }[];

export interface SidePanelProps {
  readonly tab: TabName;
  readonly onTab: (tab: TabName) => void;
  /** Undefined when nothing is chosen that could be let go. */
  readonly onClose: (() => void) | undefined;
  readonly children: ReactNode;
}

export function SidePanel({ tab, onTab, onClose, children }: SidePanelProps): JSX.Element {
  return (
    <aside className="panel" aria-label="Details">
      <div className="panel__tabs">
        <TabList tab={tab} onTab={onTab} />
        {onClose !== undefined && (
          <ActionIcon
            className="panel__close"
            variant="subtle"
            color="gray"
            aria-label="Clear selection"
            onClick={onClose}
          >
            <Icon name="close" />
          </ActionIcon>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable to be scrolled by keyboard */}
      <div className="panel__body" role="tabpanel" id="panel-body" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {children}
      </div>
    </aside>
  );
}

function TabList({ tab, onTab }: { tab: TabName; onTab: (tab: TabName) => void }): JSX.Element {
  const onArrow = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = tab === "why" ? "details" : "why";
    onTab(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div className="panel__tablist" role="tablist" aria-label="Panel">
      {TABS.map(({ name, label }) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          className="panel__tab"
          aria-selected={tab === name}
          aria-controls="panel-body"
          tabIndex={tab === name ? 0 : -1}
          onClick={() => onTab(name)}
          onKeyDown={onArrow}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
