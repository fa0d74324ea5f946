/**
 * The name without its flavour: `task_struct` of `task_struct___old`. A flavour lets a program declare several shapes
 * of one kernel type; the last three underscores with something else on both sides start it.
 */
export function essentialName(name: string): string {
  for (let at = name.lastIndexOf('___'); at > 0; at = name.lastIndexOf('___', at - 1))
    if (name[at - 1] !== '_' && at + 3 < name.length && name[at + 3] !== '_') return name.slice(0, at);
  return name;
}

/** Whether two types are the same but for their flavours (`task_struct___old`). */
export function sameEssentialName(a: string, b: string): boolean {
  return a === b || essentialName(a) === essentialName(b);
}
