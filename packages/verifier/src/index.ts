export { CATALOGUE, type CatalogueEntry } from './explain/catalogue.ts';
export type { Explanation } from './explain/model.ts';
export type { Budget } from './explore/explorer.ts';
export { type ObjectOptions, type ProgramVerdict, verifyObject } from './object.ts';
export { type KernelProfile, PROFILES } from './profile.ts';
export type { MapInfo } from './program/maps.ts';
export type { KernelSymbol, ProgramInput } from './program/program.ts';
export { type Verdict, type VerifyInput, verify } from './verify.ts';
