import { useHotkeys } from "@mantine/hooks";
import { type JSX, useCallback, useState } from "react";
import { useGraph, useLoginPath, type WindowName } from "../api-client/queries.ts";
import { closeSession } from "../api-client/session.ts";
import type { GraphView } from "../api-client/shapes.ts";
import { DetailsPanel } from "../features/details/details-panel.tsx";
import { isStale, phaseOf } from "../features/shell/freshness.ts";
import { LiveStatus } from "../features/shell/live-status.tsx";
import { PageHeader, type ViewName } from "../features/shell/page-header.tsx";
import { PageState } from "../features/shell/page-state.tsx";
import { SidePanel, type TabName } from "../features/shell/side-panel.tsx";
import { longestLife } from "../features/topology/certificate-life.ts";
import type { LifeClock } from "../features/topology/certificate-ring.tsx";
import type { Selection } from "../features/topology/map-elements.ts";
import { TopologyMap } from "../features/topology/topology-map.tsx";
import { TopologyTable } from "../features/topology/topology-table.tsx";
import { WhyPanel } from "../features/why/why-panel.tsx";
import "../features/shell/shell.css";

/** The live mesh on one page: the map, and beside it what is chosen and why it is as it is. */
export function MeshPage(): JSX.Element {
  const [view, setView] = useState<ViewName>("map");
  const [window, setWindow] = useState<WindowName>("30s");
  const [live, setLive] = useState(true);
  const { data, error, isError, dataUpdatedAt, refetch } = useGraph(window, live);
  const phase = phaseOf({ hasData: data !== undefined, hasNodes: (data?.nodes.length ?? 0) > 0, error });
  const loginPath = useLoginPath(phase === "signed-out");
  const stale = isStale({ live, failed: isError, ageMs: 0 });
  const answeredAtMs = phase === "signed-out" ? 0 : dataUpdatedAt;
  const status = <LiveStatus live={live} failed={isError} answeredAtMs={answeredAtMs} />;
  return (
    <div className="page">
      <PageHeader
        mesh={meshName(data)}
        onSignOut={phase === "signed-out" ? undefined : () => void closeSession().then(() => refetch())}
        {...{ view, window, live, status, onView: setView, onWindow: setWindow, onLive: setLive }}
      />
      {phase === "ready" && data !== undefined ? (
        <Mesh graph={data} {...{ view, window, live, stale }} />
      ) : (
        <PageState
          phase={phase === "ready" ? "loading" : phase}
          detail={error?.message ?? ""}
          onRetry={() => void refetch()}
          loginPath={loginPath}
        />
      )}
    </div>
  );
}

interface MeshProps {
  readonly graph: GraphView;
  readonly view: ViewName;
  readonly window: WindowName;
  readonly live: boolean;
  readonly stale: boolean;
}

function Mesh({ graph, view, window, live, stale }: MeshProps): JSX.Element {
  const clock = useLifeClock(graph);
  const panel = usePanel();
  const { selection, onSelect } = panel;
  useHotkeys([["Escape", () => onSelect(undefined)]], []);
  const service = panel.service ?? entryOf(graph);
  return (
    <>
      <main
        className={stale ? "stage stage--stale" : "stage"}
        aria-label={view === "map" ? "Live map" : "Table of calls"}
      >
        {view === "map" && <TopologyMap {...{ graph, clock, selection, onSelect }} />}
        {view === "table" && <TopologyTable {...{ graph, selection, onSelect }} />}
      </main>
      <SidePanel tab={panel.tab} onTab={panel.setTab} onClose={selection && (() => onSelect(undefined))}>
        {panel.tab === "why" ? (
          <WhyPanel
            services={graph.nodes}
            {...{ service, window, live, nowMs: graph.generatedAtMs, onChoose: panel.onWhy }}
          />
        ) : (
          <DetailsPanel {...{ graph, clock, selection, onSelect, onWhy: panel.onWhy }} />
        )}
      </SidePanel>
    </>
  );
}

interface PanelState {
  readonly selection: Selection | undefined;
  readonly service: string | undefined;
  readonly tab: TabName;
  readonly setTab: (tab: TabName) => void;
  readonly onSelect: (selection: Selection | undefined) => void;
  readonly onWhy: (service: string) => void;
}

function usePanel(): PanelState {
  const [selection, setSelection] = useState<Selection>();
  const [service, setService] = useState<string>();
  const [tab, setTab] = useState<TabName>("why");
  const onSelect = useCallback((next: Selection | undefined) => {
    setSelection(next);
    setTab(next === undefined ? "why" : "details");
  }, []);
  const onWhy = useCallback((id: string) => {
    setService(id);
    setTab("why");
  }, []);
  return { selection, service, tab, setTab, onSelect, onWhy };
}

/** The server's own time of the data: a browser with a wrong clock shows right ages, and stale data does not seem to expire. */
function useLifeClock(graph: GraphView): LifeClock {
  const [lifeMs, setLifeMs] = useState(0);
  const longest = longestLife(lifeMs, graph);
  if (longest !== lifeMs) setLifeMs(longest);
  return { nowMs: graph.generatedAtMs, lifeMs: longest };
}

/** Where users come in: the gateway, or else the first service that is called from outside or calls others uncalled. */
function entryOf(graph: GraphView): string | undefined {
  const called = new Set(graph.edges.map((edge) => edge.destination));
  const inside = graph.nodes.filter((node) => node.role !== "external");
  const entry =
    inside.find((node) => node.role === "gateway") ?? inside.find((node) => !called.has(node.id)) ?? inside[0];
  return entry?.id;
}

function meshName(graph: GraphView | undefined): string {
  const names = [...new Set(graph?.nodes.filter((node) => node.role !== "external").map((node) => node.namespace))];
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} +${names.length - 3}` : names.join(", ");
}
