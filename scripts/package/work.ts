/** Someone's work, as a stanza of DEP-5 needs it. */
export interface Work {
  /** Where its files are in the source. */
  readonly files: string;
  readonly license: string;
  readonly text: string;
  /** Who holds the copyright, when the text does not say so. */
  readonly holder: string | undefined;
}

/** Works and their licences as one text, for who has no Debian package. */
export function asText(works: readonly Work[]): string {
  return works
    .map(({ files, license, text, holder }) => {
      const title = `${files} (${license}${holder === undefined ? '' : `; ${holder}`})`;
      return `${title}\n${'='.repeat(title.length)}\n\n${text.trim()}\n`;
    })
    .join('\n\n');
}
