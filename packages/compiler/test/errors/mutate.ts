/** Mutations of C source, by bytes and by tokens. */
export class Mutator {
  private state = 1;
  private readonly corpus: readonly string[];

  constructor(corpus: readonly string[]) {
    this.corpus = corpus;
  }

  /** One of the texts, changed in a few places: equal seeds and numbers give equal texts. */
  text(seed: number, number: number): string {
    this.state = (Math.imul(seed, 2654435761) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.below(1);
    let text = this.pick(this.corpus);
    for (let n = this.below(2) * this.below(4); n >= 0; n--)
      text = this.below(3) === 0 ? this.bytes(text) : this.tokens(text);
    return text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) : text;
  }

  private bytes(text: string): string {
    const at = this.below(text.length + 1);
    const to = Math.min(text.length, at + 1 + this.below(8));
    switch (this.below(6)) {
      case 0:
        return text.slice(0, at) + text.slice(to);
      case 1:
        return text.slice(0, at) + this.character() + text.slice(at);
      case 2:
        return text.slice(0, at) + this.character() + text.slice(at + 1);
      case 3:
        return text.slice(0, at);
      case 4:
        return text.slice(0, to) + text.slice(at);
      default: {
        const other = this.pick(this.corpus);
        const from = this.below(other.length);
        return text.slice(0, at) + other.slice(from, from + this.below(200)) + text.slice(at);
      }
    }
  }

  private tokens(text: string): string {
    const tokens = text.match(TOKEN) ?? [];
    if (tokens.length === 0) return text;
    const at = this.below(tokens.length);
    const other = this.below(tokens.length);
    const count = 1 + this.below(6);
    switch (this.below(8)) {
      case 0:
        tokens.splice(at, count);
        break;
      case 1:
        tokens.splice(at, 0, ...tokens.slice(other, other + count));
        break;
      case 2:
        [tokens[at], tokens[other]] = [tokens[other]!, tokens[at]!];
        break;
      case 3:
        tokens[at] = this.pick(WORDS);
        break;
      case 4:
        tokens.splice(at, 0, ' ', this.pick(WORDS), ' ');
        break;
      case 5:
        tokens[at] = tokens[other]!;
        break;
      case 6: {
        // Deep nesting is where recursive descent breaks.
        const bracket = this.below(BRACKETS.length);
        const deep = this.below(20) === 0 ? 3000 : 1 + this.below(12);
        tokens.splice(at, 0, BRACKETS[bracket]![0]!.repeat(deep));
        if (this.below(2) === 0) tokens.splice(other, 0, BRACKETS[bracket]![1]!.repeat(deep));
        break;
      }
      default:
        tokens.splice(
          at,
          0,
          ...Array.from({ length: count * 3 }, () => this.pick(WORDS)).flatMap((word) => [word, ' ']),
        );
    }
    return tokens.join('');
  }

  private character(): string {
    return this.below(3) === 0
      ? String.fromCharCode(this.below(5) === 0 ? this.below(0x10000) : this.below(256))
      : this.pick([
          '{',
          '}',
          '(',
          ')',
          '[',
          ']',
          ';',
          ',',
          '"',
          "'",
          '#',
          '\\',
          '\n',
          '*',
          '.',
          '0',
          '9',
          'x',
          '-',
          '?',
        ]);
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** xorshift32. */
  private below(limit: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return limit <= 0 ? 0 : this.state % limit;
  }
}

const MAX_LENGTH = 60_000;
const TOKEN =
  /\s+|\w+|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|->|<<=?|>>=?|[-+*/%&|^=!<>]=|&&|\|\||##|\.\.\.|./gu;
const BRACKETS = ['()', '{}', '[]', '*&', '-+', '!~'];

/** What the language, its extensions and the headers give meaning to. */
const WORDS = (
  'auto break case char const continue default do double else enum extern float for goto if inline int long register ' +
  'restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool _Generic ' +
  '_Static_assert _Alignof _Alignas _Noreturn __int128 __auto_type typeof asm __attribute__ __builtin_offsetof ' +
  '__builtin_memcpy __builtin_memset __builtin_memcmp __builtin_expect __builtin_constant_p __builtin_choose_expr ' +
  '__builtin_types_compatible_p __builtin_unreachable __builtin_preserve_access_index __builtin_preserve_field_info ' +
  '__builtin_preserve_type_info __builtin_preserve_enum_value __builtin_btf_type_id __builtin_add_overflow ' +
  '__builtin_bswap64 __builtin_va_list __sync_fetch_and_add __sync_val_compare_and_swap __atomic_load_n SEC packed ' +
  'aligned section always_inline noinline weak preserve_access_index bpf_map_lookup_elem bpf_printk BPF_CORE_READ ' +
  'BPF_PROG BPF_KPROBE ctx task_struct __u8 __u16 __u32 __u64 __s64 size_t 0 1 -1 0x7fffffff 0xffffffffffffffff ' +
  '4294967296 1.5 1e9 0b11 017 08 0x \'a\' L"x" "text" "%d" u8"é" ... -> ## # ++ -- << >> <<= == != <= >= && || ? : ' +
  '; , { } ( ) [ ] * & . \n#define \n#undef \n#if \n#ifdef \n#else \n#endif \n#include \n#pragma \n#error defined ' +
  '__VA_ARGS__ __VA_OPT__ __COUNTER__ __LINE__ __FILE__ __has_include __has_builtin _Pragma'
).split(' ');
