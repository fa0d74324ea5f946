import { EXIT, SkepError } from '@skep/base';

/** E4001: a kind of map that the machine does not have. */
export const unsupportedMap = (name: string, type: string): SkepError =>
  new SkepError({
    code: 'E4001',
    severity: 'error',
    message: `map \`${name}\` is a ${type}, which the virtual machine does not have yet`,
    help: 'run the program in the kernel (`--home kernel`)',
  });

/** E4002 */
export const outOfMemory = (size: number): SkepError =>
  new SkepError({
    code: 'E4002',
    severity: 'error',
    message: `the virtual machine has no room for ${size} more bytes: its memory ends at 2 GiB`,
    help: 'make the maps or ring buffers smaller (`max_entries`)',
  });

/** E4003: a map's sizes or flags are not what the kernel takes for its type. */
export const badMap = (name: string, why: string): SkepError =>
  new SkepError({
    code: 'E4003',
    severity: 'error',
    message: `map \`${name}\` cannot be created: ${why}`,
    help: 'see the rules for this map type in the kernel documentation (Documentation/bpf)',
  });

/** E4004: refused at load, so that no run can meet it. */
export const unsupportedHelper = (program: string, helper: string, slot: number, why: string | undefined): SkepError =>
  new SkepError({
    code: 'E4004',
    severity: 'error',
    message: `program \`${program}\` calls ${helper} (instruction ${slot}), which the virtual machine does not have${why ? `: ${why}` : ''}`,
    help: 'run the program in the kernel (`--home kernel`)',
  });

/** E4008: the same for a function of the kernel (kfunc). */
export const unsupportedKfunc = (program: string, name: string, slot: number, why: string | undefined): SkepError =>
  new SkepError({
    code: 'E4008',
    severity: 'error',
    message: `program \`${program}\` calls the kernel function ${name} (instruction ${slot}), which the virtual machine does not have${why ? `: ${why}` : ''}`,
    help: 'run the program in the kernel (`--home kernel`), or declare the function __weak and test it with bpf_ksym_exists',
  });

/** E4005 */
export const badProgram = (program: string, why: string): SkepError =>
  new SkepError({
    code: 'E4005',
    severity: 'error',
    message: `program \`${program}\` cannot be loaded: ${why}`,
    help: 'the object is damaged, or needs relocations that were not applied',
  });

/** E4006: a hook whose events the machine cannot make or replay. */
export const unsupportedHook = (program: string, section: string): SkepError =>
  new SkepError({
    code: 'E4006',
    severity: 'error',
    message: `program \`${program}\` (SEC("${section}")) cannot be attached in the virtual machine`,
    help: 'replay a recording that holds this hook (`--replay FILE`), or give packets to an XDP program (`skep test-run`)',
  });

/** E4007 */
export const badTestRun = (program: string, why: string): SkepError =>
  new SkepError({ code: 'E4007', severity: 'error', message: `test run of \`${program}\`: ${why}` }, EXIT.error);

/** E4010: the program did what it must not and was stopped. */
export const stopped = (program: string, where: string, why: string, help: string | undefined): SkepError =>
  new SkepError({
    code: 'E4010',
    severity: 'error',
    message: `program \`${program}\` was stopped ${where}: ${why}`,
    help,
  });

/** E4014: an unverified program wrote into what a map consists of; user space cannot work with it any more. */
export const overwritten = (map: string): SkepError =>
  new SkepError({
    code: 'E4014',
    severity: 'error',
    message: `map \`${map}\` cannot be used any more: a program that no verifier has seen wrote over its entries`,
    help: 'have the program checked (`skep check`)',
  });
