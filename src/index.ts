/**
 * Runs commands inside containers (LXC, with or without Proxmox VE, Docker, Kubernetes) and microVMs, and tells exactly
 * what happened.
 *
 * @packageDocumentation
 */
export { createRuntime } from './runtime/runtime.ts';
export type {
  ProcessesOptions,
  Runtime,
  RuntimeOptions,
  StartOptions,
  StopOptions,
  TargetOptions,
} from './runtime/runtime.ts';
export type { ExecOptions, InputMode, OutputMode, TerminalOptions } from './runtime/exec-options.ts';
export type { ExecManyOptions } from './runtime/exec-many.ts';
export type { ExecSession, ExecStart, PipeOf, SessionSignal } from './runtime/exec-session.ts';
export { ERROR_EXIT_CODES, LxcriError, isLxcriError } from './model/errors.ts';
export type { ErrorCode, ErrorInfo } from './model/errors.ts';
export type { ContainerIdentity, Platform } from './model/container.ts';
export { METHOD_NAMES } from './model/request.ts';
export type { MethodName, UserSpec, Word } from './model/request.ts';
export type { ContainerProcess, ContainerProcesses } from './model/process.ts';
export { SCHEMA_VERSION } from './model/result.ts';
export type { Attempt, ExecResult } from './model/result.ts';
export type { ManyResult, TargetResult } from './model/many.ts';
export type { ForwardedSignal } from './model/session.ts';
export { STATUSES } from './model/status.ts';
export type { ContainerSummary, Status } from './model/status.ts';
export type { Change } from './oci/lifecycle/lifecycle.ts';
export type { Stopped } from './oci/lifecycle/stop.ts';
export type { OciState } from './oci/state.ts';
