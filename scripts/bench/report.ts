/** The printed form. */

export function heading(text: string): void {
  console.log(`\n${text}`);
}

/** One line: what was measured, its value, and what is to be said about it. */
export function row(what: string, value: string, remark = ''): void {
  console.log(`  ${what.padEnd(46)}${value.padStart(12)}${remark === '' ? '' : `   ${remark}`}`);
}

/** A ratio that is to be at most, or at least, something. */
export function judged(what: string, value: number, bound: { atMost?: number; atLeast?: number; goal?: number }): void {
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY, goal } = bound;
  const met = value <= atMost && value >= atLeast;
  const limit = Number.isFinite(atMost) ? `at most ${atMost}` : `at least ${atLeast}`;
  row(what, value.toFixed(2), `${limit}: ${met ? 'met' : 'MISSED'}${goal === undefined ? '' : ` (goal ${goal})`}`);
}
