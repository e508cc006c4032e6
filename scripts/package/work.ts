/** Someone's work, as a stanza of DEP-5 needs it. */
export interface Work {
  /** Where its files are in the source. */
  readonly files: string;
  readonly license: string;
  readonly text: string;
  /** Who holds the copyright, when the text does not say so. */
  readonly holder: string | undefined;
}
