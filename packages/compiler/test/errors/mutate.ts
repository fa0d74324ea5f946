import { Random } from '../../../../test/support/random.mjs';

/** Mutations of C source, by bytes and by tokens. */
export class Mutator {
  private random = new Random(0);
  private readonly corpus: readonly string[];

  constructor(corpus: readonly string[]) {
    this.corpus = corpus;
  }

  /** One of the texts, changed in a few places: equal seeds and numbers give equal texts. */
  text(seed: number, number: number): string {
    this.random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
    let text = this.random.pick(this.corpus);
    for (let n = this.random.below(2) * this.random.below(4); n >= 0; n--)
      text = this.random.below(3) === 0 ? this.bytes(text) : this.tokens(text);
    return text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) : text;
  }

  private bytes(text: string): string {
    const at = this.random.below(text.length + 1);
    const to = Math.min(text.length, at + 1 + this.random.below(8));
    switch (this.random.below(6)) {
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
        const other = this.random.pick(this.corpus);
        const from = this.random.below(other.length);
        return text.slice(0, at) + other.slice(from, from + this.random.below(200)) + text.slice(at);
      }
    }
  }

  private tokens(text: string): string {
    const tokens = text.match(TOKEN) ?? [];
    if (tokens.length === 0) return text;
    const at = this.random.below(tokens.length);
    const other = this.random.below(tokens.length);
    const count = 1 + this.random.below(6);
    switch (this.random.below(8)) {
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
        tokens[at] = this.random.pick(WORDS);
        break;
      case 4:
        tokens.splice(at, 0, ' ', this.random.pick(WORDS), ' ');
        break;
      case 5:
        tokens[at] = tokens[other]!;
        break;
      case 6: {
        // Deep nesting is where recursive descent breaks.
        const bracket = this.random.below(BRACKETS.length);
        const deep = this.random.below(20) === 0 ? 3000 : 1 + this.random.below(12);
        tokens.splice(at, 0, BRACKETS[bracket]![0]!.repeat(deep));
        if (this.random.below(2) === 0) tokens.splice(other, 0, BRACKETS[bracket]![1]!.repeat(deep));
        break;
      }
      default:
        tokens.splice(
          at,
          0,
          ...Array.from({ length: count * 3 }, () => this.random.pick(WORDS)).flatMap((word) => [word, ' ']),
        );
    }
    return tokens.join('');
  }

  private character(): string {
    return this.random.below(3) === 0
      ? String.fromCharCode(this.random.below(5) === 0 ? this.random.below(0x10000) : this.random.below(256))
      : this.random.pick([
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
