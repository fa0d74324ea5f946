import type { SourceFile } from '@skep/base';
import { lex } from '../lexer.ts';
import { LINE_START, T } from '../token.ts';
import { Conditionals } from './conditionals.ts';
import { Directives } from './directives.ts';
import { Expander } from './expander.ts';
import { Inclusion } from './inclusion.ts';
import { isName } from './macro.ts';
import { MacroTable } from './macro-table.ts';
import type { PreprocessOptions } from './options.ts';
import { Pragmas } from './pragmas.ts';
import { Reading, Stop } from './reading.ts';
import { SpecialMacros } from './special.ts';
import { Tok } from './tok.ts';

/** One run over one translation unit: C11 translation phases 3, 4 and the `_Pragma` of 6.10.9. */
export class Preprocessor {
  readonly reading: Reading;
  readonly inclusion: Inclusion;
  private readonly macros = new MacroTable();
  private readonly expander: Expander;
  private readonly directives: Directives;

  constructor(options: PreprocessOptions) {
    const reading = new Reading(options);
    const { macros } = this;
    const expander: Expander = new Expander(reading, macros, {
      directive: (frame, macro) => directives.carryOut(frame, macro),
      special: (macro, tok) => special.expand(macro, tok),
    });
    const inclusion = new Inclusion(reading, macros, expander);
    const pragmas = new Pragmas(reading, macros, expander, inclusion);
    const special = new SpecialMacros(reading, expander, inclusion, pragmas);
    const conditionals = new Conditionals(reading, macros, expander, special);
    const directives = new Directives(reading, macros, expander, inclusion, pragmas, conditionals);
    this.reading = reading;
    this.inclusion = inclusion;
    this.expander = expander;
    this.directives = directives;
  }

  /** Reads the files in order, as if one included all; only the last one is the program. */
  run(preludes: readonly SourceFile[], main: SourceFile): void {
    const { reading } = this;
    try {
      for (const prelude of preludes) {
        reading.enter(lex(prelude), prelude.name, -1, false);
        this.readAll();
      }
      reading.frames.length = 0;
      const included = reading.dependencies.filter((file) => !preludes.includes(file));
      reading.dependencies.length = 0;
      reading.enter(lex(main), main.name, -1, false);
      reading.dependencies.push(...included);
      this.readAll();
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
    }
    const last = reading.out.files.length - 1;
    reading.append(
      new Tok(T.Eof, 0, Math.max(0, this.mainIndex(main, last)), main.text.length, main.text.length, LINE_START, 0),
    );
  }

  private mainIndex(main: SourceFile, last: number): number {
    for (let i = last; i >= 0; i--) if (this.reading.out.files[i] === main) return i;
    this.reading.out.files.push(main);
    return this.reading.out.files.length - 1;
  }

  /** The hot loop: everything that is no directive and no macro goes straight from the file's columns to the list's. */
  private readAll(): void {
    const { reading, expander } = this;
    const { out } = reading;
    const macros = this.macros.byName;
    const floor = reading.frames.length - 1;
    while (reading.frames.length > floor) {
      const frame = reading.frame;
      const { lexed, fileIndex } = frame;
      const { kinds, values, starts, ends, flags } = lexed;
      let i = frame.pos;
      for (;;) {
        const kind = kinds[i]!;
        const value = values[i]!;
        if (kind === T.Identifier || kind >= T.Auto) {
          if (macros[value] !== undefined) break;
        } else if (kind === T.Hash) {
          if ((flags[i]! & LINE_START) !== 0) break;
        } else if (kind === T.Eof || kind === T.Stray || value !== 0) break;
        const at = out.length;
        if (at === out.kinds.length) reading.reserve();
        out.kinds[at] = kind;
        out.values[at] = value;
        out.fileIndexes[at] = fileIndex;
        out.starts[at] = starts[i]!;
        out.ends[at] = ends[i]!;
        out.origins[at] = 0;
        out.flags[at] = flags[i]! | reading.pendingFlags;
        reading.pendingFlags = 0;
        out.length = at + 1;
        i++;
      }
      frame.pos = i;
      const kind = kinds[i]!;
      if (kind === T.Eof) {
        reading.leave(frame);
      } else if (kind === T.Hash && (flags[i]! & LINE_START) !== 0) {
        const tok = this.directives.carryOut(frame, undefined);
        if (tok !== undefined) reading.append(tok);
      } else {
        frame.pos = i + 1;
        const tok = reading.tokAt(frame, i);
        if (isName(kind) && expander.expand(tok)) expander.drain();
        else reading.append(tok);
      }
    }
  }
}
