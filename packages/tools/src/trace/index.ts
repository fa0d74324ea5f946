export { executeTrace, type TraceCall, type TraceIo, words } from './execute.ts';
export { Printer, place } from './printer.ts';
export { compileScript, type HeldLike, objectOf, runTrace, type TraceRun } from './run-trace.ts';
export { machineTarget } from './target.ts';
export { type Clock, realClock, virtualClock } from './world.ts';
