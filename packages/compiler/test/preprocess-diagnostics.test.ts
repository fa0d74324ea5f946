import { positionOf, renderDiagnostic } from '@skep/base';
import { describe, expect, it } from 'vitest';
import { run } from './preprocess-support.ts';

/** Code, source, line of the report, part of the message or the advice. */
const CASES: readonly (readonly [string, string, number, string])[] = [
  ['E1001', '#include <bpf/bpf_helper.h>', 1, "did you mean 'bpf/bpf_helpers.h'"],
  ['E1001', '#include "nothing_like_it_at_all.h"', 1, 'looked in ., inc, the built-in headers'],
  ['E1003', '#include nothing', 1, '"FILE" or <FILE>'],
  ['E1003', '#include <a.h', 1, '"FILE" or <FILE>'],
  ['E1004', 'a\n#if 1\nb', 2, '#if has no #endif'],
  ['E1004', '#ifdef no\nb', 1, '#ifdef has no #endif'],
  ['E1005', '#endif', 1, '#endif without #if'],
  ['E1005', '\n#else', 2, '#else without #if'],
  ['E1006', '#if 1\n#else\n#else\n#endif', 3, '#else after #else'],
  ['E1006', '#if 0\n#else\n#elif 1\n#endif', 3, '#elif after #else'],
  ['E1007', '#if\n#endif', 1, 'without an expression'],
  ['E1007', '#if 1 +\n#endif', 1, 'ends too early'],
  ['E1007', '#if 1 2\n#endif', 1, "'2' does not continue"],
  ['E1007', '#if (1\n#endif', 1, "missing ')'"],
  ['E1007', '#if 1.5\n#endif', 1, 'floating number'],
  ['E1007', '#if f(1)\n#endif', 1, 'not a macro that takes arguments'],
  ['E1007', '#if defined 1\n#endif', 1, "'defined' needs the name"],
  ['E1007', '#ifdef 3\n#endif', 1, '#ifdef needs the name'],
  ['E1008', '#if 1 / 0\n#endif', 1, 'division by zero'],
  ['E1009', '#define 3', 1, 'needs the name'],
  ['E1009', '#define defined 1', 1, 'cannot be a macro'],
  ['E1009', '#define f(a, a) a', 1, 'appears twice'],
  ['E1009', '#define f(a', 1, "do not end with ')'"],
  ['E1009', '#define f(1) 2', 1, 'not a list of names'],
  ['E1009', '#define f(a) #b', 1, "'#' is not followed by a parameter"],
  ['E1009', '#define f(a) ## a', 1, "'##' at the start"],
  ['E1009', '#define a b ##', 1, "'##' at the end"],
  ['E1009', '#define f(a) __VA_ARGS__', 1, 'not variadic'],
  ['E1010', '#define a 1\n#define a 2', 2, 'the previous definition is here'],
  ['E1010', '#define __bpf__ 2', 1, "'__bpf__' is defined again"],
  ['E1011', '#define f(a) a\nf(1, 2)', 2, 'takes 1 argument, but is given 2'],
  ['E1011', '#define f(a, b) a\nf(1)', 2, 'takes 2 arguments, but is given 1'],
  ['E1011', '#define f(a, b, ...) a\nf(1)', 2, 'takes at least 2 arguments, but is given 1'],
  ['E1012', '#define f(a) a\n\nf(1', 3, "have no closing ')'"],
  ['E1013', '#define f(a, b) a ## b\nf(+, x)', 2, "'+x'"],
  ['E1014', '#error one  two', 1, '#error one  two'],
  ['E1014', '#pragma GCC error "no"', 1, 'no'],
  ['E1015', '#warning careful', 1, '#warning careful'],
  ['E1016', '#defin a', 1, "did you mean '#define'"],
  ['E1017', '#line x', 1, '#line needs a line number'],
  ['E1018', '#pragma pack(3)', 1, '#pragma pack takes'],
  ['E1018', '_Pragma(1)', 1, '_Pragma needs a string'],
  ['E1019', '#if 1\n#endif extra', 2, '#endif is followed by'],
  ['E1020', 'a /* b', 1, 'no end'],
  ['E1021', 'a "b\nc', 1, 'string has no closing "'],
  ['E1021', "a\n'b", 2, "character constant has no closing '"],
  ['E1022', 'a \u201cb', 1, "replace it by '\"'"],
  ['E1022', 'a @', 1, "'@' (U+0040)"],
  ['E1022', 'a\nb\u00a0c\u3000d', 2, '(U+00A0) is read as a space, as are 1 more'],
  ['E1018', '_Pragma(unroll(4)) x', 1, '_Pragma needs a string'],
  ['E1018', `#pragma unroll(${'('.repeat(5000)}`, 1, 'takes the number of copies'],
  ['E1018', '#pragma unroll(4 / 0)', 1, 'takes the number of copies'],
  ['E1023', '"a\\qb"', 1, "'\\q'"],
  ['E1023', '#if 0\n"\\q"\n#elif 1\n"\\r\\p"\n#else\n"\\z\u00a0"\u00a0\n#endif', 4, "'\\p'"],
  ['E1027', '#undef __LINE__', 1, "'__LINE__' is built in"],
  ['E1029', '#define f(a) a\nf(\n#include "x"\n)', 3, "inside the arguments of macro 'f'"],
];

describe('what the preprocessor reports', () => {
  it.each(CASES)('%s %j', (code, source, line, part) => {
    const { diagnostics } = run(source, {}, { includePaths: ['inc'] });
    expect(diagnostics.map((one) => one.code)).toEqual([code]);
    const [diagnostic] = diagnostics;
    expect(positionOf(diagnostic!.span!.file, diagnostic!.span!.start).line).toBe(line);
    expect(renderDiagnostic(diagnostic!)).toContain(part);
  });

  it('E1028 on the command line', () => {
    expect(run('', {}, { defines: ['1x=2'] }).diagnostics[0]).toMatchObject({ code: 'E1028' });
    expect(run('A B C(3) D', {}, { defines: ['A', 'B=2', 'C(x)=x', 'D=4'], undefines: ['D'] }).text).toBe('1 2 3 D');
  });

  it('leads through the macros to the place of the mistake', () => {
    const { diagnostics } = run('#define in(a) a ## +\n#define out(a) in(a)\nout(x)');
    expect(diagnostics[0]!.notes!.map((note) => note.message)).toEqual([
      "expanded from macro 'in'",
      "expanded from macro 'out'",
    ]);
    expect(renderDiagnostic(diagnostics[0]!)).toContain('main.c:3:1');
  });
});
