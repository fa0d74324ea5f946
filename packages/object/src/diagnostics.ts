import { type Diagnostic, SkepError } from '@skep/base';

/**
 * Everything that can be wrong with an object: E30xx ELF, E31xx BTF, E32xx CO-RE, E34xx programs and maps, E35xx linking.
 * (E33xx, the assembler's, stand beside the assembler.) Each factory says what is wrong and where; `help` says what to do.
 */
function error(code: string, message: string, help?: string): SkepError {
  const diagnostic: Diagnostic = { code, severity: 'error', message, help };
  return new SkepError(diagnostic);
}

/** Says which file it is about, where only its contents were known. */
export function aboutFile<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (caught) {
    if (!(caught instanceof SkepError)) throw caught;
    const named = caught.diagnostics.map((one) =>
      one.message.includes(name) ? one : { ...one, message: `${name}: ${one.message}` },
    );
    throw new SkepError(named, caught.exitCode);
  }
}

const REBUILD = 'compile the object again; the file was cut off or damaged on its way here';

// ELF

export const notElf = (name: string, why: string) =>
  error('E3001', `${name} is no ELF object: ${why}`, 'give the object that a BPF compiler wrote (-target bpf, -c)');
export const elfUnsupported = (what: string, help: string) => error('E3002', `unsupported ELF file: ${what}`, help);
export const elfCorrupt = (what: string) => error('E3003', `damaged ELF file: ${what}`, REBUILD);
export const dwarfCorrupt = (what: string) =>
  error(
    'E3004',
    `damaged debug information: ${what}`,
    'compile the program again with -g, or name it without its arguments',
  );

// BTF

export const btfCorrupt = (what: string) => error('E3101', `damaged BTF: ${what}`, REBUILD);
export const btfUnknownKind = (id: number, kind: number) =>
  error('E3102', `BTF type [${id}] is of kind ${kind}, which skep does not know`, 'update skep: the BTF is newer');
export const btfBadId = (id: number, count: number, where = '') =>
  error('E3103', `there is no BTF type [${id}]${where}: ids are 1 to ${count - 1}`, REBUILD);
export const btfLoop = (id: number) => error('E3104', `BTF type [${id}] refers to itself in a loop`, REBUILD);
export const btfNoSize = (id: number, kind: string) =>
  error('E3105', `BTF type [${id}] (${kind}) has no size`, REBUILD);
export const btfExtCorrupt = (what: string) => error('E3106', `damaged .BTF.ext: ${what}`, REBUILD);

// Programs and maps of an object

export const objectBigEndian = (name: string) =>
  error('E3401', `${name} is for big-endian machines`, 'compile with -target bpfel: skep runs on little-endian ones');
export const sectionUnsupported = (section: string, help: string) =>
  error('E3402', `skep does not load section ${section}`, help);
export const mapsNeedBtf = (why: string) =>
  error(
    'E3403',
    `the maps of section .maps cannot be read: ${why}`,
    'compile with -g, which writes the BTF that describes them',
  );
export const mapDefinition = (map: string, what: string, help?: string) => error('E3404', `map ${map}: ${what}`, help);
export const legacyMaps = (what: string) =>
  error(
    'E3405',
    `section maps, the old form of map definitions, ${what}`,
    'define the map in SEC(".maps") with __uint and __type',
  );
export const relocationUnsupported = (where: string, what: string, help?: string) =>
  error('E3406', `${where}: ${what}`, help);
export const symbolUndefined = (symbol: string, where: string) =>
  error(
    'E3407',
    `${where} uses ${symbol}, which the object does not define`,
    'link the object that defines it, or declare it with __ksym or __kconfig if the kernel has it',
  );
export const functionCorrupt = (name: string, what: string) => error('E3408', `function ${name} ${what}`, REBUILD);
export const externUnsupported = (name: string, what: string) =>
  error('E3409', `extern ${name} ${what}`, 'declare it as linux/kconfig or /proc/kallsyms have it');

// CO-RE

export const coreMalformed = (slot: number, what: string) =>
  error('E3201', `the CO-RE relocation of instruction ${slot} is malformed: ${what}`, REBUILD);
export const coreAmbiguous = (slot: number, spec: string, candidates: readonly string[]) =>
  new SkepError({
    code: 'E3202',
    severity: 'error',
    message: `instruction ${slot}: ${spec} means different things in this kernel, and nothing says which is meant`,
    notes: candidates.map((message) => ({ message })),
    help: 'name a type that exists once, or give the local one members that only the right candidate has',
  });
export const coreUnexpected = (slot: number, spec: string, what: string) =>
  error(
    'E3203',
    `instruction ${slot} is not as the compiler wrote it for ${spec}: ${what}`,
    'apply the relocations of an object once, to the code as it was compiled',
  );
export const coreOutOfRange = (slot: number, spec: string, value: bigint) =>
  error(
    'E3204',
    `instruction ${slot}: ${spec} is ${value} here, which does not fit into it`,
    'read the field with bpf_core_read()',
  );

// Linking

export const linkNothing = () => error('E3500', 'there is nothing to link', 'give at least one object');
export const linkDuplicate = (symbol: string, first: string, second: string): Diagnostic => ({
  code: 'E3501',
  severity: 'error',
  message: `${symbol} is defined twice: in ${first} and in ${second}`,
  help: 'declare it extern in one of them, make both static, or mark the one that may be replaced __weak',
});
export const linkMissing = (symbol: string, users: readonly string[]): Diagnostic => ({
  code: 'E3502',
  severity: 'error',
  message: `${symbol} is defined nowhere; ${users.join(', ')} ${users.length === 1 ? 'uses' : 'use'} it`,
  help: 'link the object that defines it, or declare it with __ksym or __kconfig if the kernel has it',
});
export const linkDiffers = (symbol: string, first: string, second: string, why: string): Diagnostic => ({
  code: 'E3503',
  severity: 'error',
  message: `${symbol} is declared differently in ${first} and in ${second}: ${why}`,
  help: 'declare it once, in a header that both sources include',
});
export const linkSections = (section: string, first: string, second: string, why: string): Diagnostic => ({
  code: 'E3504',
  severity: 'error',
  message: `section ${section} of ${first} and of ${second} cannot be joined: ${why}`,
  help: 'give one of them another SEC()',
});
export const linkUnequal = (section: string, first: string, second: string): Diagnostic => ({
  code: 'E3505',
  severity: 'error',
  message: `section ${section} says different things in ${first} and in ${second}`,
  help: `an object has one ${section}: make them equal, or leave it out of one`,
});
export const linkUnsupported = (where: string, what: string, help: string): Diagnostic => ({
  code: 'E3506',
  severity: 'error',
  message: `${where}: ${what}`,
  help,
});
