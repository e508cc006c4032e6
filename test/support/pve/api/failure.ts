/** An answer that is an error, thrown from wherever it is found. */
export class ApiFailure extends Error {
  readonly status: number;
  /** By parameter, for 400. */
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string, errors?: Readonly<Record<string, string>>) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** What Perl's `die` in a method becomes: the text ends in a line feed there. */
export function died(message: string): ApiFailure {
  return new ApiFailure(500, `${message}\n`);
}

export function denied(what: string): ApiFailure {
  return new ApiFailure(403, `Permission check failed (${what})\n`);
}

export function badParameters(errors: Readonly<Record<string, string>>): ApiFailure {
  return new ApiFailure(400, 'Parameter verification failed.\n', errors);
}

/** Found before the request is looked at any further: the reason is all there is, no body follows. */
export class Unauthorized extends Error {}
