/** The parts that all policy kinds share, as users write them. */
import { z } from "zod";
import { labels } from "./fields.ts";

export const strings = z.array(z.string().min(1)).default([]);

/** Workloads by their labels. */
export const selector = z.strictObject({ matchLabels: labels });

export const operation = z.strictObject({
  methods: strings,
  notMethods: strings,
  paths: strings,
  notPaths: strings,
  ports: strings,
  notPorts: strings,
  hosts: strings,
  notHosts: strings,
});
