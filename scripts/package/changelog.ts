/** The changelog of the Debian packages, from CHANGELOG.md. */

/** Whom the packages are from. */
export interface Release {
  readonly name: string;
  readonly version: string;
  readonly maintainer: string;
  /** Of what is unreleased, in seconds since 1970. */
  readonly time: number;
}

const HEADING = /^## \[?v?([^\s\]]+)\]?(?:.*?(\d{4}-\d\d-\d\d))?/;
const WIDTH = 76;

/**
 * @param markdown sections "## VERSION (YYYY-MM-DD)", or "## Unreleased", with lists.
 * @throws Error when there is none.
 */
export function debianChangelog(markdown: string, release: Release): string {
  const entries: string[] = [];
  for (const section of markdown.split(/^(?=## )/m)) {
    const [, title = '', date] = HEADING.exec(section) ?? [];
    const items = [...section.matchAll(/^- (.*(?:\n {2}.*)*)/gm)].map(([, item = '']) => item.replaceAll(/\s+/g, ' '));
    if (items.length === 0) continue;
    const version = /^\d/.test(title) ? title : release.version;
    const time = date === undefined ? release.time * 1000 : Date.parse(`${date}T00:00:00Z`);
    entries.push(
      [
        `${release.name} (${version}) unstable; urgency=medium`,
        '',
        ...items.flatMap(wrapped),
        '',
        ` -- ${release.maintainer}  ${rfc2822(time)}`,
        '',
      ].join('\n'),
    );
  }
  if (entries.length === 0) throw new Error('CHANGELOG.md names no changes');
  return entries.join('\n');
}

function wrapped(item: string): string[] {
  const lines: string[] = [];
  for (const word of item.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, index) => `${index === 0 ? '  * ' : '    '}${line}`);
}

/** As `date -R -u`. */
function rfc2822(time: number): string {
  return new Date(time).toUTCString().replace('GMT', '+0000');
}
