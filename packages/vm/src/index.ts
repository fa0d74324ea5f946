export { Fault, type FaultKind } from './fault.ts';
export { hookKey, Machine, type MachineOptions, requireHook } from './machine.ts';
export type { VmMap } from './maps/map.ts';
export { PerfEventMap } from './maps/perf.ts';
export { RingMap } from './maps/ring.ts';
export type { VmProgram } from './program.ts';
export { type Attachment, replay, unmatchedHooks } from './replay.ts';
export { type TestRunOptions, type TestRunResult, testRun } from './test-run.ts';
export { RecordedWorld, SimulatedWorld, type World } from './world.ts';
