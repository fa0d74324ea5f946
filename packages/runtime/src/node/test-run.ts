import { contextOf, type ProgTypeName } from '@skep/abi';
import { permitted } from '@skep/kernel';
import type { HookSpec } from '@skep/object';
import { kernel } from '../hosts/kernel.ts';
import { vm } from '../hosts/vm.ts';
import type { Spec } from '../spec.ts';
import type { Value } from '../typed/decode.ts';
import type { HomeName } from './home.ts';
import { compileTypes } from './kernel-types.ts';

/** Which program is run, where, and on what. */
export interface TestRunRequest {
  readonly home: HomeName;
  readonly program: string;
  readonly data: Uint8Array | undefined;
  readonly context: Uint8Array | undefined;
  readonly repeat: number;
  readonly trace?: (text: string) => void;
}

/** What a test run gave; times in nanoseconds. */
export interface TestRunReport {
  readonly home: 'kernel' | 'vm';
  readonly retval: number;
  readonly dataOut: Uint8Array | undefined;
  readonly contextOut: Uint8Array | undefined;
  readonly nsPerRun: number;
  /** The entries of every map with types afterwards, those that are all zero left out. */
  readonly maps: { readonly [name: string]: readonly (readonly [Value, Value])[] };
}

/** Loads one program, runs it as BPF_PROG_TEST_RUN does, and looks at its maps. */
export function testRun(spec: Spec, request: TestRunRequest): TestRunReport {
  const inKernel = request.home === 'kernel' || (request.home === 'auto' && permitted().ok);
  const host = inKernel ? kernel() : vm({ btf: compileTypes });
  if (request.trace) host.onTrace?.(request.trace);
  const loaded = spec.load(host, { programs: [request.program] });
  try {
    const { context, repeat } = request;
    const program = loaded.programs.get(request.program)!;
    const data = request.data ?? (seesPackets(program.spec.hook) ? new Uint8Array(64) : undefined);
    const { retval, dataOut, contextOut, nsPerRun } = program.run({ data, context, repeat });
    const maps = [...loaded.maps.values()].filter((one) => one.spec.keyType !== 0 && one.spec.data === undefined);
    return {
      home: host.kind,
      retval,
      dataOut,
      contextOut,
      nsPerRun,
      maps: Object.fromEntries(maps.map((map) => [map.name, map.entries().filter(([, value]) => !isZero(value))])),
    };
  } finally {
    loaded.close();
    host.close();
  }
}

/** Programs over packets get an empty one when none is given: the kernel refuses to run them without. */
function seesPackets(hook: HookSpec | undefined): boolean {
  const layout = hook && contextOf(hook.programType as ProgTypeName)?.layout;
  return layout?.kind === 'uapi' && (layout.struct === 'xdp_md' || layout.struct === '__sk_buff');
}

/** Arrays are full of entries that nobody wrote. */
export function isZero(value: Value): boolean {
  if (value === 0 || value === 0n || value === '' || value === false || value === null) return true;
  if (typeof value !== 'object') return false;
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  return Object.values(value).every((one) => isZero(one as Value));
}
