/** What package-lock.json may hold. npm itself lets all of this pass. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect } from 'chai';

interface LockedPackage {
  name?: string;
  resolved?: string;
  integrity?: string;
  dev?: boolean;
  optional?: boolean;
  inBundle?: boolean;
}

const lockfile = resolve(import.meta.dirname, '../../package-lock.json');
const { packages } = JSON.parse(readFileSync(lockfile, 'utf8')) as { packages: Record<string, LockedPackage> };
const installed = Object.entries(packages).filter(([place]) => place !== '');

function places(wrong: (found: LockedPackage) => boolean): string[] {
  return installed.filter(([, found]) => wrong(found)).map(([place]) => place);
}

describe('package-lock.json', () => {
  it('names no place that packages come from', () => {
    expect(places(({ resolved }) => resolved !== undefined)).to.deep.equal([]);
  });

  // For an optional dependency in a version that does not exist, npm 11 installs the unrelated package "null" instead.
  it('has every package under its own name', () => {
    expect(places(({ name }) => name !== undefined)).to.deep.equal([]);
  });

  // Only binaries of the development tools for other machines, which the registry that we used does not have.
  it('has the integrity of everything that a user or a test runs', () => {
    const unverified = places(({ integrity, inBundle }) => integrity === undefined && inBundle !== true);
    const others = unverified.filter((place) => !/\/@(biomejs\/cli|oxlint\/binding|oxlint-tsgolint\/)/.test(place));
    expect(others).to.deep.equal([]);
    expect(unverified.every((place) => packages[place]?.dev === true && packages[place].optional === true)).to.equal(
      true,
    );
    expect(unverified.filter((place) => /linux-(x64|arm64)(-gnu)?$/.test(place))).to.deep.equal([]);
  });
});
