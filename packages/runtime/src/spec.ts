import { SkepError } from '@skep/base';
import type { Btf, MapSpec, ObjectSpec, ProgramSpec } from '@skep/object';
import { countLost } from './count-lost.ts';
import { noSuchProgram, unknownGlobal } from './diagnostics.ts';
import type { Host, PrepareOptions } from './host.ts';
import { type Loaded, load } from './loaded.ts';
import { type Encodable, encode } from './typed/encode.ts';

export interface LoadOptions extends PrepareOptions {
  /** Which programs; all that load by themselves when not given. */
  readonly programs?: readonly string[] | undefined;
  /** What CO-RE fits programs to, in place of the host's types: those of a program whose functions are probed. */
  readonly types?: Btf | undefined;
}

/**
 * A program before it touches any machine: its maps, global variables and programs as data. Immutable; {@link with}
 * gives a changed copy. The next step is {@link load}, which gives another type: what is not loaded cannot be attached.
 */
export class Spec {
  readonly object: ObjectSpec;

  constructor(object: ObjectSpec) {
    this.object = object;
  }

  get programs(): readonly ProgramSpec[] {
    return this.object.programs;
  }
  get maps(): readonly MapSpec[] {
    return this.object.maps;
  }
  /** Names of the variables that {@link with} takes. */
  get globals(): readonly string[] {
    return this.object.globals.map((one) => one.name);
  }

  /** The same with other first values of global variables. Throws E8001, E8002. */
  with(values: { readonly [name: string]: Encodable }): Spec {
    const data = new Map<string, Uint8Array>();
    for (const [name, value] of Object.entries(values)) {
      const global = this.object.globals.find((one) => one.name === name);
      if (global === undefined) throw new SkepError(unknownGlobal(name, this.globals));
      const map = this.object.maps.find((one) => one.name === global.map)!;
      let bytes = data.get(global.map);
      if (bytes === undefined) {
        bytes = new Uint8Array(map.valueSize);
        bytes.set(map.initialValue ?? []);
        data.set(global.map, bytes);
      }
      bytes.set(encode(this.object.btf!, global.type, value, `\`${name}\``), global.offset);
    }
    const maps = this.object.maps.map((map) => {
      const initialValue = data.get(map.name);
      return initialValue ? { ...map, initialValue } : map;
    });
    return new Spec({ ...this.object, maps });
  }

  /**
   * The same with programs that count the records for which a ring buffer had no room, for {@link Records.lost}: the kernel
   * tells nobody but the program. It costs nothing while there is room.
   */
  countingLost(): Spec {
    return new Spec(countLost(this.object));
  }

  /** Makes the maps and loads the programs; on failure nothing is left behind. */
  load(host: Host, options: LoadOptions = {}): Loaded {
    return load(this.object, this.choose(options.programs), host, options);
  }

  /** Functions of a structure load with it. */
  private loadsByItself(program: ProgramSpec): boolean {
    const owners = this.maps.flatMap((one) => one.structOps ?? []);
    const using = owners.filter((one) => [...one.programs.values()].includes(program.name));
    return using.length > 0 ? using.some((one) => !one.optional) : program.autoload;
  }

  private choose(names: readonly string[] | undefined): ProgramSpec[] {
    if (names === undefined) return this.programs.filter((one) => this.loadsByItself(one));
    return names.map((name) => {
      const found = this.programs.find((one) => one.name === name);
      if (found === undefined) {
        throw new SkepError(
          noSuchProgram(
            name,
            this.programs.map((one) => one.name),
          ),
        );
      }
      return found;
    });
  }
}
