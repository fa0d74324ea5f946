/** Which changes are worth trying for which refusal, the most usual first. */
import * as assembly from './assembly.ts';
import type { Proposal } from './editing.ts';
import * as functions from './functions.ts';
import * as limits from './limits.ts';
import * as loops from './loops.ts';
import * as maps from './maps.ts';
import * as packets from './packets.ts';
import * as pointers from './pointers.ts';
import * as releases from './releases.ts';
import * as rights from './rights.ts';
import type { Site } from './site.ts';
import * as stack from './stack.ts';
import * as values from './values.ts';

type Generate = (site: Site) => Generator<Proposal>;

/** In groups: when one of a group mends the program, those behind it are not needed. */
export function* propose(site: Site): Generator<Iterable<Proposal>> {
  for (const generate of GENERATORS[site.explanation.code] ?? []) yield generate(site);
}

const GENERATORS: Readonly<Record<string, readonly Generate[]>> = {
  E2101: [packets.packetCheck],
  E2102: [packets.readPacketAgain, pointers.nullCheck, pointers.probeRead, rights.guard],
  E2103: [pointers.nullCheck],
  E2104: [pointers.probeRead, functions.argumentType],
  E2105: [assembly.assembly, values.firstValue, functions.endFunction],
  E2106: [limits.limitSize, limits.limitIndex, limits.limitCopy],
  E2107: [limits.limitIndex, limits.limitSize, limits.limitCopy],
  E2108: [pointers.align],
  E2109: [limits.limitSize, limits.limitIndex, limits.limitCopy],
  E2110: [limits.limitAdded],
  E2111: [limits.limitSize],
  E2112: [pointers.nullCheck, functions.functionContract],
  E2113: [rights.wholeField, rights.otherSection, pointers.probeRead],
  E2114: [rights.licence, rights.otherHelper, rights.otherSection],
  E2115: [rights.guard, rights.otherHelper],
  E2116: [loops.boundLoop],
  E2117: [loops.boundLoop],
  E2118: [values.initialise, limits.limitIndex, limits.limitSize],
  E2119: [releases.release],
  E2120: [functions.allowedReturn],
  E2121: [pointers.probeRead, pointers.accessPerBranch],
  E2122: [pointers.accessPerBranch],
  E2123: [pointers.pointerMath, pointers.probeRead],
  E2124: [assembly.assemblyEnd, functions.endFunction],
  E2125: [stack.scratchMap],
  E2126: [maps.mapType],
  E2127: [functions.argumentType, pointers.nullCheck],
  E2128: [pointers.nullCheck],
  E2129: [releases.leaveSection],
  E2133: [rights.guard],
};
