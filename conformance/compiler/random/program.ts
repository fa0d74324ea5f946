/** A C program as a tree that can be printed, and taken apart by the reducer. */
export interface Program {
  readonly name: string;
  /** Types and global variables, each a complete declaration. */
  declarations: string[];
  functions: CFunction[];
}

export interface CFunction {
  readonly head: string;
  body: Statement[];
}

/** `pieces` are printed in a row; blocks inside are statements in braces. */
export interface Statement {
  pieces: (string | Expression | Statement[])[];
  /** Everything else would not compile without it: declarations. */
  readonly fixed?: boolean;
}

/** An expression of integer type, with its operands inside of its text. */
export interface Expression {
  readonly type: IntegerType;
  parts: (string | Expression)[];
}

export interface IntegerType {
  /** As in the prelude: `u8` … `s64`, `bool`. */
  readonly name: string;
  readonly bits: number;
  readonly signed: boolean;
}

/**
 * What both sides read: plain C types, the inputs, the place for the result. `NATIVE` is the host's compiler. Memory
 * functions are builtins there too, which call the C library.
 */
export const PRELUDE = `typedef unsigned char u8; typedef signed char s8; typedef unsigned short u16; typedef short s16;
typedef unsigned int u32; typedef int s32; typedef unsigned long long u64; typedef long long s64;
#define MIX(h, v) ((h) = ((h) ^ (u64)(v)) * 0x9e3779b97f4a7c15ull + 0x51ull)
#define ALWAYS static inline __attribute__((always_inline, unused))
#define NEVER static __attribute__((noinline, unused))
#define GLOBAL __attribute__((noinline, unused))
`;

export function printProgram(program: Program): string {
  const out: string[] = [];
  for (const one of program.declarations) out.push(one);
  for (const { head, body } of program.functions) {
    out.push(`${head}\n{`);
    for (const one of body) print(one, 1, out);
    out.push('}');
  }
  return `${out.join('\n')}\n`;
}

/** As an XDP program with its result in the global variable `out`. */
export function bpfSource(program: Program): string {
  return `${PRELUDE}${printProgram(program)}
u64 out = 0;
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
__attribute__((section("xdp"), used)) int run(struct xdp_md *ctx)
{
  out = ${program.name}_main();
  return 2;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
`;
}

/** As a C program for the host that prints the result of each of the programs on a line of its own. */
export function nativeSource(programs: readonly Program[]): string {
  const calls = programs.map(({ name }) => `  printf("%llu\\n", (unsigned long long)${name}_main());`);
  return `${PRELUDE}int printf(const char *, ...);
${programs.map(printProgram).join('\n')}
int main(void)
{
${calls.join('\n')}
  return 0;
}
`;
}

export function textOf(expression: Expression): string {
  return expression.parts.map((one) => (typeof one === 'string' ? one : textOf(one))).join('');
}

function print(statement: Statement, depth: number, out: string[]): void {
  const pad = '  '.repeat(depth);
  let line = pad;
  for (const piece of statement.pieces) {
    if (typeof piece === 'string') line += piece;
    else if ('parts' in piece) line += textOf(piece);
    else {
      out.push(`${line}{`);
      for (const one of piece) print(one, depth + 1, out);
      line = `${pad}}`;
    }
  }
  out.push(line);
}
