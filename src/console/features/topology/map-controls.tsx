import { ActionIcon } from "@mantine/core";
import { Panel, useReactFlow } from "@xyflow/react";
import type { JSX } from "react";
import { Icon } from "../../design/icons.tsx";

export function MapControls({ onFit }: { readonly onFit: () => void }): JSX.Element {
  const { zoomIn, zoomOut } = useReactFlow();
  return (
    <Panel position="bottom-right" className="map-controls">
      <ActionIcon variant="default" size="md" aria-label="Zoom in" onClick={() => void zoomIn({ duration: 150 })}>
        <Icon name="plus" />
      </ActionIcon>
      <ActionIcon variant="default" size="md" aria-label="Zoom out" onClick={() => void zoomOut({ duration: 150 })}>
        <Icon name="minus" />
      </ActionIcon>
      <ActionIcon variant="default" size="md" aria-label="Show the whole map" onClick={onFit}>
        <Icon name="fit" />
      </ActionIcon>
    </Panel>
  );
}
