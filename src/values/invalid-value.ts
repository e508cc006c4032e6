/** A text that is no value of the kind that is wanted. Whoever knows where it came from says so to the user. */
export class InvalidValue extends Error {
  /** What may be written instead. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}
