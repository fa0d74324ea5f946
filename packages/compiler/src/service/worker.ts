import { type Diagnostic, positionOf, type Span } from '@skep/base';
import { Btf } from '@skep/object';
import { printTree } from '../c/print-tree.ts';
import type { CompileOptions } from '../compile.ts';
import { printModule } from '../ir/print.ts';
import { CompilerService, type ServiceResult } from './service.ts';

/** A worker seen from its page, or the page seen from the worker. */
export interface Port {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: never }) => void) | null;
}

/** What can be wanted besides diagnostics and the object: each costs time. */
export type Extra = 'tree' | 'ir';

/** From the page to the worker. */
type Request =
  | {
      readonly kind: 'open';
      readonly name: string;
      /** Raw BTF: what `vmlinux.h` means. */
      readonly types: Uint8Array | undefined;
      readonly options: RemoteOptions;
      readonly extras: readonly Extra[];
    }
  | { readonly kind: 'file'; readonly path: string; readonly text: string | undefined }
  | { readonly kind: 'update'; readonly version: number; readonly text: string };

/** From the worker to the page; `stale` when a newer text came first. */
type Answer = { readonly kind: 'checked' | 'done' | 'stale' } & RemoteResult;

/** Options that can be sent. */
export type RemoteOptions = Omit<CompileOptions, 'readFile' | 'vmlinux' | 'debug'>;

export interface RemoteResult {
  readonly version: number;
  readonly diagnostics: readonly RemoteDiagnostic[];
  /** Undefined while there are errors, and before code was made. */
  readonly object: Uint8Array | undefined;
  /** Text, where they were wanted and there are any. */
  readonly tree?: string | undefined;
  readonly ir?: string | undefined;
  /** In the worker. */
  readonly milliseconds: number;
}

/** A diagnostic as plain data: places are lines and columns, from 1. */
export interface RemoteDiagnostic extends Omit<Diagnostic, 'span' | 'notes'> {
  readonly place: RemotePlace | undefined;
  readonly notes: readonly { readonly message: string; readonly place: RemotePlace | undefined }[];
}
export interface RemotePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** Inside of a worker: compiles for the page at the other end of `port`, `self` as a rule. */
export function serveCompiler(port: Port): void {
  let service: CompilerService | undefined;
  let extras: readonly Extra[] = [];
  /** The page's number of the update that is under way. */
  let asked = 0;
  const answer = (kind: Answer['kind'], version: number, result: ServiceResult | undefined): void => {
    const { diagnostics = [], compiled, tree, milliseconds = 0 } = result ?? {};
    const message: Answer = {
      kind,
      version,
      diagnostics: diagnostics.map(remote),
      object: compiled?.object,
      ...(extras.includes('tree') && tree !== undefined && kind === 'done' && { tree: printTree(tree) }),
      ...(extras.includes('ir') && compiled !== undefined && { ir: printModule(compiled.module) }),
      milliseconds,
    };
    port.postMessage(message);
  };
  port.onmessage = ({ data }: { readonly data: Request }) => {
    switch (data.kind) {
      case 'open': {
        const { types } = data;
        let parsed: Btf | undefined;
        service = new CompilerService(data.name, {
          ...data.options,
          ...(types !== undefined && { vmlinux: () => (parsed ??= Btf.parse(types)) }),
          onChecked: (result) => answer('checked', asked, result),
        });
        extras = data.extras;
        return;
      }
      case 'file':
        service?.setFile(data.path, data.text);
        return;
      case 'update': {
        const { version } = data;
        asked = version;
        void service
          ?.update(data.text)
          .then((result) => answer(result === undefined ? 'stale' : 'done', version, result));
      }
    }
  };
}

/** On the page: the compiler that {@link serveCompiler} runs in the worker at the other end of `port`. */
export class RemoteCompiler {
  private readonly port: Port;
  private readonly waiting = new Map<number, (result: RemoteResult | undefined) => void>();
  private version = 0;
  /** Called with what is wrong with a text before any code is made. */
  onChecked: ((result: RemoteResult) => void) | undefined;

  constructor(
    port: Port,
    name: string,
    {
      types,
      options = {},
      extras = [],
    }: {
      readonly types?: Uint8Array | undefined;
      readonly options?: RemoteOptions;
      readonly extras?: readonly Extra[];
    } = {},
  ) {
    this.port = port;
    port.onmessage = ({ data }: { readonly data: Answer }) => {
      const { kind, ...result } = data;
      if (kind === 'checked') {
        if (result.version === this.version) this.onChecked?.(result);
        return;
      }
      this.waiting.get(result.version)?.(kind === 'done' ? result : undefined);
      this.waiting.delete(result.version);
    };
    this.send({ kind: 'open', name, types, options, extras });
  }

  setFile(path: string, text: string | undefined): void {
    this.send({ kind: 'file', path, text });
  }

  /** Resolves with what the text came to; with undefined when a newer one was given first. */
  update(text: string): Promise<RemoteResult | undefined> {
    const version = ++this.version;
    return new Promise((resolve) => {
      this.waiting.set(version, resolve);
      this.send({ kind: 'update', version, text });
    });
  }

  private send(request: Request): void {
    this.port.postMessage(request);
  }
}

function remote({ span, notes = [], ...rest }: Diagnostic): RemoteDiagnostic {
  return {
    ...rest,
    place: span && placeOf(span),
    notes: notes.map((one) => ({ message: one.message, place: one.span && placeOf(one.span) })),
  };
}

function placeOf({ file, start, end }: Span): RemotePlace {
  const from = positionOf(file, start);
  const to = positionOf(file, end);
  return { file: file.name, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}
