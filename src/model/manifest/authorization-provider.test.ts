import { describe, expect, test } from "bun:test";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { parseManifests, writeManifests } from "./index.ts";

function read(spec: string) {
  const text = `apiVersion: heddle.dev/v1
kind: AuthorizationProvider
metadata: { name: opa }
spec: ${spec}
`;
  return parseManifests([{ file: "a.yaml", text }]);
}

describe("an AuthorizationProvider", () => {
  test("needs to say no more than where it is", () => {
    const result = read("{ grpc: { url: http://127.0.0.1:9000/ } }");
    const [provider] = result.ok ? result.value : [];
    expect<unknown>(provider?.kind === "AuthorizationProvider" ? provider.spec : result).toEqual({
      protocol: "grpc",
      url: "http://127.0.0.1:9000",
      caCertificates: "",
      timeoutMs: 1000,
      isFailOpen: false,
      statusOnError: 403,
      body: undefined,
      headers: { inCheck: [], additional: [], upstreamOnAllow: [], downstreamOnAllow: [], downstreamOnDeny: [] },
    });
  });

  test.each([
    `{ http: { url: https://authz.example, caCertificates: ${JSON.stringify(fakeAuthority().pem)} } }`,
    "{ grpc: { url: https://authz.example:9000, timeout: 200ms, includeRequestBodyInCheck: { maxRequestBytes: 4096, packAsBytes: true } } }",
    `{ http: { url: http://localhost:9000/check, failOpen: true, statusOnError: 503, includeRequestHeadersInCheck: [Cookie, x-a-*],
      includeAdditionalHeadersInCheck: { X-Mesh: shop }, headersToUpstreamOnAllow: [X-User], headersToDownstreamOnAllow: [set-cookie],
      headersToDownstreamOnDeny: ["*-reason"], includeRequestBodyInCheck: { maxRequestBytes: 1, allowPartialMessage: true } } }`,
  ])("is the same when written and read again: %s", (spec) => {
    const first = read(spec);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(parseManifests([{ file: "b.yaml", text: writeManifests(first.value) }])).toEqual(first);
  });

  const http = (text: string): string => `{ http: { url: https://a, ${text} } }`;
  test.each([
    ["neither form", "{}", "spec", "either `http` or `grpc`"],
    ["both", "{ http: { url: https://a }, grpc: { url: https://a } }", "spec", "either `http` or `grpc`"],
    ["no place", "{ http: {} }", "spec.http.url", "is missing"],
    ["a place in the clear", "{ http: { url: http://authz.example } }", "spec.http.url", "on loopback"],
    [
      "a name that only begins like loopback",
      "{ http: { url: http://127.0.0.1.evil.example } }",
      "spec.http.url",
      "on loopback",
    ],
    ["a query", "{ http: { url: https://a?b } }", "spec.http.url", "without user or query"],
    ["a path for gRPC", "{ grpc: { url: https://a/b } }", "spec.grpc.url", "no path"],
    [
      "headers for gRPC",
      "{ grpc: { url: https://a, headersToUpstreamOnAllow: [a] } }",
      "headersToUpstreamOnAllow",
      "there is no field",
    ],
    ["a file for certificates", http("caCertificates: /etc/ca.pem"), "caCertificates", "certificate in PEM"],
    ["too much time", http("timeout: 1m"), "spec.http.timeout", "1ms to 30s"],
    ["a status that is no refusal", http("statusOnError: 200"), "statusOnError", ">=400"],
    [
      "too much of a body",
      http("includeRequestBodyInCheck: { maxRequestBytes: 1000000 }"),
      "maxRequestBytes",
      "<=65536",
    ],
    ["everything", http("includeRequestHeadersInCheck: ['*']"), "includeRequestHeadersInCheck[0]", "header's name"],
    [
      "a header of the agents",
      http("headersToUpstreamOnAllow: [X-Forwarded-Client-Cert]"),
      "headersToUpstreamOnAllow[0]",
      "themselves",
    ],
  ])("with %s is refused, and the place is said", (_name, spec, field, want) => {
    const result = read(spec);
    const told = result.ok ? [] : result.problems.map(({ at, message }) => `${at?.field} ${message} ${at?.line}`);
    expect(told.join("\n")).toContain(want);
    expect(told.join("\n")).toContain(field);
  });
});
