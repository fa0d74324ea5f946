/** The scripts of mistakes.txt, with what a message about each must say. */
export function mistakes(): { script: string; says: string }[];
