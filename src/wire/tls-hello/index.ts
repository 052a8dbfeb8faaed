/** The first message of a TLS connection, read without taking part in the connection (RFC 8446 §4.1.2). Knows no socket and no key. */
export type { ClientHello } from "./client-hello.ts";
export { ClientHelloReader, type HelloReading } from "./hello-reader.ts";
