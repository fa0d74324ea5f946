export type { MeasuredTables } from './check/context.ts';
export type { Remark } from './explain/case.ts';
export { CATALOGUE, type CatalogueEntry } from './explain/catalogue.ts';
export { type AccessName, type Evidence, type Naming, type Place, placeOf, type Step } from './explain/evidence.ts';
export { explainRefusal } from './explain/explain.ts';
export { type KernelLog, readKernelLog } from './explain/kernel-log.ts';
export type { Explanation, Subject } from './explain/model.ts';
export { evidenceOf, explainProgram } from './explain/object-evidence.ts';
export type { Budget } from './explore/explorer.ts';
export { PROGRAM_TABLES } from './generated/contexts.ts';
export {
  type ObjectOptions,
  type ProgramAndInput,
  type ProgramVerdict,
  programInputs,
  verifyObject,
} from './object.ts';
export { type KernelProfile, PROFILES } from './profile.ts';
export type { MapInfo } from './program/maps.ts';
export type { KernelSymbol, ProgramInput } from './program/program.ts';
export type { PathStep, StackView } from './record/path.ts';
export type { Limit, Need, Needs } from './record/report.ts';
export type { RegisterView } from './record/view.ts';
export { type Verdict, type VerifyInput, verify } from './verify.ts';
