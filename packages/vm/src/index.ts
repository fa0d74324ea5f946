export {
  type Breakpoint,
  Debugger,
  type DebuggerOptions,
  type Frame,
  type Instruction,
  type Location,
  type Place,
  type PlaceBreakpoint,
  type Register,
  type Stop,
  type WatchBreakpoint,
  type WatchTarget,
} from './debug/debugger.ts';
export type { Meaning } from './debug/pointer.ts';
export type { Standing } from './debug/timeline.ts';
export { Fault, type FaultKind } from './fault.ts';
export { PacketBatch } from './hooks/batch.ts';
export { decodeContext, encodeContext, type PlainContext } from './hooks/context.ts';
export type { Fields } from './hooks/fields.ts';
export { kernelObject, type PlainObject, type PlainValue, readKernelObject } from './hooks/kernel-object.ts';
export { Socket, type SocketOptions } from './hooks/socket.ts';
export { StructOps, type StructOpsArgument, type StructOpsOptions } from './hooks/struct-ops.ts';
export { parseTraceFormat, type TraceField, type TraceFormat } from './hooks/trace-format.ts';
export { type HookState, hookKey, Machine, type MachineOptions, type Outcome, requireHook } from './machine.ts';
export { ArenaMap } from './maps/arena.ts';
export type { SpecialField, VmMap } from './maps/map.ts';
export { PerfEventMap } from './maps/perf.ts';
export { RingMap } from './maps/ring.ts';
export { specialFields } from './maps/special-fields.ts';
export { UserMap } from './maps/user.ts';
export { UserRingMap } from './maps/user-ring.ts';
export { type MachineObject, Objects } from './objects.ts';
export type { VmProgram } from './program.ts';
export { type Attachment, replay } from './replay.ts';
export { type RunCodeOptions, type RunCodeResult, runCode } from './run-code.ts';
export { type HidDeviceOptions, SimulatedHid } from './simulate/hid.ts';
export { type QueuedPacket, SimulatedQdisc } from './simulate/qdisc.ts';
export {
  type Ran,
  type SchedulerOptions,
  type SchedulerReport,
  SimulatedScheduler,
  type TaskPlan,
} from './simulate/scheduler.ts';
export { type HookGiven, type TestRunOptions, type TestRunResult, testRun, xdpPacket } from './test-run.ts';
export {
  RecordedWorld,
  type Route,
  type RouteQuery,
  type SimulatedArea,
  type SimulatedCgroup,
  type SimulatedFile,
  type SimulatedTask,
  SimulatedWorld,
  type SocketQuery,
  type World,
} from './world.ts';
