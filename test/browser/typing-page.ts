import { type Port, RemoteCompiler, type RemoteResult } from '@skep/compiler';

/** What typing into one program was like. */
export interface Typing {
  readonly name: string;
  /** The first text: headers and types are read for it. */
  readonly cold: number;
  /** Milliseconds from each keystroke to the object or the errors, as the page saw it. */
  readonly keystrokes: readonly number[];
  /** Codes and lines while the mistake stands there. */
  readonly mistakes: readonly string[];
  /** The size of the object before the mistake and after its correction, which must be the same bytes. */
  readonly same: boolean;
  /** What came of texts that were replaced before they were looked at. */
  readonly stale: number;
}

const bytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const gunzip = async (packed: Uint8Array<ArrayBuffer>) => {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

async function type(name: string, types: Uint8Array): Promise<Typing> {
  const source = new TextDecoder().decode(await bytes(`/${name}`));
  const worker = new Worker('/worker.js', { type: 'module' });
  const compiler = new RemoteCompiler(worker as Port, name, {
    types,
    options: { warnings: ['all'], defines: ['__TARGET_ARCH_x86'] },
  });
  const timed = async (text: string): Promise<[RemoteResult | undefined, number]> => {
    const start = performance.now();
    const result = await compiler.update(text);
    return [result, performance.now() - start];
  };
  const [first, cold] = await timed(source);
  const mistakes = new Set<string>();
  const keystrokes: number[] = [];
  // A statement is typed behind the first brace of a function, with an undeclared name in it, which is then mended.
  const at = source.lastIndexOf('{\n', source.lastIndexOf('return')) + 2;
  const mended = '\tvolatile int typed = 40 + 2;\n';
  const steps = [...Array(mended.length).keys()].map((n) => mended.slice(0, n + 1));
  steps.splice(
    30,
    0,
    '\tvolatile int typed = 40 + x',
    '\tvolatile int typed = 40 + x;',
    '\tvolatile int typed = 40 + ',
  );
  steps.push('');
  let last: RemoteResult | undefined;
  for (const step of steps) {
    const [result, ms] = await timed(source.slice(0, at) + step + source.slice(at));
    last = result;
    keystrokes.push(ms);
    for (const one of result?.diagnostics ?? [])
      if (one.severity === 'error' && step.endsWith('x;'))
        mistakes.add(`${one.code} ${one.message} ${one.place?.line}`);
  }
  // Faster than anybody looks: only the last of these counts.
  const burst = await Promise.all(steps.slice(0, 10).map((step) => compiler.update(`${source}\n//${step.trim()}\n`)));
  worker.terminate();
  const same = first?.object !== undefined && String(first.object) === String(last?.object);
  return {
    name,
    cold,
    keystrokes,
    mistakes: [...mistakes],
    same,
    stale: burst.filter((one) => one === undefined).length,
  };
}

let answer: unknown;
try {
  const types = await gunzip(await bytes('/types.btf.gz'));
  const names: string[] = JSON.parse(new TextDecoder().decode(await bytes('/names')));
  const results: Typing[] = [];
  for (const name of names) results.push(await type(name, types));
  answer = results;
} catch (error) {
  answer = { error: error instanceof Error ? error.stack : String(error) };
}
await fetch('/shown', { method: 'POST', body: JSON.stringify(answer) });
