import { type Diagnostic, SkepError } from '@skep/base';

/**
 * Everything that can be wrong with an object: E30xx ELF, E31xx BTF, E32xx CO-RE, E34xx programs and maps.
 * (E33xx, the assembler's, stand beside the assembler.) Each factory says what is wrong and where; `help` says what to do.
 */
function error(code: string, message: string, help?: string): SkepError {
  const diagnostic: Diagnostic = { code, severity: 'error', message, help };
  return new SkepError(diagnostic);
}

const REBUILD = 'compile the object again; the file was cut off or damaged on its way here';

// ELF

export const notElf = (name: string, why: string) =>
  error('E3001', `${name} is no ELF object: ${why}`, 'give the object that a BPF compiler wrote (-target bpf, -c)');
export const elfUnsupported = (what: string, help: string) => error('E3002', `unsupported ELF file: ${what}`, help);
export const elfCorrupt = (what: string) => error('E3003', `damaged ELF file: ${what}`, REBUILD);

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
