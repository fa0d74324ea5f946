/** asm/unistd_64.h: `{read: 0, …}`. */
export function parseSyscalls(text) {
  return Object.fromEntries(
    [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name, number]) => [name, Number(number)]),
  );
}

/** asm-generic/errno-base.h and errno.h: `[{number, name, text}]`, with the aliases left out. */
export function parseErrnos(text) {
  const found = [...text.matchAll(/^#define\s+(E\w+)\s+(\d+)\s*\/\*\s*([\s\S]*?)\s*\*\//gm)].map(
    ([, name, number, comment]) => ({
      number: Number(number),
      name,
      text: comment.replace(/\s+/g, ' '),
    }),
  );
  return found.sort((a, b) => a.number - b.number);
}
