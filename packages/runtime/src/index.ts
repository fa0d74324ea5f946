export { openLink as openKernelLink, openProgram as openKernelProgram } from '@skep/kernel';
export * from './browser.ts';
export { kernel, openKernelMap } from './hosts/kernel.ts';
export { HeldCommand } from './node/command.ts';
export {
  checkFile,
  compileFile,
  explainKernelLogOf,
  type FileOptions,
  openFile,
  readBytes,
  readPacketFile,
  readRecording,
  recordingBeside,
  writePacketFile,
} from './node/files.ts';
export { chooseHome, HOMES, type Home, type HomeName } from './node/home.ts';
export { bundledBtf, bundledTypes, compileTypes } from './node/kernel-types.ts';
export { type CompiledProbeFile, compileProbeFile, openProbe, ProbeFile, ProbeSession, probeOf } from './node/probe.ts';
export { type MeasuredKernel, probeKernel } from './node/probe-kernel.ts';
export { type RecordInto, type RunObserver, type RunOptions, type RunSummary, run } from './node/run.ts';
export { isZero, type TestRunReport, type TestRunRequest, testRun } from './node/test-run.ts';
export { Recorder } from './record/recorder.ts';
export { type AboutRecording, RecordingFile } from './record/recording-file.ts';
