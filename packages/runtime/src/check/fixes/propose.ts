/** Which changes are worth trying for which refusal, the most usual first. */

import type { Proposal } from './editing.ts';
import * as memory from './memory.ts';
import * as program from './program.ts';
import type { Site } from './site.ts';

type Generate = (site: Site) => Generator<Proposal>;

/** In groups: when one of a group mends the program, those behind it are not needed. */
export function* propose(site: Site): Generator<Iterable<Proposal>> {
  for (const generate of GENERATORS[site.explanation.code] ?? []) yield generate(site);
}

const GENERATORS: Readonly<Record<string, readonly Generate[]>> = {
  E2101: [memory.packetCheck],
  E2102: [memory.readPacketAgain, memory.nullCheck, memory.probeRead, program.guard],
  E2103: [memory.nullCheck],
  E2104: [memory.probeRead, program.argumentType],
  E2105: [program.assembly, memory.firstValue, program.endFunction],
  E2106: [memory.limitSize, memory.limitIndex, memory.limitCopy],
  E2107: [memory.limitIndex, memory.limitSize, memory.limitCopy],
  E2108: [memory.align],
  E2109: [memory.limitSize, memory.limitIndex, memory.limitCopy],
  E2110: [memory.limitAdded],
  E2111: [memory.limitSize],
  E2112: [memory.nullCheck, program.functionContract],
  E2113: [program.wholeField, program.otherSection, memory.probeRead],
  E2114: [program.licence, program.otherHelper, program.otherSection],
  E2115: [program.guard, program.otherHelper],
  E2116: [program.boundLoop],
  E2117: [program.boundLoop],
  E2118: [memory.initialise, memory.limitIndex, memory.limitSize],
  E2119: [program.release],
  E2120: [program.allowedReturn],
  E2121: [memory.probeRead, memory.accessPerBranch],
  E2122: [memory.accessPerBranch],
  E2123: [program.pointerMath, memory.probeRead],
  E2124: [program.assemblyEnd, program.endFunction],
  E2125: [program.scratchMap],
  E2126: [program.mapType],
  E2127: [program.argumentType, memory.nullCheck],
  E2128: [memory.nullCheck],
  E2129: [program.leaveSection],
  E2133: [program.guard],
};
