export { type Place, placeOf } from './archive.ts';
export { btfFeatures } from './bpf/btf-features.ts';
export { loadBtf } from './bpf/btf-load.ts';
export { bpf, returned } from './bpf/call.ts';
export { openDebugInfo } from './debug-file.ts';
export { KernelError, ProgramRefused } from './diagnostics.ts';
export { doctor, type Permission, permitted, type Report } from './doctor.ts';
export { Executable, findBinary, type UsdtPlace } from './executable.ts';
export { cgroup2Root, FEATURES, type Feature, type FeatureName, type FeatureReport, probeFeature } from './features.ts';
export { type HeldKind, type Holder, holders } from './holders.ts';
export * from './inspect.ts';
export { interfaceIndex } from './interfaces.ts';
export { findKernelSymbols, type KernelSymbol, kernelFunctions } from './kallsyms.ts';
export { kernelSetting } from './kconfig.ts';
export { type Hook, type Kernel, kernel } from './kernel.ts';
export {
  kernelBtf,
  moduleBtf,
  modulesWithBtf,
  openModuleBtf,
  rawTracepointNames,
} from './kernel-btf.ts';
export { attachCgroup } from './link/cgroup.ts';
export {
  attachKprobe,
  attachKprobeMulti,
  type KprobeMultiOptions,
  type KprobeOptions,
  syscallFunction,
} from './link/kprobe.ts';
export { Link, openLink, type Via } from './link/link.ts';
export { attachLirc } from './link/lirc.ts';
export { attachLwt, type LwtOptions } from './link/lwt.ts';
export { attachNetfilter, type NetfilterOptions } from './link/netfilter.ts';
export { attachNetns } from './link/netns.ts';
export {
  attachPerfEvent,
  attachTracepoint,
  type PerfEventOptions,
} from './link/perf.ts';
export { attachSocket } from './link/socket.ts';
export { attachSockmap } from './link/sockmap.ts';
export { attachStructOps, registerStructOps, type StructOpsMembers, structOpsMember } from './link/struct-ops.ts';
export { attachNetkit, attachTc, type TcOptions } from './link/tc.ts';
export {
  attachIterator,
  attachRawTracepoint,
  attachTarget,
  attachTracing,
  findAttachTarget,
  findProgramTarget,
  openIterator,
  readIterator,
  type TracingOptions,
  type TracingTarget,
} from './link/tracing.ts';
export {
  attachUprobe,
  attachUprobeMulti,
  type UprobeMultiOptions,
  type UprobeOptions,
  type UprobeTarget,
} from './link/uprobe.ts';
export { attachUsdt, type UsdtOptions, usdtAddress } from './link/usdt.ts';
export { attachXdp, attachXdpMap, type XdpOptions } from './link/xdp.ts';
export { BpfMap, createMap, type MapOptions, openMap, type UpdateMode } from './map.ts';
export { PerfBuffer, type PerfBufferOptions } from './perf-buffer.ts';
export { missingCapabilities, type PermissionReason, permissionReasons } from './permission.ts';
export { pidNamespace } from './pid-namespace.ts';
export { openPinned, pin } from './pin.ts';
export {
  loadProgram,
  openProgram,
  Program,
  type ProgramOptions,
  probeProgram,
  type TestRunOptions,
  type TestRunResult,
} from './program.ts';
export type { BatchOptions, Decode, DecodeBatch, RawBatch, ReadOnlyView, RingMemory, RingWalk } from './reading.ts';
export { dropRights } from './rights.ts';
export { copyRecord, RingBuffer } from './ring.ts';
export { KernelSymbols } from './symbols/kernel-symbols.ts';
export { ProcessSymbols, type UserFound, type UserPlace } from './symbols/process-symbols.ts';
export { type Found, SymbolList, SymbolTable } from './symbols/symbol-table.ts';
export { onlineCpus, possibleCpus } from './sys/cpus.ts';
export { Handle, type OpenHandle, openHandles } from './sys/handle.ts';
export { pageSize } from './sys/memory.ts';
export { kernelRelease, releaseAtLeast } from './sys/release.ts';
export { TraceLines } from './trace-lines.ts';
export { tracefsRoot, tracepointExists, tracepointFormat, tracepointId, tracepointNames } from './tracefs.ts';
export { type Reservation, UserRing } from './user-ring.ts';
