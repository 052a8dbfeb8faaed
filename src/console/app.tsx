import { createTheme, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { JSX } from "react";
import { MeshPage } from "./views/mesh-page.tsx";

const theme = createTheme({ primaryColor: "cyan", respectReducedMotion: true, cursorType: "pointer" });

/** A page that waits for the browser's opinion on being online would not show a server on the same machine. */
const queryClient = new QueryClient({ defaultOptions: { queries: { networkMode: "always" } } });

export function App(): JSX.Element {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queryClient}>
        <MeshPage />
      </QueryClientProvider>
    </MantineProvider>
  );
}
