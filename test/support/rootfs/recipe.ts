/** How a root file system is made. */
export interface Recipe {
  name: string;
  /** The source files that decide what comes out: a change of one of them makes a new cached copy. */
  sources: readonly URL[];
  /** Fills the empty directory. */
  build(directory: string): void;
}
