import { type BpfMap, type Hook, type Kernel, type Program, readIterator } from '@skep/kernel';
import type { ProgramSpec } from '@skep/object';
import { encodeContext } from '@skep/vm';
import type { AttachOptions, HostLink, HostProgram, HostTestResult, HostTestRun } from '../host.ts';
import { hookOf } from './kernel-hook.ts';
import type { UsdtSpecs } from './kernel-usdt.ts';

/** A program that the kernel has loaded. */
export class KernelHostProgram implements HostProgram {
  readonly spec: ProgramSpec;
  private readonly kernel: Kernel;
  private readonly program: Program;

  private readonly maps: ReadonlyMap<string, BpfMap>;
  private readonly usdt: UsdtSpecs | undefined;

  constructor(
    kernel: Kernel,
    spec: ProgramSpec,
    program: Program,
    maps: ReadonlyMap<string, BpfMap>,
    usdt: UsdtSpecs | undefined,
  ) {
    this.kernel = kernel;
    this.spec = spec;
    this.program = program;
    this.maps = maps;
    this.usdt = usdt;
  }

  attach(options: AttachOptions): HostLink {
    const hook = hookOf(this.spec, options, this.maps);
    if (hook === undefined) return { via: 'nothing: it is not run by an event', close: () => {} };
    if (hook.kind === 'usdt' && this.usdt) return this.attachUsdt(hook, this.usdt, options);
    const link = this.kernel.attach(this.program, hook);
    const fallback = link.fallback === undefined ? '' : ` (${link.fallback})`;
    return {
      via: `${link.what}, by ${link.via}${fallback}`,
      close: () => link.close(),
      ...(link.via === 'bpf_link' && { pin: (path: string) => link.pin(path) }),
      ...(hook.kind === 'iterator' && { read: () => readIterator(link) }),
    };
  }

  private attachUsdt(hook: Extract<Hook, { kind: 'usdt' }>, specs: UsdtSpecs, options: AttachOptions): HostLink {
    const entries = specs.open(this.spec.name, hook, BigInt(options.cookie ?? 0));
    try {
      const link = this.kernel.attach(this.program, { ...hook, cookie: entries.cookie });
      const close = (): void => {
        link.close();
        entries.release();
      };
      return { via: `${link.what}, by ${link.via}`, close };
    } catch (error) {
      entries.release();
      throw error;
    }
  }

  testRun(options: HostTestRun): HostTestResult {
    const { context: given } = options;
    const context = given === undefined || given instanceof Uint8Array ? given : encodeContext(this.spec.hook, given);
    const result = this.program.testRun({ data: options.data, context, repeat: options.repeat ?? 1 });
    return {
      retval: result.retval,
      dataOut: options.data && result.data,
      contextOut: options.context && result.context,
      nsPerRun: result.nanoseconds,
    };
  }

  get handle(): number {
    return this.program.fd;
  }

  pin(path: string): void {
    this.program.pin(path);
  }

  stats(): { readonly runs: bigint; readonly ns: bigint } {
    const { runs, nanoseconds } = this.program.info();
    return { runs, ns: nanoseconds };
  }
}
