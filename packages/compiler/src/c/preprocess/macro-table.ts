import { lexText } from '../lexer.ts';
import { nameId } from '../names.ts';
import { type Macro, specialMacro } from './macro.ts';
import { SPECIAL_FUNCTIONS, SPECIAL_OBJECTS } from './special.ts';

/** The macros that are defined at the place that is being read. */
export class MacroTable {
  /** By number of the name; without holes, for reads of it are the hottest thing in preprocessing. */
  readonly byName: (Macro | undefined)[] = [];
  private readonly saved = new Map<number, (Macro | undefined)[]>();

  constructor() {
    const specials = lexText('');
    for (const name of SPECIAL_OBJECTS) this.set(nameId(name), specialMacro(name, false, specials));
    for (const name of SPECIAL_FUNCTIONS) this.set(nameId(name), specialMacro(name, true, specials));
  }

  set(name: number, macro: Macro | undefined): void {
    while (this.byName.length <= name) this.byName.push(undefined);
    this.byName[name] = macro;
  }

  isDefined(name: number): boolean {
    return this.byName[name] !== undefined && name !== PRAGMA_OPERATOR;
  }

  /** `#pragma push_macro` */
  push(name: number): void {
    const stack = this.saved.get(name);
    if (stack === undefined) this.saved.set(name, [this.byName[name]]);
    else stack.push(this.byName[name]);
  }

  /** `#pragma pop_macro`; nothing where none was pushed. */
  pop(name: number): void {
    const stack = this.saved.get(name);
    if (stack !== undefined && stack.length > 0) this.set(name, stack.pop());
  }
}

const PRAGMA_OPERATOR = nameId('_Pragma');
