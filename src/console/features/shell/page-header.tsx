import { ActionIcon, SegmentedControl, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import type { JSX } from "react";
import type { WindowName } from "../../api-client/queries.ts";
import { Icon, Mark } from "../../design/icons.tsx";

export type ViewName = "map" | "table";

export interface PageHeaderProps {
  readonly mesh: string;
  readonly view: ViewName;
  readonly window: WindowName;
  readonly live: boolean;
  readonly status: JSX.Element;
  readonly onView: (view: ViewName) => void;
  readonly onWindow: (window: WindowName) => void;
  readonly onLive: (live: boolean) => void;
  /** Undefined while nobody is signed in. */
  readonly onSignOut: (() => void) | undefined;
}

const VIEWS = [
  { value: "map", label: "Map" },
  { value: "table", label: "Table" },
] as const satisfies readonly { value: ViewName; label: string }[];

const WINDOWS = [
  { value: "10s", label: "10 s" },
  { value: "30s", label: "30 s" },
  { value: "5m", label: "5 min" },
] as const satisfies readonly { value: WindowName; label: string }[];

export function PageHeader(props: PageHeaderProps): JSX.Element {
  const { live, onLive, onSignOut } = props;
  return (
    <header className="header">
      <div className="header__brand">
        <Mark />
        <h1>
          Heddle <span className="header__mesh">{props.mesh}</span>
        </h1>
      </div>
      <Choice name="View" options={VIEWS} value={props.view} onChange={props.onView} />
      {props.status}
      <Choice name="Window" options={WINDOWS} value={props.window} onChange={props.onWindow} />
      <ActionIcon
        variant="default"
        size={30}
        aria-pressed={!live}
        aria-label={live ? "Pause" : "Go on live"}
        onClick={() => onLive(!live)}
      >
        <Icon name={live ? "pause" : "play"} />
      </ActionIcon>
      <SchemeButton />
      {onSignOut !== undefined && (
        <ActionIcon variant="default" size={30} aria-label="Sign out" onClick={onSignOut}>
          <Icon name="leave" />
        </ActionIcon>
      )}
    </header>
  );
}

interface ChoiceProps<T extends string> {
  readonly name: string;
  readonly options: readonly { readonly value: T; readonly label: string }[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}

function Choice<T extends string>({ name, options, value, onChange }: ChoiceProps<T>): JSX.Element {
  return (
    <SegmentedControl<T>
      size="xs"
      radius="sm"
      aria-label={name}
      data={[...options]}
      value={value}
      onChange={onChange}
      withItemsBorders={false}
    />
  );
}

function SchemeButton(): JSX.Element {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark";
  return (
    <ActionIcon
      variant="default"
      size={30}
      aria-label={dark ? "Use light colours" : "Use dark colours"}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
    >
      <Icon name={dark ? "sun" : "moon"} />
    </ActionIcon>
  );
}
