export { type CapturedPacket, type PacketCapture, readPackets, writePcap, writePcapng } from '@skep/capture';
export { type Compiled, type CompileOptions, compile } from '@skep/compiler';
export {
  ArenaMap,
  Debugger,
  type DebuggerOptions,
  kernelObject,
  readKernelObject,
  SimulatedWorld,
  Socket,
  type SocketOptions,
  StructOps,
  type World,
} from '@skep/vm';
export { type Checked, type CheckOptions, type CheckReport, check, type KernelName } from './check/check.ts';
export type { Cost, LineCost, Needs } from './check/cost.ts';
export type { Edit } from './check/fixes/editing.ts';
export { type ExplainedLog, explainKernelLog, type LogOptions } from './check/kernel-log.ts';
export { renderFix } from './check/show-fix.ts';
export { apply, type Fix } from './check/try-fixes.ts';
export type * from './host.ts';
export { type VmHost, type VmOptions, vm } from './hosts/vm.ts';
export { Attached, Loaded, LoadedProgram } from './loaded.ts';
export { isElf, type Opened, open } from './open.ts';
export { type PacketTotals, playPackets } from './packets.ts';
export { type LoadOptions, Spec } from './spec.ts';
export { declarationsOf, typeDeclarations } from './typed/declarations.ts';
export type { Value } from './typed/decode.ts';
export type { Encodable } from './typed/encode.ts';
export type { FieldInfo } from './typed/fields.ts';
export { TypedMap } from './typed/map.ts';
export { Records, type RecordType } from './typed/records.ts';
