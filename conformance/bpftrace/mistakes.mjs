// @ts-check
import { readFileSync } from 'node:fs';

/** The scripts of mistakes.txt, with what a message about each must say. @returns {{ script: string, says: string }[]} */
export function mistakes() {
  /** @type {{ script: string, says: string }[]} */
  const found = [];
  for (const line of readFileSync(new URL('mistakes.txt', import.meta.url), 'utf8').split('\n')) {
    const last = found.at(-1);
    if (line.startsWith('=> ') && last) last.says = line.slice(3);
    else if (line !== '' && !line.startsWith('# ')) found.push({ script: line, says: '' });
  }
  return found;
}
