import type { Family } from './story.ts';

/** The more exact ones first. */
export const FAMILIES: readonly Family[] = [
  {
    prefix: 'E10',
    title: 'Preprocessor',
    means: 'Something about `#include`, macros, conditions or the characters of a C source.',
  },
  {
    prefix: 'E11',
    title: 'Grammar of C',
    means: 'The text is not C as the standard (with the usual GNU extensions) writes it.',
  },
  {
    prefix: 'E12',
    title: 'Types and declarations',
    means: 'The text is C, but names, types or values do not go together.',
  },
  {
    prefix: 'E13',
    title: 'Code for eBPF',
    means: 'The program is valid C, but eBPF has no room for it: its stack, registers, jumps and calls are limited.',
  },
  {
    prefix: 'E14',
    title: 'C that eBPF does not have',
    means:
      'Valid C that neither eBPF nor skep has: floating point, recursion, arrays of variable length, structs by value.',
  },
  {
    prefix: 'W12',
    title: 'Warnings about C',
    means: 'The program compiles, but something in it is probably not meant. `-Wall` and `-Wextra` show more of them.',
  },
  {
    prefix: 'W13',
    title: 'Warnings about code for eBPF',
    means: 'The program compiles, but the kernel will probably refuse it.',
  },
  { prefix: 'W14', title: 'Warnings about maps', means: 'The program compiles, but loaders will refuse a map.' },
  {
    prefix: 'W15',
    title: 'Warnings about scripts',
    means: 'Something in a script of `skep trace` is probably not meant.',
  },
  {
    prefix: 'W81',
    title: 'Warnings of `skep trace`',
    means: 'What was asked is done, but is probably not what was meant.',
  },
  { prefix: 'E15', title: 'The trace language', means: 'Something about a script of `skep trace`.' },
  { prefix: 'E16', title: 'TypeScript', means: 'Something about a program that is written in TypeScript.' },
  {
    prefix: 'E2',
    title: 'Verifier',
    means:
      'The kernel would not take the program: it cannot see that it is safe on every path. `skep check` says where, why, and what to change.',
  },
  {
    prefix: 'E30',
    title: 'ELF files',
    means: 'The file is not an object that a BPF compiler wrote, or it is damaged.',
  },
  {
    prefix: 'E31',
    title: 'BTF',
    means: 'The type information of an object or a kernel is damaged, or newer than skep.',
  },
  { prefix: 'E32', title: 'CO-RE relocations', means: 'The program cannot be fitted to the types of this kernel.' },
  { prefix: 'E33', title: 'Assembler', means: 'The bytes are no instruction, or the text is none.' },
  {
    prefix: 'E34',
    title: 'Programs and maps of an object',
    means: 'The object does not describe its programs, maps or variables as loaders need it.',
  },
  { prefix: 'E35', title: 'Linking', means: 'Objects do not fit together.' },
  {
    prefix: 'E4',
    title: 'Virtual machine',
    means: 'The virtual machine cannot do what the program asks, or stopped it.',
  },
  {
    prefix: 'E5',
    title: 'Kernel',
    means: 'The running kernel said no, or lacks something. `skep doctor` shows what it offers.',
  },
  { prefix: 'E6', title: 'Files of captures', means: 'A recording or packet file cannot be read, or is damaged.' },
  {
    prefix: 'E7',
    title: 'Command line',
    means: 'The command line, its output format or a filter cannot be understood.',
  },
  {
    prefix: 'E8',
    title: 'Running programs',
    means: 'A program cannot be opened, loaded, attached or recorded as it was asked.',
  },
  { prefix: 'E9', title: 'Tools', means: 'One of the tools cannot do its work here.' },
];
