/** Tries what an attacker on the same host would try on a mesh port. Nothing here uses Heddle's own code. */
import "reflect-metadata";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

export interface Attempt {
  readonly name: string;
  readonly refused: boolean;
  /** What came back. */
  readonly detail: string;
}

export interface Target {
  readonly address: string;
  readonly port: number;
}

const TIMEOUT_MS = 3000;
const DAY_MS = 86_400_000;

/** Speaks HTTP without TLS. Refused unless an HTTP answer comes. */
export function plaintext({ address, port }: Target): Promise<Attempt> {
  return new Promise((resolve) => {
    const received: Uint8Array[] = [];
    const socket = connect({ host: address, port });
    const finish = (how: string): void => {
      clearTimeout(timer);
      socket.destroy();
      const text = Buffer.concat(received).toString("latin1");
      const refused = !text.startsWith("HTTP/");
      resolve({ name: "plaintext", refused, detail: refused ? how : `answered: ${text.split("\r\n")[0]}` });
    };
    const timer = setTimeout(() => finish(`no answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS);
    socket.once("connect", () => socket.write("GET /charges HTTP/1.1\r\nHost: payments\r\n\r\n"));
    socket.on("data", (part) => void received.push(Buffer.from(part)));
    socket.once("close", () => finish("the connection was closed without an answer"));
    socket.once("error", (error) => finish(error.message));
  });
}

interface Credential {
  readonly cert: string;
  readonly key: string;
}

/** A certificate that claims a SPIFFE ID of the mesh, signed by nobody whom the mesh knows. */
export async function forgeIdentity(uri: string): Promise<Credential> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=checkout",
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: "url", value: uri }])],
  });
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const base64 = Buffer.from(der)
    .toString("base64")
    .replaceAll(/(.{64})/g, "$1\n");
  return {
    cert: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Speaks HTTP/2 over TLS with the given certificate, or none. Refused unless a response comes. */
export function overTls(name: string, { address, port }: Target, credential?: Credential): Promise<Attempt> {
  return new Promise((resolve) => {
    const session = connectHttp2(`https://${address}:${port}`, { rejectUnauthorized: false, ...credential });
    let isDone = false;
    const finish = (refused: boolean, detail: string): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      session.destroy();
      resolve({ name, refused, detail });
    };
    const timer = setTimeout(() => finish(true, `no answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS);
    session.on("error", (error) => finish(true, error.message));
    session.on("close", () => finish(true, "the connection was closed without an answer"));
    const request = session.request({ ":method": "GET", ":path": "/charges", ":authority": "payments" });
    request.on("response", (headers) => finish(false, `answered: ${headers[":status"]}`));
    request.on("error", (error) => finish(true, error.message));
    request.end();
  });
}

/** Every attempt, each against the given mesh port. */
export async function tryToIntrude(target: Target, claimedUri: string): Promise<readonly Attempt[]> {
  const forged = await forgeIdentity(claimedUri);
  return [
    await plaintext(target),
    await overTls("no-certificate", target),
    await overTls("wrong-identity", target, forged),
  ];
}
