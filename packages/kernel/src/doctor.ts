import { arch } from 'node:os';
import { SkepError } from '@skep/base';
import { FEATURES, type FeatureReport, probeFeature } from './features.ts';
import { type PermissionReason, permissionReasons } from './permission.ts';
import { onlineCpus, possibleCpus } from './sys/cpus.ts';
import { native } from './sys/native.ts';
import { kernelRelease } from './sys/release.ts';
import { type HelperReport, helpers, mapTypes, programTypes, type TypeReport } from './type-support.ts';

/** What `skep doctor` shows, as plain data. */
export interface Report {
  readonly kernel: { readonly release: string; readonly arch: string };
  readonly cpus: { readonly online: number; readonly possible: number };
  /** Whether programs can be run in this kernel by this process. */
  readonly permitted: Permission;
  readonly features: readonly FeatureReport[];
  /** Empty where bpf(2) is not permitted. */
  readonly programTypes: readonly TypeReport[];
  readonly mapTypes: readonly TypeReport[];
  /** Undefined where bpf(2) is not permitted. */
  readonly helpers: HelperReport | undefined;
}

/** Whether bpf(2) can be used here, and if not, why and what to do. */
export type Permission =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** In one line. */
      readonly message: string;
      readonly reasons: readonly (Pick<PermissionReason, 'message' | 'remedy'> & { readonly id: string })[];
    };

/** Looks at this machine. Never throws: also on one without a kernel to use it says so. */
export function doctor(): Report {
  const permission = permitted();
  const usable = nativeProblem() === undefined;
  return {
    kernel: { release: kernelRelease(), arch: arch() },
    cpus: usable ? { online: onlineCpus().length, possible: possibleCpus() } : { online: 0, possible: 0 },
    permitted: permission,
    programTypes: permission.ok ? programTypes() : [],
    mapTypes: permission.ok ? mapTypes() : [],
    helpers: permission.ok ? helpers() : undefined,
    features: usable ? FEATURES.map((feature) => probeFeature(feature.name)) : [],
  };
}

/** Whether this process may load maps and tracing programs; tried, and when it failed, explained. */
export function permitted(): Permission {
  const problem = nativeProblem();
  if (problem !== undefined) {
    const { message, help } = problem.diagnostics[0]!;
    return { ok: false, message, reasons: [{ id: 'native', message, remedy: help ?? '' }] };
  }
  const tried = (['bpf', 'tracepoint'] as const).map(probeFeature).find((one) => !one.ok);
  if (tried === undefined) return { ok: true };
  return { ok: false, message: tried.detail ?? `${tried.title}: no`, reasons: permissionReasons() };
}

function nativeProblem(): SkepError | undefined {
  try {
    native();
    return undefined;
  } catch (error) {
    if (error instanceof SkepError) return error;
    throw error;
  }
}
