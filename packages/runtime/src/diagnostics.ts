import { type Diagnostic, suggest } from '@skep/base';

/** E8001 */
export const unknownGlobal = (name: string, there: readonly string[]): Diagnostic => {
  const near = suggest(name, there);
  return {
    code: 'E8001',
    severity: 'error',
    message: `the object has no global variable \`${name}\``,
    help: near
      ? `did you mean \`${near}\`?`
      : there.length > 0
        ? `it has ${there.join(', ')}`
        : 'declare it at file scope, for example `const volatile int name = 0;`',
  };
};

/** E8002: a value that does not fit the type it is given for. */
export const badValue = (what: string, why: string): Diagnostic => ({
  code: 'E8002',
  severity: 'error',
  message: `${what} cannot be set: ${why}`,
});

/** E8003 */
export const noSuchProgram = (name: string, there: readonly string[]): Diagnostic => ({
  code: 'E8003',
  severity: 'error',
  message: `the object has no program \`${name}\``,
  help: there.length > 0 ? `it has ${there.join(', ')}` : 'give the function a section, for example SEC("xdp")',
});

/** E8004 */
export const noPrograms = (object: string): Diagnostic => ({
  code: 'E8004',
  severity: 'error',
  message: `${object} holds no program`,
  help: 'give a function a section that names its hook, for example SEC("tracepoint/syscalls/sys_enter_openat")',
});

/** E8005: a section name that says nothing. */
export const unknownSection = (program: string, section: string, near: string | undefined): Diagnostic => ({
  code: 'E8005',
  severity: 'error',
  message: `program \`${program}\` stands in section "${section}", which names no hook`,
  help: near ? `did you mean SEC("${near}")?` : 'see the list of sections in the documentation of libbpf',
});

/** E8006 */
export const noTypes = (why: string): Diagnostic => ({
  code: 'E8006',
  severity: 'error',
  message: `the program asks for kernel types (CO-RE), and there are none: ${why}`,
  help: 'give the BTF of the kernel with `--btf FILE`',
});

/** E8007 */
export const missingFile = (path: string, why: string): Diagnostic => ({
  code: 'E8007',
  severity: 'error',
  message: `${path} cannot be read: ${why}`,
  help: 'check the name; C sources end in .c, probes in .ts, objects in .o',
});

/** E8008 */
export const cannotRecord = (program: string, why: string): Diagnostic => ({
  code: 'E8008',
  severity: 'error',
  message: `program \`${program}\` cannot be recorded: ${why}`,
  help: 'record programs of tracepoints, kprobes and the like; give packets to others as a pcap',
});

/** E8009 */
export const mapOperationFailed = (map: string, operation: string, error: number): Diagnostic => ({
  code: 'E8009',
  severity: 'error',
  message: `${operation} of map \`${map}\` failed with error ${error}`,
  help: error === -7 ? 'the map is full: delete entries or raise max_entries' : undefined,
});

/** E8010 */
export const notInThisHome = (what: string, home: string): Diagnostic => ({
  code: 'E8010',
  severity: 'error',
  message: `${what} is not possible in the ${home}`,
});

/** E8011 */
export const noRecording = (): Diagnostic => ({
  code: 'E8011',
  severity: 'error',
  message: 'the virtual machine has nothing to replay',
  help: 'give it a recording with `--replay FILE`; `skep run … --record FILE` makes one where the kernel is open to you',
});

/** E8012: a program for something that the section does not name. */
export const optionNeeded = (program: string, what: string, option: string): Diagnostic => ({
  code: 'E8012',
  severity: 'error',
  message: `program \`${program}\` ${what}`,
  help: `name it with ${option.startsWith('--') ? `\`${option}\`` : option}`,
});

/** E8013 */
export const notByItself = (program: string, section: string): Diagnostic => ({
  code: 'E8013',
  severity: 'error',
  message: `program \`${program}\` of SEC("${section}") cannot be attached by itself`,
  help: 'leave it out with `--program` for the others, or attach it with the tool that its kind is for',
});

/** E8015 */
export const noSuchSetting = (name: string): Diagnostic => ({
  code: 'E8015',
  severity: 'error',
  message: `the program asks for ${name}, which the configuration of this kernel does not have`,
  help: 'declare it `__weak` to have 0 then; the configuration is read from /proc/config.gz or /boot/config-RELEASE',
});

/** E8016 */
export const settingMismatch = (name: string, text: string, wanted: string): Diagnostic => ({
  code: 'E8016',
  severity: 'error',
  message: `${name} is ${text} in the configuration of this kernel, and the program declares ${wanted}`,
  help: 'change the type of the variable',
});

/** E8014 */
export const alreadyObject = (path: string): Diagnostic => ({
  code: 'E8014',
  severity: 'error',
  message: `${path} is an object already, not source`,
  help: 'look at it with `skep disasm`, or run it with `skep run`',
});

/** E8017 */
export const noPacketProgram = (object: string): Diagnostic => ({
  code: 'E8017',
  severity: 'error',
  message: `${object} holds no program that packets of a file can be given to`,
  help: 'XDP, tc, cgroup_skb and socket filter programs take them, for example SEC("xdp")',
});

/** E8018 */
export const unknownLink = (linkType: number): Diagnostic => ({
  code: 'E8018',
  severity: 'error',
  message: `the packets were captured on a link of type ${linkType}, which is neither Ethernet (1) nor plain IP (101)`,
  help: 'capture on one interface instead of `any`',
});

/** E8019 */
export const unwritableFile = (path: string, why: string): Diagnostic => ({
  code: 'E8019',
  severity: 'error',
  message: `${path} cannot be written: ${why}`,
});

/** E8021 */
export const structOpsDiffers = (map: string, why: string): Diagnostic => ({
  code: 'E8021',
  severity: 'error',
  message: `\`${map}\` cannot be registered with this kernel: ${why}`,
  help: 'declare the structure as this kernel has it, or set only members that it has: `skep btf dump` prints it',
});

/** E8022 */
export const pinnedOtherwise = (map: string, path: string, why: string): Diagnostic => ({
  code: 'E8022',
  severity: 'error',
  message: `map \`${map}\` is to be that of ${path}, which has another shape: ${why}`,
  help: 'remove the file when nobody needs its map any more, or load with another directory for pins',
});

/** E8023 */
export const usdtUnreadable = (program: string, probe: string, why: string, help: string): Diagnostic => ({
  code: 'E8023',
  severity: 'error',
  message: `the arguments of static probe ${probe} cannot be given to program \`${program}\`: ${why}`,
  help,
});
