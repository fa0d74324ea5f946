import { type Diagnostic, suggest } from '@skep/base';

/** E7002 */
export const badNumber = (flags: string, value: string, wanted: string): Diagnostic => ({
  code: 'E7002',
  severity: 'error',
  message: `\`${value}\` is no value of ${flags}: ${wanted} is wanted`,
});

/** E7003 */
export const badAssignment = (text: string): Diagnostic => ({
  code: 'E7003',
  severity: 'error',
  message: `\`${text}\` sets no variable`,
  help: 'write NAME=NUMBER, for example `--set target_tgid=1234`',
});

/** E7004 */
export const badData = (text: string, why: string): Diagnostic => ({
  code: 'E7004',
  severity: 'error',
  message: `the data \`${text}\` cannot be used: ${why}`,
  help: 'give a file, or bytes in hexadecimal as in `hex:0a0b0c`',
});

/** E7005 */
export const chooseProgram = (names: readonly string[]): Diagnostic => ({
  code: 'E7005',
  severity: 'error',
  message: `the object has ${names.length} programs, and none was named`,
  help: `name one with \`--program\`: ${names.join(', ')}`,
});

/** E7006 */
export const severalOutputs = (emit: string): Diagnostic => ({
  code: 'E7006',
  severity: 'error',
  message: `the ${emit} of several sources cannot be written to one file`,
  help: 'leave `-o` out, or build the sources one by one; only objects can be linked into one',
});

/** E7007 */
export const cannotWrite = (path: string, why: string): Diagnostic => ({
  code: 'E7007',
  severity: 'error',
  message: `${path} cannot be written: ${why}`,
});

/** E7008 */
export const notForBpf = (target: string): Diagnostic => ({
  code: 'E7008',
  severity: 'error',
  message: `skep compiles for BPF, little endian, not for \`${target}\``,
  help: 'leave `-target` out, or say `-target bpf`',
});

/** E7009 */
export const notLlvm = (): Diagnostic => ({
  code: 'E7009',
  severity: 'error',
  message: 'skep has no LLVM in it, so that `-emit-llvm` has nothing to emit',
  help: 'leave `-emit-llvm` and `llc` out: `skep build` goes straight to the object; `--emit ir` shows its own form',
});

/** E7010 */
export const nothingKnown = (path: string, what: string, help: string): Diagnostic => ({
  code: 'E7010',
  severity: 'error',
  message: `${path} has no ${what}`,
  help,
});

/** E7011 */
export const noSuchType = (path: string, name: string, near: string | undefined): Diagnostic => ({
  code: 'E7011',
  severity: 'error',
  message: `${path} has no type \`${name}\``,
  help: near === undefined ? 'name a struct, union, enum or typedef' : `did you mean \`${near}\`?`,
});

/** E7013 */
export const emptyAssembly = (path: string): Diagnostic => ({
  code: 'E7013',
  severity: 'error',
  message: `${path} has no instructions`,
  help: 'the least program is `r0 = 0` and `exit`',
});

/** E7014 */
export const nothingToShow = (): Diagnostic => ({
  code: 'E7014',
  severity: 'error',
  message: 'neither a file nor `--kernel` says whose types are meant',
  help: 'name an object or C source, or `--kernel` and a type: `skep types --kernel task_struct`',
});

/** E7015 */
export const noSuchAction = (command: string, given: string, usages: readonly string[]): Diagnostic => ({
  code: 'E7015',
  severity: 'error',
  message: `\`skep ${command}\` cannot do \`${given}\``,
  help: `what it does: ${usages.join('; ')}. ID is a number, a name, or the path of a pin`,
});

/** E7022 */
export const notLoaded = (command: string, name: string, ids: readonly number[]): Diagnostic => ({
  code: 'E7022',
  severity: 'error',
  message:
    ids.length === 0 ? `nothing is loaded by the name \`${name}\`` : `several are loaded by the name \`${name}\``,
  help: ids.length === 0 ? `\`skep ${command} list\` shows what is` : `name one by its number: ${ids.join(', ')}`,
});

/** E7023 */
export const badKeyOrValue = (given: string, why: string): Diagnostic => ({
  code: 'E7023',
  severity: 'error',
  message: `\`${given}\` cannot be written to a map: ${why}`,
  help: 'numbers (7, 0x10), JSON (\'{"pid": 1}\'), text, or bytes as in hex:0a000000',
});

/** E7024 */
export const noSuchEntry = (map: string, key: string, isThere = false): Diagnostic => ({
  code: 'E7024',
  severity: 'error',
  message: `map \`${map}\` has ${isThere ? 'an entry already' : 'no entry'} for ${key}`,
  help: `\`skep map dump ${map}\` shows its entries`,
});

/** E7020: a line that was typed into the debugger. */
export const badDebugCommand = (message: string, help?: string): Diagnostic => ({
  code: 'E7020',
  severity: 'error',
  message,
  help,
});

/** E7016 */
export const noSuchKernel = (given: string, known: readonly string[]): Diagnostic => ({
  code: 'E7016',
  severity: 'error',
  message: `skep does not know the verifier of Linux \`${given}\``,
  help: `it knows ${known.join(', ')}`,
});

/** E7017 */
export const noSuchProgramHere = (name: string, known: readonly string[]): Diagnostic => ({
  code: 'E7017',
  severity: 'error',
  message: `the object has no program \`${name}\``,
  help: `it has ${known.join(', ')}`,
});

/** E7018 */
export const noSuchCode = (given: string, near: string | undefined): Diagnostic => ({
  code: 'E7018',
  severity: 'error',
  message: `there is no diagnostic \`${given}\``,
  help: near === undefined ? 'codes read E2103; docs/errors lists them' : `did you mean \`${near}\`?`,
});

/** E7019 */
export const badProfile = (path: string, why: string): Diagnostic => ({
  code: 'E7019',
  severity: 'error',
  message: `${path} is no profile of a kernel: ${why}`,
  help: 'make one with `skep probe-kernel -o my-kernel.json` on the machine that is meant',
});

/** E7021 */
export const nothingToCheck = (): Diagnostic => ({
  code: 'E7021',
  severity: 'error',
  message: 'there is nothing to check',
  help: 'name a C source or an object, or the log of a kernel with `--kernel-log FILE`',
});

export function unknownParameter(name: string, names: readonly string[]): Diagnostic {
  const near = suggest(name, names);
  return {
    code: 'E7025',
    severity: 'error',
    message: `the file has no parameter \`${name}\``,
    help: near
      ? `did you mean \`${near}\`?`
      : names.length > 0
        ? `it has ${names.join(', ')}`
        : 'declare it: `const opt = params({ … })`',
  };
}

export const onlyForProbes = (flags: string): Diagnostic => ({
  code: 'E7026',
  severity: 'error',
  message: `\`${flags}\` is for probes, and this is a script`,
  help: 'say it in the script: `/tid == 42/`, `printf("%s", strftime("%T", nsecs))`',
});
