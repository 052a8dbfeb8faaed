/**
 * Every failure a user can meet, in one table. `docs/reference/errors.md` is generated from it and a test compares the two.
 *
 * A code reads `HDL_<ROOM>_<WHAT>`. `summary` says what happened in general; `next` is the step that usually mends it and
 * is shown when the place of failure knows nothing better.
 */
export const PROBLEM_CODES = {
  HDL_AGENT_ANNOUNCE: {
    summary: "An agent could not tell the server about its workload; it tries again by itself.",
    next: "Look whether `heddle server` runs and can be reached; without it the workload's endpoint is not given out.",
  },
  HDL_AGENT_APP_SILENT: {
    summary: "The program behind an agent does not answer.",
    next: "Look at the program's own log, and that it listens on the address and port that `PORT` and `HOST` give it.",
  },
  HDL_AGENT_BOOTSTRAP: {
    summary: "The agent's bootstrap document is not usable.",
    next: "Correct the named field; `docs/reference/agent.md` lists them all.",
  },
  HDL_AGENT_EVIDENCE: {
    summary: "An agent cannot prove what its node is.",
    next: "Look at the file or address that the message names; `docs/guides/node-attestation.md` says what each kind of proof needs.",
  },
  HDL_AGENT_REPORT: {
    summary: "The server did not take an agent's telemetry.",
    next: "Nothing is lost for two minutes; look whether the server runs (`heddle check`).",
  },
  HDL_AGENT_TLS_FILE: {
    summary: "A certificate or key that an agent was given for its callers, or to know its app by, cannot be used.",
    next: "Give PEM files: the certificate with its chain, the leaf first, and its key, unencrypted and readable by its owner alone.",
  },
  HDL_AGENT_TOKEN_MISSING: {
    summary: "An agent without an identity was started without a join token.",
    next: "Create one with `heddle token create` and give it on standard input or in `joinTokenFile`, or let the node prove what it is with `--attest`.",
  },
  HDL_API_BUSY: {
    summary: "The server answers as many long questions as it may at once.",
    next: "Ask again in some seconds, or about a shorter time with `--since`.",
  },
  HDL_API_CREDENTIAL: {
    summary: "A request to the API has no right to what it asks.",
    next: "Name the server's data directory with `--data`, use `heddle login`, or give an API token with `--token-file`; other programs send theirs as `Authorization: Bearer …`.",
  },
  HDL_API_FORBIDDEN: {
    summary: "An administrator asked for something that no role of its own allows.",
    next: "Ask whoever administers that namespace for an `AdminRole`; `heddle whoami` shows what you hold.",
  },
  HDL_API_LOGIN: {
    summary: "Somebody could not log in by the identity provider.",
    next: "Begin again; if it goes on, compare the server's `--oidc-…` options with what the provider has registered.",
  },
  HDL_API_REQUEST: {
    summary: "A request to the API is not as its description says.",
    next: "See `/openapi.json` of the server for what it takes.",
  },
  HDL_API_TOKEN: {
    summary: "An API token cannot be made.",
    next: "See with `heddle api-token list` which there are.",
  },
  HDL_ATTESTATION_BARRED: {
    summary: "A workload that was revoked tries to come back by what its node proves.",
    next: "If it is to be trusted again, give it a join token (`heddle token create`): that lifts it.",
  },
  HDL_ATTESTATION_CHALLENGE: {
    summary: "Evidence of a node was shown without a fresh nonce of the server.",
    next: "Agents ask for one by themselves and try again; if it goes on, something slow stands between agent and server.",
  },
  HDL_ATTESTATION_EVIDENCE: {
    summary: "What a node proves of itself does not hold.",
    next: "The message says what is wrong; compare the node's certificate, token or document with the `NodeAttestation` that it should be held against.",
  },
  HDL_ATTESTATION_IDENTITY: {
    summary: "A node proved what it is, and may not have the identity that it asked for.",
    next: "Add the workload to `identities` of the `NodeAttestation`, if that node is meant to run it.",
  },
  HDL_ATTESTATION_NONE: {
    summary: "An agent offers a proof that the server has no `NodeAttestation` for.",
    next: "Apply one of that kind, or let the agent join with a token.",
  },
  HDL_ATTESTATION_TOKEN_EXPIRED: {
    summary: "A join token has expired.",
    next: "Create another with `heddle token create`, with a longer `--ttl` if the agent starts late.",
  },
  HDL_ATTESTATION_TOKEN_MALFORMED: {
    summary: "A text that should be a join token is not one.",
    next: "Give the whole line that `heddle token create` printed; it begins with `hjt1.`.",
  },
  HDL_ATTESTATION_TOKEN_REQUEST: {
    summary: "A join token cannot be made as asked.",
    next: "Name 1 to 64 workloads as `namespace/serviceaccount` and a life from 5 seconds to 30 days.",
  },
  HDL_ATTESTATION_TOKEN_STORE: {
    summary: "A join token in the server's store cannot be read.",
    next: "Revoke it and create another; if there are more, restore the store from a backup.",
  },
  HDL_ATTESTATION_TOKEN_UNKNOWN: {
    summary:
      "A join token is not known to the server: it was revoked, was forgotten, is of another server, or its secret is wrong.",
    next: "Create another with `heddle token create` on this server.",
  },
  HDL_ATTESTATION_TOKEN_USED: {
    summary: "A join token was used a second time.",
    next: "Create another with `heddle token create`; if the first use was not yours, the token was stolen: look at the audit trail.",
  },
  HDL_ATTESTATION_TOKEN_WORKLOAD: {
    summary: "A join token was used for a workload that it was not made for.",
    next: "Create one for that workload with `heddle token create`.",
  },
  HDL_AUDIT_BROKEN: {
    summary: "The audit log is not as it was written.",
    next: "Keep a copy of the server's data directory as it is, and compare with an export or a head that was kept elsewhere.",
  },
  HDL_AUTHORITY_EXPIRED: {
    summary: "The certificate authority has no key that may still sign.",
    next: "Put the root's key back into `ca/root/` and restart the server, which then makes a new issuing key.",
  },
  HDL_AUTHORITY_JOURNAL_CORRUPT: {
    summary: "The journal of the certificate authority is damaged.",
    next: "Restore `ca/` from a backup; agents keep their certificates until these expire.",
  },
  HDL_AUTHORITY_KEY_UNUSABLE: {
    summary: "A key of the certificate authority is missing or is not what the journal says.",
    next: "Restore the named file from a backup.",
  },
  HDL_AUTHORITY_KEY_WEAK: {
    summary: "A certificate was asked for a key of a kind that is not accepted.",
    next: "Make the request with a P-256 or P-384 key.",
  },
  HDL_AUTHORITY_NOTHING_TO_REVOKE: {
    summary: "The replica that is to be revoked holds no valid certificate.",
    next: "See the replicas with `heddle check`; without an instance the whole workload is revoked.",
  },
  HDL_AUTHORITY_PASSPHRASE_FILE: {
    summary: "The passphrase file of the certificate authority is missing or empty.",
    next: "Write the passphrase into it, on one line, with mode 0600.",
  },
  HDL_AUTHORITY_PASSPHRASE_MISSING: {
    summary: "A key of the certificate authority is encrypted.",
    next: "Start the server with the passphrase file that the key was encrypted under.",
  },
  HDL_AUTHORITY_PASSPHRASE_WRONG: {
    summary: "The passphrase does not open a key of the certificate authority.",
    next: "Start the server with the passphrase file that the key was encrypted under; a damaged key file looks the same, so compare it with a backup.",
  },
  HDL_AUTHORITY_POSSESSION_UNPROVEN: {
    summary: "A certification request is not signed by the key that it is for.",
    next: "Make the request anew with the private key at hand; a copied public key cannot be certified.",
  },
  HDL_AUTHORITY_ROOT_OFFLINE: {
    summary: "The root's key is needed to make an issuing key, and is not in its folder.",
    next: "Put it back into `ca/root/` for as long as that takes.",
  },
  HDL_AUTHORITY_ROTATING: {
    summary: "A rotation of the authority's keys is under way.",
    next: "See how far it is with `heddle ca status`; one ends before the next begins.",
  },
  HDL_AUTHORITY_RESERVED: {
    summary: "A workload asked for the identity of the server.",
    next: "Run the workload under a service account of its own.",
  },
  HDL_AUTHORITY_SLOT: {
    summary: "An issuing key cannot take this step in its life.",
    next: "Look at the keys' statuses; a key is prepared, then active, then old, then removed.",
  },
  HDL_AUTHORITY_UPSTREAM: {
    summary: "The authority above this one did not certify an issuing key.",
    next: "The message says what is wrong. A command of `--upstream-ca-command` can be run by hand, with a request on its standard input.",
  },
  HDL_AUTHORITY_TRUST_DOMAIN: {
    summary: "The data directory belongs to another trust domain.",
    next: "Start the server with the trust domain that it was first started with, or with another data directory.",
  },
  HDL_CHECK_AGENT_DISCONNECTED: {
    summary: "A workload's agent has lost the server; it goes on with what it has.",
    next: "See whether the agent runs and reaches the server's port for agents; its own log says why it cannot.",
  },
  HDL_CHECK_CERTIFICATE: {
    summary: "A workload's certificate has expired or is about to, because it is not renewed.",
    next: "See the agent's log for why renewing fails; if it was away too long, let it join again with a new token.",
  },
  HDL_CHECK_CLOCK: {
    summary: "The clocks of two hosts differ, so that certificates seem expired or not yet valid.",
    next: "Set both clocks by NTP (`timedatectl set-ntp true`).",
  },
  HDL_CHECK_SERVER_UNREACHABLE: {
    summary: "The server does not answer.",
    next: "Start it with `heddle server` or `heddle up`, or say where its data is with `--data`.",
  },
  HDL_CHECK_TOKEN_EXPIRED: {
    summary: "A join token expired before it was used.",
    next: "Create another with `heddle token create` and use it at once.",
  },
  HDL_CLI_ARGUMENT: {
    summary: "An argument or option of a command is not usable.",
    next: "See the command's `--help`.",
  },
  HDL_DISCOVERY_ANNOUNCEMENT: {
    summary: "A workload was announced in a way that cannot be given out as an endpoint.",
    next: "Correct the named field in the agent's bootstrap document.",
  },
  HDL_DISCOVERY_INSTANCE_TAKEN: {
    summary: "Two workloads of different service accounts announced the same instance.",
    next: "Give one of them another instance name, unique in its namespace.",
  },
  HDL_DISCOVERY_TOO_MANY: {
    summary: "More workloads were announced than the server keeps.",
    next: "Look who announces so many: `heddle check` lists them.",
  },
  HDL_ENGINE_DATABASE: {
    summary: "A database could not be read or written.",
    next: "Check who owns the file and its folder, and that no other program holds it.",
  },
  HDL_ENGINE_DATABASE_CORRUPT: {
    summary: "A database file is damaged.",
    next: "Stop Heddle, move the file away and put a backup in its place; without one it starts empty and `heddle apply` fills it again.",
  },
  HDL_ENGINE_DISK_FULL: {
    summary: "The disk takes nothing more.",
    next: "Free some room; nothing that was stored is lost, and the step can be repeated.",
  },
  HDL_ENGINE_FILE: {
    summary: "A file or folder cannot be read or written.",
    next: "Check that it exists, who owns it, and that the disk has room.",
  },
  HDL_ENGINE_FOLDER_IN_USE: {
    summary: "A folder that only one process may use is in use.",
    next: "Stop the other process, or give this one a folder of its own.",
  },
  HDL_ENGINE_INPUT_TOO_LONG: {
    summary: "Standard input or a file is longer than its limit.",
    next: "Give a shorter one; the message says how long it may be.",
  },
  HDL_ENGINE_PORT_IN_USE: {
    summary: "An address and port that Heddle must listen on is taken.",
    next: "Stop the program that holds it (`ss -ltnp` shows which) or choose another port.",
  },
  HDL_ENGINE_PROCESS_START: {
    summary: "A program could not be started.",
    next: "Check that the program is installed, executable and found by PATH, and that its folder exists.",
  },
  HDL_ENGINE_SECRET_EXPOSED: {
    summary: "A file that holds a secret may be read by other users.",
    next: "Give it to the user that Heddle runs as and take the rest away: `chmod 600 FILE`; if others may have read it, replace the secret.",
  },
  HDL_ENGINE_SECRET_FILE: {
    summary: "A file that holds a secret cannot be read or written.",
    next: "Look at the named path: its owner and mode, whether the disk is full or read-only.",
  },
  HDL_ENGINE_UNREACHABLE: {
    summary: "A connection to another machine or program cannot be made.",
    next: "Look whether it runs, and whether its address and port can be reached from this host.",
  },
  HDL_ENROLMENT_NAME: {
    summary: "A joining workload's name is malformed.",
    next: "Name namespace, service account and instance by at most 63 lower-case letters, digits and inner hyphens.",
  },
  HDL_ENROLMENT_NO_IDENTITY: {
    summary: "A certificate was to be renewed without showing the old one.",
    next: "Enrol with a join token.",
  },
  HDL_ENROLMENT_RATE: {
    summary: "Too many certificates were asked for from one address.",
    next: "Wait a little; agents try again by themselves. If it goes on, look at the audit trail for that address.",
  },
  HDL_ENROLMENT_SERVER_REFUSED: {
    summary: "The server refused to issue a certificate.",
    next: "Look into the server's log for this agent's address.",
  },
  HDL_ENROLMENT_SERVER_UNREACHABLE: {
    summary: "The server cannot be reached, or does not answer in time.",
    next: "Look whether `heddle server` runs, and whether its address and port are reachable from this host.",
  },
  HDL_ENROLMENT_SERVER_UNTRUSTED: {
    summary: "Who answers at the server's address is not the server that made the join token.",
    next: "Create a token on the server that is at that address now; if it should be the same one, someone stands between.",
  },
  HDL_FEDERATION_BUNDLE: {
    summary: "The trust bundle of another domain cannot be used.",
    next: "Compare it with what that domain's operators publish; the last good one stays in force.",
  },
  HDL_FEDERATION_ENDPOINT: {
    summary: "The bundle endpoint of another domain is not who it should be.",
    next: "Correct `endpointSPIFFEID` of the `Federation`, or find out who answers there.",
  },
  HDL_IDENTITY_AUTHORITY_INVALID: {
    summary: "A signing certificate does not meet the SPIFFE X.509-SVID standard or is not valid now.",
    next: "Give a certificate that is an authority of this trust domain, or renew it.",
  },
  HDL_IDENTITY_CERTIFICATE_MALFORMED: {
    summary: "Bytes that should be a certificate are not one.",
    next: "Ask the peer's operator for its certificate in DER or PEM; it may be damaged or cut short.",
  },
  HDL_IDENTITY_GRANT_REFUSED: {
    summary: "The server answered a request for a certificate with one that is not for this workload or key.",
    next: "Look whether another program answers at the server's address; then create another join token on the right server.",
  },
  HDL_IDENTITY_JWT_INVALID: {
    summary: "A token is not a good JWT-SVID for whoever reads it.",
    next: "Ask for a fresh token, for the audience that the reader names itself by.",
  },
  HDL_IDENTITY_REQUEST_MALFORMED: {
    summary: "Bytes that should be a certification request are not one.",
    next: "Send a PKCS#10 request in DER, signed by ECDSA with SHA-256 or SHA-384.",
  },
  HDL_IDENTITY_SPIFFE_ID_INVALID: {
    summary: "A text that should be a SPIFFE ID is not one.",
    next: "Write it as `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.",
  },
  HDL_IDENTITY_SVID_EXPIRED: {
    summary: "A peer's certificate has expired.",
    next: "See with `heddle check` why the peer does not renew, and compare the clocks of both hosts.",
  },
  HDL_IDENTITY_SVID_INVALID: {
    summary: "A peer's certificate does not meet the SPIFFE X.509-SVID standard.",
    next: "Let the peer enrol again, or correct what issues its certificates.",
  },
  HDL_IDENTITY_SVID_NOT_YET_VALID: {
    summary: "A peer's certificate is not valid yet.",
    next: "Set the clocks of both hosts; one of them is off.",
  },
  HDL_IDENTITY_SVID_REVOKED: {
    summary: "A peer's certificate was revoked.",
    next: "See who revoked it with `heddle audit`; if the workload is to come back, give it a new join token.",
  },
  HDL_IDENTITY_SVID_UNTRUSTED: {
    summary: "A peer's certificate was not signed by an authority of the trust domain that it names.",
    next: "If the authority changed, let the peer enrol again; otherwise someone pretends to be that workload.",
  },
  HDL_IDENTITY_TRUST_DOMAIN_INVALID: {
    summary: "A trust domain name is malformed.",
    next: "Use at most 255 lower-case letters, digits, dots, hyphens and underscores, such as `shop.example`.",
  },
  HDL_IDENTITY_TRUST_DOMAIN_UNKNOWN: {
    summary: "A peer belongs to a trust domain that is not known here.",
    next: "Federate with that trust domain, or connect to a peer of your own.",
  },
  HDL_INTERNAL: {
    summary: "A part of Heddle broke one of its own rules.",
    next: "Report it with the message and the output of `heddle check`.",
  },
  HDL_MANIFEST_INVALID: {
    summary: "A resource is not as its kind must be, or its text is not YAML.",
    next: "Correct the named field; a field that is not listed for the kind is not supported.",
  },
  HDL_MANIFEST_KIND: {
    summary: "A document names no kind, or one that is not known.",
    next: "Use one of the kinds of `docs/reference/resources.md`, with its apiVersion.",
  },
  HDL_MANIFEST_REPEATED: {
    summary: "Two documents describe the same resource.",
    next: "Keep one of them, or give one another name.",
  },
  HDL_MODEL_JWKS: {
    summary: "A JSON Web Key Set, by which an issuer's tokens are verified, cannot be used.",
    next: "Give the set that the issuer publishes: public keys of RSA (2048 bits or more), P-256, P-384 or Ed25519.",
  },
  HDL_SERVER_API_EXPOSED: {
    summary: "The API would listen beyond loopback without a certificate.",
    next: "Give `--api-certificate` and `--api-key`, or let it listen on 127.0.0.1.",
  },
  HDL_SERVER_ISSUER_KEYS: {
    summary:
      "The keys of a token issuer that a RequestAuthentication names could not be fetched; the server tries again by itself.",
    next: "Look whether the server reaches the issuer; keys that were fetched before hold for a day, without any its tokens are refused.",
  },
  HDL_POLICY_FLOW_UNKNOWN: {
    summary: "A flow is asked about that is not kept, or that the caller may not view.",
    next: "Take the identifier from `heddle tap`, `heddle tap -o json` or the header `x-heddle-flow`; flows are kept for an hour, and of those that were allowed only some.",
  },
  HDL_POLICY_UNSEEN: {
    summary: "A policy is wanted of traffic that was never seen.",
    next: "Let the callers call and ask again, or look further back by `--since`; `heddle stat` shows who calls whom.",
  },
  HDL_POLICY_GUARD: {
    summary: "A change was refused, because requests that were seen would be denied by it.",
    next: "Look at them with `heddle policy simulate`; put the policy into observe mode first, or apply with `--allow-denials`.",
  },
  HDL_POLICY_GUARD_UNDECIDED: {
    summary:
      "A change was refused, because what it would do to requests that were seen depends on what was not recorded of them.",
    next: "Put the policy into observe mode first and look at what it would deny, or apply with `--allow-undecided`.",
  },
  HDL_POLICY_QUESTION: {
    summary: "A question about policies names a caller or a destination that is not there.",
    next: "Name the caller as `namespace/service-account` and the destination as `namespace/service`; `heddle stat` shows who calls whom.",
  },
  HDL_SERVER_IDENTITY_PROVIDER: {
    summary: "The server was not told rightly of the identity provider.",
    next: "Correct the `--oidc-…` option; see `docs/guides/administration.md`.",
  },
  HDL_STORE_CONFLICT: {
    summary: "A resource was changed by someone else in the meantime.",
    next: "Get it again, repeat your change and apply that.",
  },
  HDL_STORE_MISSING: {
    summary: "There is no such resource.",
    next: "See with `heddle get` which there are; a namespace may be missing (`-n`).",
  },
  HDL_SUPERVISOR_APPLICATION: {
    summary: "A `heddle.yaml` is not usable.",
    next: "Correct the named field; `docs/reference/application.md` lists them all.",
  },
  HDL_SUPERVISOR_APPLICATION_MISSING: {
    summary: "There is no `heddle.yaml` where one was looked for.",
    next: "Go to the project's folder, or name the file with `--file`.",
  },
  HDL_SUPERVISOR_NOT_READY: {
    summary: "A part of an application did not become ready.",
    next: "Look at its last lines, and start it by itself to see why.",
  },
  HDL_SUPERVISOR_NO_ADDRESS: {
    summary: "No loopback addresses are free for an application's agents.",
    next: "Stop other programs that listen on 127.*.*.* port 15008 (`ss -ltn` shows them).",
  },
  HDL_SUPERVISOR_RUNNING: {
    summary: "The application is running already.",
    next: "Stop the one that runs with Ctrl-C, or use it.",
  },
  HDL_SUPERVISOR_SERVER: {
    summary: "The server did not do what the supervisor asked of it.",
    next: "See the server's log lines above.",
  },
  HDL_TELEMETRY_BATCH: {
    summary: "An agent sent telemetry that is not usable.",
    next: "Let the agent and the server run the same version of Heddle.",
  },
  HDL_TELEMETRY_QUERY: {
    summary: "A question about telemetry cannot be answered as asked.",
    next: "Correct the named parameter.",
  },
  HDL_TELEMETRY_RATE: {
    summary: "An agent reports more often than it may.",
    next: "Nothing: agents try again by themselves. If it goes on, restart that agent.",
  },
  HDL_TELEMETRY_REPORTER: {
    summary: "An agent reported as someone else.",
    next: "An agent may only report for its own workload: look at the audit trail for who did this, and replace its identity.",
  },
  HDL_TELEMETRY_STORE: {
    summary: "Telemetry could not be stored.",
    next: "Look whether the disk is full; `telemetry.db` may be deleted while the server is stopped, which loses history only.",
  },
  HDL_XDS_LAST_GOOD: {
    summary: "The configuration that an agent kept on disk is damaged; it waits for the server's instead.",
    next: "Nothing, if the server can be reached; otherwise look at the disk that the agent's state is on.",
  },
  HDL_XDS_RESOURCE_INVALID: {
    summary: "The server sent an agent a resource that it cannot use; the agent keeps what it has.",
    next: "Compare the versions of server and agent with `heddle check`; the agent's log names the resource.",
  },
  HDL_XDS_STREAM: {
    summary: "An agent asked for its configuration in a way that the server does not accept.",
    next: "Compare the versions of server and agent with `heddle check`.",
  },
  HDL_WORKLOAD_API_DENIED: {
    summary: "A process asked for a workload's identity and may not have it.",
    next: "Compare it with `workloadApi.allow` of the agent's bootstrap document.",
  },
} as const satisfies Record<string, { readonly summary: string; readonly next: string }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;
