/** Messages and services of the wire protocols, generated from `proto/`; `proto/buf.gen.yaml` names the command. */
export {
  type AnnounceRequest,
  AnnounceRequestSchema,
  type AnnounceResponse,
  type EnrolRequest,
  EnrolRequestSchema,
  Identity,
  Registry,
  type RenewRequest,
  RenewRequestSchema,
  type ReportRequest,
  ReportRequestSchema,
  type SvidResponse,
  SvidResponseSchema,
  Telemetry,
  type WithdrawRequest,
} from "./gen/heddle/v1/control_pb.ts";
