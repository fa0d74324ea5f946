/** A C function in the making: the program, or the body of a loop. */
export interface CFunction {
  readonly lines: string[];
  readonly locals: Local[];
  readonly outer: CFunction | undefined;
  usesContext: boolean;
}

export interface Local {
  readonly name: string;
  /** C type of a scalar; undefined for bytes. */
  readonly scalar: string | undefined;
  readonly size: number;
  /** Functions within use it too. */
  readonly shared: boolean;
}

/** A function whose body is written. */
export interface WrittenFunction {
  readonly head: string;
  readonly fn: CFunction;
  readonly callback: boolean;
}

/** Bytes of the stack that a function's rooms may take: where functions are nested, they share the 512. */
const ROOMS_ALONE = 224;
const ROOMS_NESTED = 96;

/**
 * The text of a program's functions, now that all of their locals are known. What several of them share, and rooms that
 * are large together, go to a map of which every CPU has an element (`scratch` is its name); `@{name}` in the lines
 * becomes where that local lives.
 */
export function functionsText(
  functions: readonly WrittenFunction[],
  scratch: string,
  cpus: number,
): { readonly text: string; readonly usesScratch: boolean } {
  const away = new Set(functions.flatMap(({ fn }) => awayFromStack(fn, functions.length > 1)));
  const locals = new Map(functions.flatMap(({ fn }) => fn.locals.map((one) => [one.name, one])));
  const resolve = (line: string) =>
    line.replace(/@\{(\w+)\}/g, (_, name: string) => {
      const local = locals.get(name)!;
      const where = away.has(local) ? `S->${name}` : name;
      return local.scalar === undefined ? `((char *)${where})` : where;
    });
  const text: string[] = [];
  if (away.size > 0) text.push(...scratchMap(away, scratch, cpus));
  for (const { head, fn, callback } of functions) {
    text.push(`${head} {`);
    if (away.size > 0) {
      text.push(`  u32 skep_cpu = bpf_get_smp_processor_id();`);
      text.push(`  struct ${scratch} *S = bpf_map_lookup_elem(&${scratch}, &skep_cpu);`);
      text.push('  if (!S) return 0;');
    }
    if (callback && fn.usesContext) text.push('  void *ctx = skep_loop->ctx;');
    for (const one of fn.locals) if (!away.has(one)) text.push(declaration(one));
    text.push(...fn.lines.map(resolve), '  return 0;', '}');
  }
  return { text: text.join('\n'), usesScratch: away.size > 0 };
}

function awayFromStack(fn: CFunction, nested: boolean): Local[] {
  const bytes = fn.locals.filter((one) => one.scalar === undefined).reduce((sum, one) => sum + one.size, 0);
  const crowded = bytes > (nested ? ROOMS_NESTED : ROOMS_ALONE);
  return fn.locals.filter((one) => one.shared || (crowded && one.scalar === undefined && one.size > 16));
}

function scratchMap(locals: Iterable<Local>, name: string, cpus: number): string[] {
  const text = [`struct ${name} {`];
  for (const one of locals)
    text.push(
      one.scalar === undefined ? `  u64 ${words(one)};` : `  u64 ${one.name}_pad[0]; ${one.scalar} ${one.name};`,
    );
  text.push('};');
  text.push(
    `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ${cpus}); __type(key, u32); __type(value, struct ${name}); } ${name} SEC(".maps");`,
  );
  return text;
}

function declaration(one: Local): string {
  if (one.scalar === undefined) return `  u64 ${words(one)};`;
  return `  ${one.scalar} ${one.name} = ${one.scalar.startsWith('struct') ? '{}' : '0'};`;
}

function words({ name, size }: Local): string {
  return `${name}[${Math.max(1, Math.ceil(size / 8))}]`;
}
