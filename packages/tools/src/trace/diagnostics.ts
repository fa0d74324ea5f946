import { type Diagnostic, SkepError } from '@skep/base';

// What is wrong with a call of `skep trace`: E818x.

function error(code: string, message: string, help: string): Diagnostic {
  return { code, severity: 'error', message, help };
}

export function noScript(name?: string): Diagnostic {
  return name === undefined
    ? error(
        'E8180',
        'there is no script',
        `give one: skep trace 'BEGIN { printf("hello\\n"); }', or the name of a file`,
      )
    : error(
        'E8180',
        `failed to open file '${name}': No such file or directory`,
        'give a script between quotes, with -e, or the name of a file',
      );
}

export function noSuchFile(name: string): Diagnostic {
  return {
    code: 'W8184',
    severity: 'warning',
    message: `It appears that '${name}' is a filename but the file does not exist. Treating '${name}' as a search pattern.`,
    help: 'name the script with its path',
  };
}

/** What the kernel or the machine lacks, as what a probe of the script wants; the code is the cause's. */
export function unattached(probe: string, cause: SkepError): SkepError {
  const [first, ...more] = cause.diagnostics;
  const message = `Unable to attach probe: ${probe}. If this is expected, set the 'missing_probes' config variable to 'warn'.`;
  const help = [first!.message, ...(first!.help === undefined ? [] : [first!.help])].join('; ');
  return new SkepError([{ ...first!, message, help }, ...more], cause.exitCode);
}

export function badPid(message: string): Diagnostic {
  return error('E8181', message, 'give the number of a process');
}

export function unexpectedOptions(
  names: readonly string[],
  known: readonly { readonly name: string; readonly summary: string | undefined }[],
): Diagnostic {
  const list = known.map(({ name, summary }) => `--${name}${summary === undefined ? '' : `: ${summary}`}`);
  const message = names.includes('help')
    ? 'the options of this script'
    : `unexpected program command line options: ${names.map((one) => `--${one}`).join(', ')}`;
  return error('E8182', message, `expected program options: ${list.length === 1 ? list[0] : `\n${list.join('\n')}`}`);
}

export function badPattern(why: string): Diagnostic {
  return error('E8183', `Invalid --probe-filter regex: ${why}`, 'write a regular expression, such as sys_enter_open');
}

export function notRecordable(): Diagnostic {
  return error(
    'E8185',
    'recordings are made in the kernel, and this script runs in the virtual machine',
    'leave out --home vm, and run as root',
  );
}
