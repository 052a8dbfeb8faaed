/** Which endpoint a request goes to. Pure: time and chance are handed in. */
export { Balancer, type Candidate, type Weighted } from "./balancer.ts";
export { RetryBudget } from "./retry-budget.ts";
