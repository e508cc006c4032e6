/** What README.md says to who has installed a package, and has no checkout. */

/** Commands in a checkout. */
const BLOCK_OF_THE_CHECKOUT = /```sh\n(?:(?!```)[^])*?\bnpm ci\b[^]*?```\n\n/g;

/** A line that leads to files that no package holds. */
const LINE_OF_THE_CHECKOUT = /^.*\]\((?:sprints\/|CHANGELOG\.md)\).*\n?/gm;

/** Leaves out of README.md what only a checkout has. */
export function installedReadme(text: string): string {
  return text.replace(BLOCK_OF_THE_CHECKOUT, '').replace(LINE_OF_THE_CHECKOUT, '');
}
