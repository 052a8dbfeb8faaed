import { Table } from "@mantine/core";
import type { JSX } from "react";
import type { EdgeView, GraphView, Percentiles } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { policyName } from "../../format/policies.ts";
import { formatCount, formatMs, formatRate, formatShare } from "../../format/quantities.ts";
import type { Selection } from "./map-elements.ts";
import { edgeId, successHealth } from "./signals.ts";
import { figureTone, shortName } from "./wording.ts";

export interface TopologyTableProps {
  readonly graph: GraphView;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection) => void;
}

const COLUMNS = ["Caller", "Callee", "Encryption", "Rate", "Success", "Caller p50 / p99", "Callee p50 / p99", "Denied"];

/** The map as a table: every edge with every figure, for screen readers, for sorting out a crowd and for copying. */
export function TopologyTable({ graph, selection, onSelect }: TopologyTableProps): JSX.Element {
  return (
    <section className="topology-table" aria-label="Calls between services">
      <Table stickyHeader highlightOnHover verticalSpacing={6} aria-label="Calls between services">
        <Table.Thead>
          <Table.Tr>
            {COLUMNS.map((column) => (
              <Table.Th key={column} scope="col">
                {column}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {graph.edges.map((edge) => (
            <EdgeRow
              key={edgeId(edge)}
              edge={edge}
              chosen={selection?.id === edgeId(edge)}
              onSelect={() => onSelect({ kind: "edge", id: edgeId(edge) })}
            />
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function EdgeRow({ edge, chosen, onSelect }: { edge: EdgeView; chosen: boolean; onSelect: () => void }): JSX.Element {
  return (
    <Table.Tr className={chosen ? "is-chosen" : ""}>
      <Table.Th scope="row">
        <button type="button" className="quiet-button" aria-pressed={chosen} onClick={onSelect}>
          {shortName(edge.source)}
          <span className="visually-hidden"> to {shortName(edge.destination)}</span>
        </button>
      </Table.Th>
      <Table.Td>{shortName(edge.destination)}</Table.Td>
      <Table.Td>
        <span className={`topology-table__lock ${edge.mtls ? "tone-good" : "tone-bad"}`}>
          <Icon name={edge.mtls ? "lock" : "unlocked"} /> {edge.mtls ? "mTLS" : "not proved"}
        </span>
      </Table.Td>
      <Table.Td>{formatRate(edge.requestsPerSecond)}/s</Table.Td>
      <Table.Td className={edge.successRate === null ? "" : figureTone(successHealth(edge.successRate))}>
        {edge.successRate === null ? "–" : formatShare(edge.successRate)}
      </Table.Td>
      <Table.Td>{percentiles(edge.fromSource)}</Table.Td>
      <Table.Td>{percentiles(edge.fromDestination)}</Table.Td>
      <Table.Td className={edge.denied > 0 ? "tone-denied" : ""}>
        {edge.denied === 0 ? "–" : `${formatCount(edge.denied)} by ${edge.denyPolicies.map(policyName).join(", ")}`}
      </Table.Td>
    </Table.Tr>
  );
}

function percentiles(latency: Percentiles | null): string {
  return latency === null ? "–" : `${formatMs(latency.p50Ms)} / ${formatMs(latency.p99Ms)} ms`;
}
