/** Which versions of the system's libraries the binaries of a package need. */
import { run } from './run.ts';

/** The first libstdc++6 of Debian with a version of its symbols (GCC's manual, "ABI Policy and Guidelines"). */
const LIBSTDCXX: readonly (readonly [RegExp, number, number])[] = [
  // [symbols, the last number that this version has, the version of GCC]
  [/^GLIBCXX_3\.4\.(\d+)$/, 21, 5],
  [/^GLIBCXX_3\.4\.(\d+)$/, 22, 6],
  [/^GLIBCXX_3\.4\.(\d+)$/, 24, 7],
  [/^GLIBCXX_3\.4\.(\d+)$/, 25, 8],
  [/^GLIBCXX_3\.4\.(\d+)$/, 28, 9],
  [/^GLIBCXX_3\.4\.(\d+)$/, 29, 11],
  [/^GLIBCXX_3\.4\.(\d+)$/, 30, 12],
  [/^CXXABI_1\.3\.(\d+)$/, 9, 5],
  [/^CXXABI_1\.3\.(\d+)$/, 10, 6],
  [/^CXXABI_1\.3\.(\d+)$/, 11, 7],
  [/^CXXABI_1\.3\.(\d+)$/, 12, 9],
  [/^CXXABI_1\.3\.(\d+)$/, 13, 11],
];

/** The packages of Debian that these binaries need, as in the field Depends. */
export function neededLibraries(binaries: readonly string[]): string[] {
  const versions = new Set(
    binaries.flatMap((file) => run(['readelf', '--version-info', '--wide', file]).match(/\b[A-Z]+_\d[\d.]*\b/g) ?? []),
  );
  let libc = [0, 0];
  let libstdcxx = 5;
  for (const version of versions) {
    const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
    if (major !== undefined) {
      const found = [Number(major), Number(minor)];
      if (found[0]! > libc[0]! || (found[0] === libc[0] && found[1]! > libc[1]!)) libc = found;
    } else if (/^(GLIBCXX|CXXABI)_/.test(version)) libstdcxx = Math.max(libstdcxx, gccOf(version));
  }
  return [`libc6 (>= ${libc.join('.')})`, 'libgcc-s1', `libstdc++6 (>= ${libstdcxx})`];
}

function gccOf(version: string): number {
  const known = LIBSTDCXX.filter(([pattern]) => pattern.test(version));
  // GLIBCXX_3.4 and CXXABI_1.3 themselves are older than anything here.
  if (known.length === 0) return 5;
  const row = known.find(([pattern, last]) => Number(pattern.exec(version)?.[1]) <= last);
  if (row === undefined) throw new Error(`it is not known which libstdc++6 has ${version}: add it to this table`);
  return row[2];
}
