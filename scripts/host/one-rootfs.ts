/** Makes one root file system, `node one-rootfs.ts NAME`: in a process of its own, so that several are made at once. */
import { treeOf } from '../../test/support/rootfs/cache.ts';
import { recipes } from './rootfs.ts';

const [name] = process.argv.slice(2);
const recipe = recipes().find((each) => each.name === name);
if (recipe === undefined) throw new Error(`no root file system is called ${name}`);
try {
  treeOf(recipe);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
