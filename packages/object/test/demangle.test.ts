import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { demangle, demangledName } from '../src/index.ts';
import { cpuMilliseconds } from './clang.ts';

test.each([
  ['_Z3fooi', 'foo(int)'],
  ['_Z1fv', 'f()'],
  ['_ZN5MyApp6Server14handle_requestEi', 'MyApp::Server::handle_request(int)'],
  ['_ZNK5MyApp6Server4sizeEv', 'MyApp::Server::size() const'],
  ['_ZN5MyApp6ServerC2ERKS0_', 'MyApp::Server::Server(MyApp::Server const&)'],
  ['_ZN5MyApp6ServerD1Ev', 'MyApp::Server::~Server()'],
  ['_ZN12_GLOBAL__N_14workEv', '(anonymous namespace)::work()'],
  ['_ZNSt6vectorIiSaIiEE9push_backEOi', 'std::vector<int, std::allocator<int> >::push_back(int&&)'],
  ['_Z4swapIiEvRT_S1_', 'void swap<int>(int&, int&)'],
  ['_Z5printIJicEEvDpT_', 'void print<int, char>(int, char)'],
  ['_Z1gPFivE', 'g(int (*)())'],
  ['_Z1hRA3_Ki', 'h(int const (&) [3])'],
  ['_Z1mM1AFivE', 'm(int (A::*)())'],
  ['_ZlsRSoRK4Name', 'operator<<(std::ostream&, Name const&)'],
  ['_ZN3BoxcvbEv', 'Box::operator bool()'],
  ['_ZZ4mainENKUliE_clEi', 'main::{lambda(int)#1}::operator()(int) const'],
  ['_Z3addILi3ELb1EEvv', 'void add<3, true>()'],
  ['_ZTV4Base', 'vtable for Base'],
  ['_ZThn16_N1D1fEv', 'non-virtual thunk to D::f()'],
  ['_Z3fooi.cold', 'foo(int) [clone .cold]'],
  ['_Z1fB5cxx11v', 'f[abi:cxx11]()'],
])('%s is %s', (symbol, name) => {
  expect(demangle(symbol)).toBe(name);
});

test('what is no name of C++, or says more than is known here, stays', () => {
  for (const symbol of [
    'main',
    '',
    '_Z',
    '_Z3fo',
    '_ZN3fooE3',
    '_Z1fDTplfp_fp_E',
    '_RNvC4main3foo',
    `_Z${'P'.repeat(300)}i`,
  ])
    expect(demangle(symbol)).toBeUndefined();
});

test('the name without what it takes', () => {
  expect(demangledName('_ZN5MyApp6Server14handle_requestEi')).toBe('MyApp::Server::handle_request');
  expect(demangledName('_Z4swapIiEvRT_S1_')).toBe('swap<int>');
  expect(demangledName('_ZTV4Base')).toBeUndefined();
});

test('no text makes it crash or grow without end', () => {
  const piece = fc.constantFrom(
    ...'N E I J S_ S0_ T_ T0_ P R K Dp Dn F v i L X 3foo 1a St Ss C1 D2 cv ls Z Ul _ M A2_ B 4main TI Th n'.split(' '),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      expect((demangle(`_Z${pieces.join('')}`) ?? '').length).toBeLessThan(1 << 18);
    }),
  );
  const start = cpuMilliseconds();
  demangle(`_Z1fIJ${'ii'.repeat(20)}EEv${'DpT_F'.repeat(200)}`);
  expect(cpuMilliseconds() - start).toBeLessThan(2000);
});

const LIBRARY = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6';
const noPeer = !existsSync(LIBRARY) || spawnSync('c++filt', ['--version']).status !== 0;

test.skipIf(noPeer)('the names of a whole library are those that c++filt tells (needs binutils and libstdc++)', () => {
  const symbols = [
    ...new Set(
      execFileSync('nm', ['-D', '--defined-only', LIBRARY], { encoding: 'utf8', maxBuffer: 1 << 26 })
        .split('\n')
        .map((line) => line.split(' ')[2]?.replace(/@.*/, '') ?? '')
        .filter((symbol) => symbol.startsWith('_Z')),
    ),
  ];
  const wanted = execFileSync('c++filt', ['-i'], { input: symbols.join('\n'), encoding: 'utf8' }).split('\n');
  const known = symbols.flatMap((symbol, i) => {
    const name = demangle(symbol);
    return name === undefined ? [] : [{ symbol, name, wanted: wanted[i] }];
  });
  expect(known.filter((one) => one.name !== one.wanted)).toEqual([]);
  expect(known.length).toBeGreaterThan(0.95 * symbols.length);
});
